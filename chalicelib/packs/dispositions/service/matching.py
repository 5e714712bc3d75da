"""Who buys such a house, and which houses suit a buyer: read from the market's own partitions, judged by one formula."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.projections import generations
from chalicelib.foundation.projections import live_aggregates as aggregates
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.pagination import CursorSigner
from chalicelib.packs.dispositions.entities import (
    STATISTICS_SORT_KEY,
    Buyer,
    last_offer_at,
    market_key,
    optional_decimal,
    parse_buy_box,
    parse_proof,
)
from chalicelib.packs.dispositions.presenters import visible_name
from chalicelib.packs.dispositions.rules import markets, matching
from chalicelib.packs.dispositions.rules.buyer_statistics import Counts, compute_statistics, recent_buyer_faults
from chalicelib.packs.dispositions.schemas import MatchPage, MatchQuery, MatchView
from chalicelib.packs.dispositions.service.seen import get_pipelines
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.public import Pipeline

MAX_READ = 2000  # buyers of a market, or houses, that one answer looks at


# -- the two sides


def property_profile(pipeline: Pipeline) -> matching.PropertyProfile:
    """A pipeline as matching sees one."""
    values = pipeline.property or {}
    return matching.PropertyProfile(
        id=pipeline.id,
        location=location_of(pipeline),
        type=values.get("type"),
        price=matching.offered_price(pipeline.assignment_price, pipeline.contract_price, pipeline.assignment_fee_target),
        repairs=pipeline.repair_estimate,
        arv=pipeline.arv_estimate,
        bedrooms=optional_decimal(values.get("bedrooms")),
        bathrooms=optional_decimal(values.get("bathrooms")),
        sqft=optional_decimal(values.get("sqft")),
        year_built=optional_decimal(values.get("year_built")),
        suited_for=tuple(pipeline.suited_for or ()),
        currency=pipeline.currency,
    )


def location_of(pipeline: Pipeline) -> markets.Location:
    """Where the house is."""
    address = (pipeline.property or {}).get("address") or {}
    return markets.Location(
        postal_code=address.get("postal_code"),
        city=address.get("city"),
        region=address.get("region"),
        country=address.get("country") or markets.COUNTRY,
    )


@dataclass(frozen=True)
class _IndexedBuyer:
    buyer: matching.BuyerProfile
    view: dict[str, Any]


def _indexed_buyer(ctx: Context, id: str, row: dict[str, Any]) -> _IndexedBuyer:
    buyer = matching.BuyerProfile(
        id=id,
        box=parse_buy_box(row.get("buy_box"), ctx.settings.default_currency),
        proof=parse_proof(row.get("proof")),
        is_active=row["is_active"],
        do_not_contact=row["do_not_contact"],
    )
    return _IndexedBuyer(buyer, loads(row["view"]))


# -- buyers of a house


def list_for_pipeline(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The buyers that a house suits, the best first. It reads the partitions of the house's market, and no others."""
    pipeline = get_pipelines(ctx, [id]).get(id)
    if pipeline is None:
        raise NotFound("pipeline")
    matches, views, cut = rank_buyers(ctx, pipeline)
    rows, cursor = _page(ctx, id, matches, query)
    items = [{**_match_view(ctx, one, query), "name": visible_name(ctx, views[one.buyer_id]), "tier": one.tier} for one in rows]
    return {"items": cast(list[MatchView], items), "next_cursor": cursor, "cut": cut}


def rank_buyers(ctx: Context, pipeline: Pipeline) -> tuple[list[matching.Match], dict[str, dict[str, Any]], bool]:
    """All matches of a house, ranked; what lists show of their buyers; and whether there could be more than was read."""
    profile, plan = property_profile(pipeline), markets.partitions_for(location_of(pipeline))
    candidates, complete = _read_markets(ctx, plan.partitions)
    likely = [one for one in candidates.values() if not matching.evaluate_match(one.buyer, profile, ctx.today).exclusions]
    matches = (matching.evaluate_match(buyer, profile, ctx.today) for buyer in _with_records(ctx, [one.buyer for one in likely]))
    views = {one.buyer.id: one.view for one in likely}
    return matching.ranked(matches), views, not (complete and plan.complete)


def _read_markets(ctx: Context, partitions: Iterable[markets.Partition]) -> tuple[dict[str, _IndexedBuyer], bool]:
    """Who stands in these partitions of the index, each once; and whether that is everybody there."""
    buyers: dict[str, _IndexedBuyer] = {}
    row_count = 0
    for partition in partitions:
        start: dict[str, Any] = {}
        while True:
            if row_count >= MAX_READ:
                return buyers, False
            response = ctx.store.query(
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": market_key(partition)}},
                Limit=MAX_READ - row_count,
                **start,
            )
            row_count += len(response["Items"])
            for raw in response["Items"]:
                buyers.setdefault(raw["sk"]["S"], _indexed_buyer(ctx, raw["sk"]["S"], codec.decode_item(raw)))
            if "LastEvaluatedKey" not in response:
                break
            start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}
    return buyers, True


def _with_records(ctx: Context, buyers: list[matching.BuyerProfile]) -> list[matching.BuyerProfile]:
    """The buyers with their record and the time of their last offer: two rows each, a hundred rows a round trip."""
    if not buyers:
        return []
    live = generations(ctx.store)[0]
    records = {buyer.id: ItemKey(buyer.id, f"{STATISTICS_SORT_KEY}@{live}") for buyer in buyers}
    rows = ctx.store.batch_get([*records.values(), *map(reference_counter, records)])
    return [_with_record(ctx, buyer, rows.get(records[buyer.id]), rows.get(reference_counter(buyer.id))) for buyer in buyers]


def _with_record(
    ctx: Context, buyer: matching.BuyerProfile, record: DynamoItem | None, counter: DynamoItem | None
) -> matching.BuyerProfile:
    counts: Counts = aggregates(ctx.store, [record])[STATISTICS_SORT_KEY] if record else {}
    return replace(
        buyer,
        tier=compute_statistics(counts).tier,
        recent_own_faults=recent_buyer_faults(counts, ctx.today),
        last_offer_at=last_offer_at(counter),
    )


# -- houses for a buyer


def list_for_buyer(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The pipelines for sale that suit a buyer, the best first; read by the buyer's markets where those are postal codes."""
    buyer = ctx.store.find(Buyer, id)
    if buyer is None:
        raise NotFound("buyer")
    ids, complete = _candidate_pipelines(ctx, buyer)
    pipelines = get_pipelines(ctx, ids)
    profile = matching.BuyerProfile(
        id=buyer.id,
        box=parse_buy_box(buyer.buy_box, ctx.settings.default_currency),
        proof=buyer.proof,
        is_active=buyer.is_active,
        do_not_contact=buyer.do_not_contact,
    )
    (profile,) = _with_records(ctx, [profile])
    matches = matching.ranked(matching.evaluate_match(profile, property_profile(pipeline), ctx.today) for pipeline in pipelines.values())
    rows, cursor = _page(ctx, id, matches, query)
    items = [
        {**_match_view(ctx, one, query), "pipeline_id": one.pipeline_id, "address": public.display_name(pipelines[one.pipeline_id])}
        for one in rows
    ]
    return {"items": cast(list[MatchView], items), "next_cursor": cursor, "cut": not complete}


def _candidate_pipelines(ctx: Context, buyer: Buyer) -> tuple[list[str], bool]:
    """The ids of the houses to look at, each once, and whether those are all that could suit.

    A city, a single digit, no market at all name no partition of houses: then the newest are looked at, wherever they are.
    """
    plan = markets.areas_for(buyer.markets)
    ids_found: dict[str, None] = {}
    complete = True
    for area in plan.areas:
        ids, area_complete = public.list_ids_in_area(ctx, area.country, area.area, area.prefix, MAX_READ - len(ids_found))
        ids_found |= dict.fromkeys(ids)
        complete = complete and area_complete
    if plan.uncovered or not buyer.markets:
        ids, area_complete = public.list_newest_ids(ctx, MAX_READ - len(ids_found))
        ids_found |= dict.fromkeys(ids)
        complete = complete and area_complete
    return list(ids_found), complete


# -- pages


def _page(ctx: Context, id: str, matches: list[matching.Match], query: MatchQuery) -> tuple[list[matching.Match], str | None]:
    """The matches that come after the cursor. It holds the last one's place, so who stood still is met exactly once."""
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    if query.cursor:
        last = tuple(seal.verify(query.cursor))
        matches = [one for one in matches if matching.sort_key(one) > last]
    rows = matches[: query.limit]
    return rows, seal.sign(list(matching.sort_key(rows[-1]))) if len(matches) > len(rows) else None


def _match_view(ctx: Context, match: matching.Match, query: MatchQuery) -> dict[str, Any]:
    view: dict[str, Any] = {
        "buyer_id": match.buyer_id,
        "score": match.score,
        "coverage": match.coverage,
        "met": match.criteria("met"),
        "missed": match.criteria("missed"),
        "unknown": match.criteria("unknown"),
    }
    if query.explain:
        view["explain"] = matching.explain_match(match, ctx.today.isoformat())
    return view
