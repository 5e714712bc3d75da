"""The endpoints. What is computed is kept for ten seconds; the Age header says how old it is."""

from typing import Annotated, Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.answers import Reply
from chalicelib.packs.status import service
from chalicelib.packs.status.probes import pack_states
from chalicelib.packs.status.schemas import Completion, PackList, PackStatus, Summary, SystemStatus


def get_status(ctx: Context) -> Annotated[Reply, SystemStatus]:
    """The system as a whole."""
    return _aged(*service.status(ctx))


def get_summary(ctx: Context) -> Annotated[Reply, Summary]:
    """How many packs there are of each status."""
    held = pack_states(ctx)
    numbers = {f"{name}_packs": number for name, number in service.counts(held.value).items()}
    return _aged({**numbers, "summary": service.sentence(held.value)}, held.age)


def list_packs(ctx: Context) -> Annotated[Reply, PackList]:
    """All 26 packs."""
    held = pack_states(ctx)
    return _aged({"packs": held.value, **service.counts(held.value)}, held.age)


def get_pack(ctx: Context, id: str) -> Annotated[Reply, PackStatus]:
    """One pack, by its letter in either case."""
    return _aged(*service.one(ctx, id))


def complete(ctx: Context, body: Completion) -> SystemStatus:
    """Mark the backend as complete."""
    return cast(SystemStatus, service.mark(ctx, complete=True, notes=body.notes))


def incomplete(ctx: Context, body: Completion) -> SystemStatus:
    """Mark the backend as not complete; the instant of completion is forgotten."""
    return cast(SystemStatus, service.mark(ctx, complete=False, notes=body.notes))


def _aged(body: dict[str, Any], age: int) -> Reply:
    return Reply(body, headers={"Age": str(age)})
