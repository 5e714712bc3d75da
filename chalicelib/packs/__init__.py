"""The packs: the one list of what the system consists of, planned packs included.

Entry points (app.py, the functions behind schedules and the stream, commands) give it to the Runtime. Manifests import nothing heavy, so
reading it costs next to nothing.
"""

from chalicelib.foundation import auth, cache_admin, documentation, system
from chalicelib.foundation.builtin_packs import BUILTIN_PACKS
from chalicelib.foundation.manifest import Pack
from chalicelib.packs import (
    alignment,
    audit,
    contracts,
    deals,
    dispositions,
    documents,
    events,
    finalization,
    findings,
    governance,
    handoffs,
    holdings,
    retainers,
    scorecards,
    signals,
    status,
    tasks,
    wholesale,
)
from chalicelib.packs.planned import PLANNED

PACKS: tuple[Pack, ...] = (
    system.PACK,
    *BUILTIN_PACKS,
    auth.PACK,
    documentation.PACK,
    cache_admin.PACK,
    audit.PACK,
    events.PACK,
    status.PACK,
    wholesale.PACK,
    dispositions.PACK,
    holdings.PACK,
    deals.PACK,
    governance.PACK,
    scorecards.PACK,
    signals.PACK,
    retainers.PACK,
    tasks.PACK,
    alignment.PACK,
    handoffs.PACK,
    finalization.PACK,
    findings.PACK,
    documents.PACK,
    contracts.PACK,
    *PLANNED,
)
