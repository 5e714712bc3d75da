"""Leads that may be one: the same house, or the same phone of the seller. They are named, never refused.

Each is written under the digests of both (foundation.store.shared_values), in its own transaction. Leads from before there were such rows
are written under theirs when they are next edited.
"""

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.phones import to_e164
from chalicelib.foundation.postal_codes import DEFAULT_COUNTRY
from chalicelib.foundation.store import shared_values
from chalicelib.foundation.store.shared_values import NOBODY, Sharing
from chalicelib.packs.wholesale.entities import Pipeline


def with_readable_phone(values: JsonObject, country: str | None) -> JsonObject:
    """A pipeline's values with the seller's phone in E.164; one that can't be read stays as it is."""
    seller = values.get("seller") or {}
    number = to_e164(seller["phone"], country or DEFAULT_COUNTRY) if seller.get("phone") else None
    return {**values, "seller": {**seller, "phone": number}} if number else values


def find_for_new(ctx: Context, pipeline: Pipeline) -> Sharing:
    """Who else has the house or the phone of a new pipeline. One round trip, in which a repeated request meets its first answer; none
    where it has neither.
    """
    if not pipeline.digests:
        return NOBODY
    items = idempotency.read_or_replay(ctx, map(shared_values.row_key, pipeline.digests))
    return shared_values.sharing(items, pipeline.digests, pipeline.id)


def find_for_changed(ctx: Context, before: Pipeline, after: Pipeline) -> tuple[Pipeline, Sharing | None]:
    """A changed pipeline, under the digests that it has now, and who else has them; None where they are those that it had. One round trip."""
    if after.digests == (before.found_by or []):
        return after, None
    items = ctx.store.batch_get(map(shared_values.row_key, after.digests))
    after.found_by = after.digests
    return after, shared_values.sharing(items, after.digests, after.id)
