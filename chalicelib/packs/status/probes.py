"""The status of each pack, determined by probing it.

Installed: its handlers and entities load, the table is available, and its probe succeeds. Pending: it is planned. Degraded:
one of the checks fails; `why` says which.
"""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

from chalicelib.foundation.builtin_packs import probe_table
from chalicelib.foundation.cache import CachedValue, CachePolicy
from chalicelib.foundation.context import Context
from chalicelib.foundation.manifest import Pack, import_string
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.system.readiness import readiness_checks
from chalicelib.packs.status.schemas import PackStatusView

INSTALLED, PENDING, DEGRADED = "installed", "pending", "degraded"
_POLICY = CachePolicy("pack status", timedelta(seconds=10), 1)

Probe = Callable[[Context], None]


def pack_statuses(ctx: Context) -> CachedValue[list[PackStatusView]]:
    """All packs with their status, at most ten seconds old."""
    return ctx.cache.get(ctx, _POLICY, "all", lambda: run_probes(ctx, ctx.packs))


def run_probes(ctx: Context, packs: PackRegistry) -> list[PackStatusView]:
    """The packs by letter with their current status. A letter may have several manifests; then all that are built must succeed."""
    by_letter: dict[str, list[Pack]] = {}
    for pack in (pack for pack in packs if not pack.planned):
        by_letter.setdefault(pack.letter, []).append(pack)
    default = _run_once(probe_table)
    statuses: list[PackStatusView] = []
    for letter, title in packs.headings.items():
        errors = [error for pack in by_letter.get(letter, ()) if (error := _pack_error(ctx, pack, default))]
        status = DEGRADED if errors else INSTALLED if letter in by_letter else PENDING
        statuses.append({"id": letter, "name": title, "status": status, "why": "; ".join(errors) or None})
    return statuses


def _pack_error(ctx: Context, pack: Pack, default: Probe) -> str | None:
    """Why a pack is degraded, without secrets; None where it isn't."""
    failure = "its routes can't be loaded"
    try:
        if pack.endpoints:
            routes = import_module(f"{pack.package}.routes")
            if missing := [endpoint.handler for endpoint in pack.endpoints if not hasattr(routes, endpoint.handler)]:
                return f"it has no handler {', '.join(missing)}"
        failure = "its entities can't be loaded"
        for kind, path in pack.entities.items():
            if kind != import_string(path).KIND:
                return f"its entity {path.rpartition('.')[2]} isn't of the kind {kind}"
        failure = "the table can't be described"
        unready = {name: state for name, state in readiness_checks(ctx).items() if name in ("table", "indexes") and state != "ok"}
        if pack.entities and unready:
            return "; ".join(f"{name}: {state}" for name, state in unready.items())
        failure = "its probe failed"
        (import_string(pack.probe) if pack.probe else default)(ctx)
    except Exception as error:
        return f"{failure} ({type(error).__name__})"
    return None


def _run_once(probe: Probe) -> Probe:
    """`probe`, run at most once; every call has the same outcome."""
    outcome: list[Exception | None] = []

    def run(ctx: Context) -> None:
        if not outcome:
            try:
                probe(ctx)
                outcome.append(None)
            except Exception as error:
                outcome.append(error)
        if outcome[0] is not None:
            raise outcome[0]

    return run
