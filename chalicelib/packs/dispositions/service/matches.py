"""Who buys such a house, and which houses suit a buyer: read from the market's own partitions, judged by one formula."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import Key
from chalicelib.foundation.json import loads
from chalicelib.foundation.projections import generations
from chalicelib.foundation.projections import shown as aggregates
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.keys import gate
from chalicelib.foundation.store.pages import CursorSeal
from chalicelib.packs.dispositions.entities import RECORD, Buyer, box_of, decimal, in_market, last_offer_at, proof_of
from chalicelib.packs.dispositions.rules import markets, matching
from chalicelib.packs.dispositions.rules.statistics import Counts, recent_own_faults, statistics
from chalicelib.packs.dispositions.schemas import MatchPage, MatchQuery, MatchView
from chalicelib.packs.dispositions.service.seen import pipelines_of
from chalicelib.packs.dispositions.service.shown import name_of
from chalicelib.packs.wholesale.service import dealings
from chalicelib.packs.wholesale.service.dealings import Pipeline

MOST = 2000  # buyers of a market, or houses, that one answer looks at


# -- the two sides


def house_of(pipeline: Pipeline) -> matching.House:
    """A pipeline as matching sees one."""
    place = pipeline.property or {}
    return matching.House(
        id=pipeline.id,
        place=place_of(pipeline),
        type=place.get("type"),
        price=matching.offered_price(pipeline.assignment_price, pipeline.contract_price, pipeline.assignment_fee_target),
        repairs=pipeline.repair_estimate,
        arv=pipeline.arv_estimate,
        bedrooms=decimal(place.get("bedrooms")),
        bathrooms=decimal(place.get("bathrooms")),
        sqft=decimal(place.get("sqft")),
        year_built=decimal(place.get("year_built")),
        suited_for=tuple(pipeline.suited_for or ()),
        currency=pipeline.currency,
    )


def place_of(pipeline: Pipeline) -> markets.Place:
    """Where the house is."""
    address = (pipeline.property or {}).get("address") or {}
    return markets.Place(
        postal_code=address.get("postal_code"),
        city=address.get("city"),
        region=address.get("region"),
        country=address.get("country") or markets.COUNTRY,
    )


@dataclass(frozen=True)
class _Candidate:
    buyer: matching.Buyer
    view: dict[str, Any]


def _candidate(ctx: Context, id: str, row: dict[str, Any]) -> _Candidate:
    buyer = matching.Buyer(
        id=id,
        box=box_of(row.get("buy_box"), ctx.settings.default_currency),
        proof=proof_of(row.get("proof")),
        is_active=row["is_active"],
        do_not_contact=row["do_not_contact"],
    )
    return _Candidate(buyer, loads(row["view"]))


# -- buyers of a house


def of_pipeline(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The buyers that a house suits, the best first. It reads the partitions of the house's market, and no others."""
    pipeline = pipelines_of(ctx, [id]).get(id)
    if pipeline is None:
        raise NotFound("pipeline")
    found, views, cut = buyers_for(ctx, pipeline)
    rows, cursor = _page(ctx, id, found, query)
    items = [{**_view(ctx, one, query), "name": name_of(ctx, views[one.buyer_id]), "tier": one.tier} for one in rows]
    return {"items": cast(list[MatchView], items), "next_cursor": cursor, "cut": cut}


def buyers_for(ctx: Context, pipeline: Pipeline) -> tuple[list[matching.Match], dict[str, dict[str, Any]], bool]:
    """All matches of a house, ranked; what lists show of their buyers; and whether there could be more than was read."""
    house, reading = house_of(pipeline), markets.buyers_of(place_of(pipeline))
    candidates, whole = _in_markets(ctx, reading.partitions)
    likely = [one for one in candidates.values() if not matching.match(one.buyer, house, ctx.today).out]
    judged = (matching.match(buyer, house, ctx.today) for buyer in _with_records(ctx, [one.buyer for one in likely]))
    views = {one.buyer.id: one.view for one in likely}
    return matching.ranked(judged), views, not (whole and reading.complete)


def _in_markets(ctx: Context, partitions: Iterable[markets.Partition]) -> tuple[dict[str, _Candidate], bool]:
    """Who stands in these partitions of the index, each once; and whether that is everybody there."""
    found: dict[str, _Candidate] = {}
    looked_at = 0
    for home in partitions:
        start: dict[str, Any] = {}
        while True:
            if looked_at >= MOST:
                return found, False
            answer = ctx.store.query(
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": in_market(home)}},
                Limit=MOST - looked_at,
                **start,
            )
            looked_at += len(answer["Items"])
            for raw in answer["Items"]:
                found.setdefault(raw["sk"]["S"], _candidate(ctx, raw["sk"]["S"], codec.plain(raw)))
            if "LastEvaluatedKey" not in answer:
                break
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    return found, True


def _with_records(ctx: Context, buyers: list[matching.Buyer]) -> list[matching.Buyer]:
    """The buyers with their record and the time of their last offer: two rows each, a hundred rows a round trip."""
    if not buyers:
        return []
    live = generations(ctx.store)[0]
    records = {buyer.id: Key(buyer.id, f"{RECORD}@{live}") for buyer in buyers}
    rows = ctx.store.get_many([*records.values(), *map(gate, records)])
    return [_with_record(ctx, buyer, rows.get(records[buyer.id]), rows.get(gate(buyer.id))) for buyer in buyers]


def _with_record(ctx: Context, buyer: matching.Buyer, record: Raw | None, beside: Raw | None) -> matching.Buyer:
    counts: Counts = aggregates(ctx.store, [record])[RECORD] if record else {}
    return replace(
        buyer,
        tier=statistics(counts).tier,
        recent_own_faults=recent_own_faults(counts, ctx.today),
        last_offer_at=last_offer_at(beside),
    )


# -- houses for a buyer


def of_buyer(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The pipelines for sale that suit a buyer, the best first; read by the buyer's markets where those are postal codes."""
    buyer = ctx.store.find(Buyer, id)
    if buyer is None:
        raise NotFound("buyer")
    ids, whole = _houses(ctx, buyer)
    pipelines = pipelines_of(ctx, ids)
    me = matching.Buyer(
        id=buyer.id,
        box=box_of(buyer.buy_box, ctx.settings.default_currency),
        proof=buyer.proof,
        is_active=buyer.is_active,
        do_not_contact=buyer.do_not_contact,
    )
    (me,) = _with_records(ctx, [me])
    found = matching.ranked(matching.match(me, house_of(pipeline), ctx.today) for pipeline in pipelines.values())
    rows, cursor = _page(ctx, id, found, query)
    items = [{**_view(ctx, one, query), "pipeline_id": one.house_id, "address": dealings.name(pipelines[one.house_id])} for one in rows]
    return {"items": cast(list[MatchView], items), "next_cursor": cursor, "cut": not whole}


def _houses(ctx: Context, buyer: Buyer) -> tuple[list[str], bool]:
    """The ids of the houses to look at, each once, and whether those are all that could suit.

    A city, a single digit, no market at all name no partition of houses: then the newest are looked at, wherever they are.
    """
    reading = markets.houses_of(buyer.markets)
    found: dict[str, None] = {}
    complete = True
    for area in reading.areas:
        ids, whole = dealings.in_area(ctx, area.country, area.area, area.beginning, MOST - len(found))
        found |= dict.fromkeys(ids)
        complete = complete and whole
    if reading.uncovered or not buyer.markets:
        ids, whole = dealings.newest(ctx, MOST - len(found))
        found |= dict.fromkeys(ids)
        complete = complete and whole
    return list(found), complete


# -- pages


def _page(ctx: Context, id: str, found: list[matching.Match], query: MatchQuery) -> tuple[list[matching.Match], str | None]:
    """The matches that come after the cursor. It holds the last one's place, so who stood still is met exactly once."""
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    if query.cursor:
        last = tuple(seal.open(query.cursor))
        found = [one for one in found if matching.place(one) > last]
    rows = found[: query.limit]
    return rows, seal.seal(list(matching.place(rows[-1]))) if len(found) > len(rows) else None


def _view(ctx: Context, found: matching.Match, query: MatchQuery) -> dict[str, Any]:
    view: dict[str, Any] = {
        "buyer_id": found.buyer_id,
        "score": found.score,
        "coverage": found.coverage,
        "met": found.named("met"),
        "missed": found.named("missed"),
        "unknown": found.named("unknown"),
    }
    if query.explain == "true":
        view["explain"] = matching.explain(found, ctx.today.isoformat())
    return view
