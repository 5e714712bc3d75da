"""The packs, in the order of their letters: the one list of what the system consists of.

It is read by app.py, by the functions behind schedules and the stream, and by the tools that make artifacts. Manifests import
nothing heavy, so reading it costs next to nothing.
"""

from chalicelib.foundation import auth, cache_admin, documentation, system
from chalicelib.foundation.manifest import Pack
from chalicelib.packs import audit, dispositions, events, holdings, status, wholesale

PACKS: tuple[Pack, ...] = (
    system.PACK,
    auth.PACK,
    documentation.PACK,
    cache_admin.PACK,
    audit.PACK,
    events.PACK,
    status.PACK,
    wholesale.PACK,
    dispositions.PACK,
    holdings.PACK,
)
