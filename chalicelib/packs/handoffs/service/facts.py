"""The facts of a packet, from the packs that they belong to."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation import packet_facts
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.packs.deals import public as deals
from chalicelib.packs.handoffs.rules.content import LISTS
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.scorecards.public import Professional
from chalicelib.packs.wholesale import public as wholesale
from chalicelib.packs.wholesale.public import Pipeline


@dataclass(frozen=True)
class Gathered:
    """The facts of a new packet, whom it is for, its deal, and the items that were read with them."""

    facts: JsonObject
    professional: Professional
    deal: deals.Deal | None
    items: dict[ItemKey, DynamoItem]


def gather(ctx: Context, professional_id: str, deal_id: str | None, also: Iterable[ItemKey] = ()) -> Gathered:
    """What there is to tell a professional, of a deal or of none. Raises NotFound where one of them isn't there.

    One round trip, one for the deal's pipeline where it has one, and one for each list that a pack brings.
    """
    keys = [*also] if deal_id is None else [deals.key(deal_id), *also]
    professional, scorecard, items = scorecards.find_with_scorecard(ctx, professional_id, keys)
    deal = None if deal_id is None else deals.parse_deal(items.get(deals.key(deal_id)))
    if deal_id is not None and deal is None:
        raise NotFound(deals.Deal.ID.name)
    pipeline = ctx.store.find(Pipeline, deal.pipeline_id) if deal and deal.pipeline_id else None
    lists = packet_facts.collect(ctx, professional_id, deal_id)
    shown = scorecards.scores_of(scorecard) if scorecard["counts"]["interactions"] else None
    facts: JsonObject = {
        "handoff_timestamp": format_timestamp(ctx.now),
        "professional": {"id": professional.id, "name": professional.name, **_listed(professional, "role", "organization")},
        "scorecard": shown,
        "deal": None if deal is None else _deal(deal, pipeline),
        **{name: lists[name].rows if name in lists else [] for name in LISTS},
        "looked_up": sorted(lists),
        "cut": [name for name in LISTS if name in lists and lists[name].cut],
    }
    return Gathered(facts, professional, deal, items)


def _listed(item: Professional | deals.Deal | Pipeline, *names: str) -> JsonObject:
    values = item.attribute_values
    return {name: values.get(name) for name in names}


def _deal(deal: deals.Deal, pipeline: Pipeline | None) -> JsonObject:
    return {
        "id": deal.id,
        **_listed(deal, "title", "status", "currency", "owner"),
        "kind": deal.kind,
        "value": deals.value_of(deal.value, pipeline.contract_price if pipeline else None).amount,
        "opened_on": deal.opened_on.isoformat(),
        "target_close_on": deal.target_close_on and deal.target_close_on.isoformat(),
        "pipeline": None if pipeline is None else _pipeline(pipeline),
    }


def _pipeline(pipeline: Pipeline) -> JsonObject:
    return {
        "id": pipeline.id,
        "address": wholesale.display_name(pipeline),
        **_listed(pipeline, "stage", "contract_price", "currency"),
        "closes_on": pipeline.closes_on and pipeline.closes_on.isoformat(),
        "inspection_ends_on": pipeline.inspection_ends_on and pipeline.inspection_ends_on.isoformat(),
    }
