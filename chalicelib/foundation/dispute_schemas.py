"""Requests that open and settle a dispute."""

from typing import Annotated

from pydantic import Field

from chalicelib.foundation import disputes
from chalicelib.foundation import schema_types as t


class DisputeRequest(t.RequestBody):
    """A dispute of what is recorded."""

    model_config = t.body_example({"reason": "The deadline had been moved by the client."})

    reason: Annotated[t.Notes, Field(min_length=1)]


class SettleRequest(t.RequestBody):
    """The end of a dispute: upheld, what was recorded doesn't count; rejected, it counts again."""

    model_config = t.body_example({"outcome": "upheld", "note": "The client confirms it."})

    outcome: Annotated[str, t.OneOf(disputes.OUTCOMES, "DisputeOutcome")]
    note: Annotated[t.Notes, Field(min_length=1)]
