"""The endpoints of signals."""

from typing import Annotated

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.idempotency import IdempotentReplay
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.packs.signals.schemas import ExtractionRequest, ExtractionView, HeldDataView
from chalicelib.packs.signals.service.extraction import extract
from chalicelib.packs.signals.service.held_data import collect_held_data
from chalicelib.packs.signals.service.signals import dispute_signal, get_signal, list_signals, settle_signal

__all__ = ["dispute_signal", "extract_signals", "get_signal", "list_signals", "read_held_data", "settle_signal"]


def extract_signals(ctx: Context, body: ExtractionRequest, query: ExplainParams) -> Annotated[ApiResponse, ExtractionView]:
    """Extract signals from public text: how it is written, nothing about the person. 201 where they are kept, of a professional.

    Each signal has evidence that quotes the text, and a confidence. URLs are fetched from the public internet only, as their robots.txt
    allows; what can't be read is in `sources_failed`, and where nothing can be the request is refused with an entry a source.
    """
    try:
        return _answer(extract(ctx, body, explain=query.explain))
    except IdempotentReplay as replay:
        raise IdempotentReplay(_answer(replay.body)) from None


def _answer(view: ExtractionView) -> ApiResponse:
    return ApiResponse(view, status=201 if "id" in view else 200)


def read_held_data(ctx: Context, id: str) -> Annotated[ApiResponse, HeldDataView]:
    """All that is held on a professional, as a JSON file: each pack's part, newest first, 5 MB at most; `cut` names the parts that hold more."""
    view = collect_held_data(ctx, id)
    return ApiResponse(view, headers={"Content-Disposition": f'attachment; filename="{view["professional_id"]}.json"'})
