"""Matches of a pipeline and of a buyer: candidates are read from the partitions of their markets, then scored by one formula."""

from dataclasses import replace
from typing import NamedTuple

from chalicelib.foundation.context import Context
from chalicelib.foundation.postal_codes import DEFAULT_COUNTRY
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import Buyer, BuyerMarket, BuyerRecord, decimals
from chalicelib.packs.dispositions.presenters import match_view, visible_name
from chalicelib.packs.dispositions.rules import markets, matches
from chalicelib.packs.dispositions.rules.buyer_statistics import compute_statistics, recent_buyer_faults
from chalicelib.packs.dispositions.schemas import MatchPage, MatchQuery, MatchView
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.public import Pipeline

MAX_READ = 2000  # rows of buyers, or pipelines, read for one response


class RankedBuyers(NamedTuple):
    """The matches of a pipeline, the best first; the rows of the buyers that were read; whether there may be more than these."""

    matches: list[matches.Match]
    rows: dict[str, BuyerMarket]
    cut: bool


def property_profile(pipeline: Pipeline) -> matches.PropertyProfile:
    """A pipeline as the matching takes it."""
    values = pipeline.property or {}
    return matches.PropertyProfile(
        id=pipeline.id,
        location=location_of(pipeline),
        type=values.get("type"),
        price=matches.offered_price(pipeline.assignment_price, pipeline.contract_price, pipeline.assignment_fee_target),
        repairs=pipeline.repair_estimate,
        arv=pipeline.arv_estimate,
        suited_for=tuple(pipeline.suited_for or ()),
        currency=pipeline.currency,
        **decimals(values, ("bedrooms", "bathrooms", "sqft", "year_built")),
    )


def location_of(pipeline: Pipeline) -> markets.Location:
    """The location of the property."""
    address = (pipeline.property or {}).get("address") or {}
    country = address.get("country") or DEFAULT_COUNTRY
    return markets.Location(address.get("postal_code"), address.get("city"), address.get("region"), country)


def _with_record(ctx: Context, buyer: matches.BuyerProfile, record: BuyerRecord) -> matches.BuyerProfile:
    tier, faults = compute_statistics(record.counts).tier, recent_buyer_faults(record.counts, ctx.today)
    return replace(buyer, tier=tier, recent_buyer_faults=faults, last_offer_at=record.last_offer_at)


# -- buyers for a pipeline


def list_for_pipeline(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The buyers that match a pipeline, the best first. Only the partitions of its markets are read."""
    ranked = rank_buyers(ctx, repository.find_pipeline(ctx, id))
    page, cursor = _page(ctx, id, ranked.matches, query)
    items: list[MatchView] = [
        {
            **match_view(ctx, match, explain=query.explain),
            "name": visible_name(ctx, ranked.rows[match.buyer_id].list_view()),
            "tier": match.tier,
        }
        for match in page
    ]
    return {"items": items, "next_cursor": cursor, "cut": ranked.cut}


def rank_buyers(ctx: Context, pipeline: Pipeline) -> RankedBuyers:
    """All matches of a pipeline, ranked.

    One round trip a market, and one for the buyers whose record has changed lately: only theirs are read, two rows each; the
    others have a copy in their market. These are read first, so that a copy which is made meanwhile isn't missed.
    """
    house, plan = property_profile(pipeline), markets.partitions_for(location_of(pipeline))
    changed = repository.ids_with_changed_record(ctx)
    rows, is_complete = repository.read_markets(ctx, plan.partitions, MAX_READ)
    found: dict[str, matches.Match] = {}
    unread: dict[str, matches.BuyerProfile] = {}
    for id, row in rows.items():
        buyer, copy = row.profile(ctx.settings.default_currency), None if id in changed else row.copied_record
        found[id] = matches.evaluate_match(_with_record(ctx, buyer, copy) if copy else buyer, house, ctx.today)
        if copy is None and not found[id].exclusions:  # which don't depend on the record
            unread[id] = buyer
    for id, record in repository.read_records(ctx, list(unread)).items():
        found[id] = matches.evaluate_match(_with_record(ctx, unread[id], record), house, ctx.today)
    return RankedBuyers(matches.ranked(found.values()), rows, not (is_complete and plan.complete))


# -- pipelines for a buyer


def list_for_buyer(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The pipelines for sale that match a buyer, the best first; read by the buyer's markets where those are postal codes."""
    buyer, record = repository.find_buyer_with_record(ctx, id)
    ids, is_complete = _candidate_pipelines(ctx, buyer)
    pipelines = repository.find_pipelines(ctx, ids)
    profile = _with_record(ctx, buyer.market_rows()[0].profile(ctx.settings.default_currency), record)
    evaluated = (matches.evaluate_match(profile, property_profile(pipeline), ctx.today) for pipeline in pipelines.values())
    page, cursor = _page(ctx, id, matches.ranked(evaluated), query)
    items: list[MatchView] = [
        {
            **match_view(ctx, match, explain=query.explain),
            "pipeline_id": match.pipeline_id,
            "address": public.display_name(pipelines[match.pipeline_id]),
        }
        for match in page
    ]
    return {"items": items, "next_cursor": cursor, "cut": not is_complete}


def _candidate_pipelines(ctx: Context, buyer: Buyer) -> tuple[list[str], bool]:
    """The ids of the pipelines to score, and whether those are all that may match.

    A city, a single digit and no market at all have no partition of pipelines: for these the newest pipelines anywhere are read.
    """
    plan = markets.areas_for(buyer.markets)
    candidates: dict[str, None] = {}
    is_complete = True
    for area in plan.areas:
        ids, is_whole = public.list_ids_in_area(ctx, area.country, area.area, area.prefix, MAX_READ - len(candidates))
        candidates |= dict.fromkeys(ids)
        is_complete = is_complete and is_whole
    if plan.uncovered or not buyer.markets:
        ids, is_whole = public.list_newest_ids(ctx, MAX_READ - len(candidates))
        candidates |= dict.fromkeys(ids)
        is_complete = is_complete and is_whole
    return list(candidates), is_complete


def _page(ctx: Context, id: str, found: list[matches.Match], query: MatchQuery) -> tuple[list[matches.Match], str | None]:
    """The matches after the cursor, which holds the sort key of the last one, so that unchanged matches are listed exactly once."""
    cursors = repository.match_cursors(ctx, id)
    if query.cursor:
        last = tuple(cursors.verify(query.cursor))
        found = [match for match in found if matches.sort_key(match) > last]
    page = found[: query.limit]
    return page, cursors.sign(list(matches.sort_key(page[-1]))) if len(found) > len(page) else None
