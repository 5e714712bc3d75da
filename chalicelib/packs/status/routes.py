"""The endpoints of the system status. Pack statuses are cached for ten seconds; the Age header has their age."""

from typing import Annotated

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.packs.status import service
from chalicelib.packs.status.probes import pack_statuses
from chalicelib.packs.status.schemas import CompletionRequest, PackListView, PackStatusView, StatusSummaryView, SystemStatusView


def get_status(ctx: Context) -> Annotated[ApiResponse, SystemStatusView]:
    """The system as a whole."""
    return _with_age(*service.status(ctx))


def get_summary(ctx: Context) -> Annotated[ApiResponse, StatusSummaryView]:
    """How many packs there are of each status."""
    cached = pack_statuses(ctx)
    numbers = {f"{name}_packs": number for name, number in service.counts(cached.value).items()}
    return _with_age({**numbers, "summary": service.summary_text(cached.value)}, cached.age)


def list_packs(ctx: Context) -> Annotated[ApiResponse, PackListView]:
    """All 26 packs."""
    cached = pack_statuses(ctx)
    return _with_age({"packs": cached.value, **service.counts(cached.value)}, cached.age)


def get_pack(ctx: Context, id: str) -> Annotated[ApiResponse, PackStatusView]:
    """One pack, by its letter in either case."""
    return _with_age(*service.pack_status(ctx, id))


def complete(ctx: Context, body: CompletionRequest) -> SystemStatusView:
    """Mark the backend as complete."""
    return service.set_completion(ctx, complete=True, notes=body.notes)


def incomplete(ctx: Context, body: CompletionRequest) -> SystemStatusView:
    """Mark the backend as not complete, and clear the time of completion."""
    return service.set_completion(ctx, complete=False, notes=body.notes)


def _with_age(body: object, age: int) -> ApiResponse:
    return ApiResponse(body, headers={"Age": str(age)})
