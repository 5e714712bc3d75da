"""How each pack is, found out and not written down.

Installed means: its handlers load, its entities have their place on the table, and its probe answers. A pack whose manifest
isn't there is pending; one of which something fails is degraded, with why.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from importlib import import_module
from typing import Any

from chalicelib.foundation.cache import Held, Policy
from chalicelib.foundation.context import Context
from chalicelib.foundation.manifest import Pack, installed, load
from chalicelib.foundation.parts import PARTS, table_answers
from chalicelib.foundation.system.readiness import checks
from chalicelib.packs.status.titles import TITLES

INSTALLED, PENDING, DEGRADED = "installed", "pending", "degraded"
_POLICY = Policy("pack status", timedelta(seconds=10), 1)

Probe = Callable[[Context], None]


def pack_states(ctx: Context) -> Held[list[dict[str, Any]]]:
    """All 26 packs with their status, at most ten seconds old."""
    return ctx.cache.get(ctx, _POLICY, "all", lambda: look(ctx, (*PARTS, *installed())))


def look(ctx: Context, packs: Iterable[Pack]) -> list[dict[str, Any]]:
    """All 26 packs with their status, looked at now. A letter may stand for several manifests; then each must be well."""
    here: dict[str, list[Pack]] = {}
    for pack in packs:
        here.setdefault(pack.letter, []).append(pack)
    default = _once(table_answers)
    found = []
    for letter, title in TITLES.items():
        faults = [fault for pack in here.get(letter, ()) if (fault := _fault(ctx, pack, default))]
        status = DEGRADED if faults else INSTALLED if letter in here else PENDING
        found.append({"id": letter, "name": title, "status": status, "why": "; ".join(faults) or None})
    return found


def _fault(ctx: Context, pack: Pack, default: Probe) -> str | None:
    """What is wrong with a pack, in words that tell no secret; None where it is well."""
    doing = "its routes can't be loaded"
    try:
        if pack.endpoints:
            routes = import_module(f"{pack.package}.routes")
            if missing := [endpoint.handler for endpoint in pack.endpoints if not hasattr(routes, endpoint.handler)]:
                return f"it has no handler {', '.join(missing)}"
        doing = "its entities can't be loaded"
        for kind, path in pack.entities.items():
            if kind != load(path).KIND:
                return f"its entity {path.rpartition('.')[2]} isn't of the kind {kind}"
        doing = "the table can't be described"
        ill = {name: state for name, state in checks(ctx).items() if name in ("table", "indexes") and state != "ok"}
        if pack.entities and ill:
            return "; ".join(f"{name}: {state}" for name, state in ill.items())
        doing = "its probe failed"
        (load(pack.probe) if pack.probe else default)(ctx)
    except Exception as error:
        return f"{doing} ({type(error).__name__})"
    return None


def _once(probe: Probe) -> Probe:
    """`probe`, asked at most once; every caller gets the same outcome."""
    outcome: list[Exception | None] = []

    def ask(ctx: Context) -> None:
        if not outcome:
            try:
                probe(ctx)
                outcome.append(None)
            except Exception as error:
                outcome.append(error)
        if outcome[0] is not None:
            raise outcome[0]

    return ask
