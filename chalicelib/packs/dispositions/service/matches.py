"""Matches of a pipeline and of a buyer: candidates are read from the partitions of their markets, then scored by one formula."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.postal_codes import DEFAULT_COUNTRY
from chalicelib.foundation.store.codec import decimals
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import Buyer, BuyerMarket, BuyerRecord
from chalicelib.packs.dispositions.permissions import CONTACTS
from chalicelib.packs.dispositions.presenters import match_view
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
    address = values.get("address") or {}
    country = address.get("country") or DEFAULT_COUNTRY
    return matches.PropertyProfile(
        id=pipeline.id,
        location=markets.Location(address.get("postal_code"), address.get("city"), address.get("region"), country),
        type=values.get("type"),
        price=matches.offered_price(pipeline.assignment_price, pipeline.contract_price, pipeline.assignment_fee_target),
        repairs=pipeline.repair_estimate,
        arv=pipeline.arv_estimate,
        suited_for=tuple(pipeline.suited_for or ()),
        currency=pipeline.currency,
        **decimals(values, ("bedrooms", "bathrooms", "sqft", "year_built")),
    )


def _with_record(ctx: Context, buyer: matches.BuyerProfile, record: BuyerRecord) -> matches.BuyerProfile:
    tier, faults = compute_statistics(record.counts).tier, recent_buyer_faults(record.counts, ctx.today)
    return replace(buyer, tier=tier, recent_buyer_faults=faults, last_offer_at=record.last_offer_at)


# -- buyers for a pipeline


def list_pipeline_matches(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The buyers that match a pipeline, the best first."""
    ranked = rank_buyers(ctx, ctx.store.require(Pipeline, id))
    page, cursor = ctx.page_of(ranked.matches, matches.sort_key, query, id)
    items: list[MatchView] = []
    for match in page:
        name = access.shown(ctx, CONTACTS, ranked.rows[match.buyer_id].list_view()["name"])
        items.append({**match_view(ctx, match, explain=query.explain), "name": name or "", "tier": match.tier})
    return {"items": items, "next_cursor": cursor, "cut": ranked.cut}


def rank_buyers(ctx: Context, pipeline: Pipeline) -> RankedBuyers:
    """All matches of a pipeline, ranked. One round trip a market, and one for the buyers whose record has changed lately."""
    # Only the records of these are read, two rows each; the others have a copy in their market. They are read first, so that a copy which
    # is made meanwhile isn't missed.
    house = property_profile(pipeline)
    plan, changed = markets.partitions_for(house.location), repository.ids_with_changed_record(ctx)
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


def list_buyer_matches(ctx: Context, id: str, query: MatchQuery) -> MatchPage:
    """The pipelines for sale that match a buyer, the best first."""
    buyer, record = repository.find_buyer_with_record(ctx, id)
    ids, is_complete = _candidate_pipelines(ctx, buyer)
    pipelines = ctx.store.find_many(Pipeline, ids)
    profile = _with_record(ctx, buyer.market_rows()[0].profile(ctx.settings.default_currency), record)
    evaluated = (matches.evaluate_match(profile, property_profile(pipeline), ctx.today) for pipeline in pipelines.values())
    page, cursor = ctx.page_of(matches.ranked(evaluated), matches.sort_key, query, id)
    items: list[MatchView] = []
    for match in page:
        address = public.display_name(pipelines[match.pipeline_id])
        items.append({**match_view(ctx, match, explain=query.explain), "pipeline_id": match.pipeline_id, "address": address})
    return {"items": items, "next_cursor": cursor, "cut": not is_complete}


def _candidate_pipelines(ctx: Context, buyer: Buyer) -> tuple[list[str], bool]:
    """The ids of the pipelines to score, and whether those are all that may match."""
    plan = markets.areas_for(buyer.markets)
    reads = [partial(public.list_ids_in_area, ctx, area.country, area.area, area.prefix) for area in plan.areas]
    if plan.uncovered or not buyer.markets:  # which have no partition of pipelines: the newest anywhere
        reads.append(partial(public.list_newest_ids, ctx))
    candidates: dict[str, None] = {}
    is_complete = True
    for read in reads:
        ids, is_whole = read(limit=MAX_READ - len(candidates))
        candidates |= dict.fromkeys(ids)
        is_complete = is_complete and is_whole
    return list(candidates), is_complete
