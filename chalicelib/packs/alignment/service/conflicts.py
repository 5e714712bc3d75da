"""Checking names for conflicts of interest, alone and of all who may work on a deal."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.foundation import party_names
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.explanations import explain
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.packs.alignment import repository
from chalicelib.packs.alignment.rules import conflicts
from chalicelib.packs.alignment.rules.conflicts import ADVERSE, FoundParty, KnownParty
from chalicelib.packs.alignment.schemas import ConflictHit, ConflictRequest, ConflictView
from chalicelib.packs.deals.public import LIVE, Deal


class Hits(NamedTuple):
    """What was found of each name, in deals that are there; whether those are all."""

    of_names: list[list[FoundParty]]
    deals: dict[str, Deal]
    are_all: bool


def check_conflicts(ctx: Context, body: ConflictRequest, query: ExplainParams) -> ConflictView:
    """Look for names among the parties of all deals: the same words in any order, or nearly so. Nothing is kept."""
    names = [party_names.tokens(name) for name in body.names]
    if wordless := [number for number, words in enumerate(names) if not words]:
        raise ValidationFailed(
            [
                {"loc": ["names", str(number)], "message": "a word besides titles and forms of firm is needed", "type": "value_error"}
                for number in wordless
            ]
        )
    own = None if body.deal_id is None else repository.deal_id_of(ctx, body.deal_id)
    hits = _look_up(ctx, names, own)
    if own is not None and own not in hits.deals:
        raise NotFound(Deal.ID.name)
    view: ConflictView = {
        "results": [
            {"name": name, "hits": _views(found, hits.deals, body.side)} for name, found in zip(body.names, hits.of_names, strict=True)
        ],
        "cut": not hits.are_all,
    }
    if query.explain:
        inputs = {"words": dict(zip(body.names, names, strict=True)), "side": body.side, "deal_id": own}
        view["explain"] = explain(conflicts.FORMULA, inputs, format_timestamp(ctx.now), version=conflicts.VERSION)
    return view


def adverse_deals(ctx: Context, parties: Sequence[KnownParty], own: str) -> tuple[dict[str, list[str]], bool]:
    """The professionals with another deal that has an adverse party to these of the deal `own`: id → those deals; whether these are all.

    One round trip a word of the names, and one for each hundred deals in which any is found.
    """
    sides: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for party in parties:
        if words := party_names.tokens(party.name):
            sides[words].add(party.side)
    hits = _look_up(ctx, list(sides), own)
    adverse: dict[str, dict[str, None]] = defaultdict(dict)
    for asked, found in zip(sides.values(), hits.of_names, strict=True):
        for one in found:
            deal = hits.deals[one.party.deal_id]
            if any(conflicts.verdict(side, one.party.side, is_live=deal.status in LIVE) == ADVERSE for side in asked):
                for professional_id in deal.professional_ids:
                    adverse[professional_id][deal.id] = None
    return {id: sorted(deals) for id, deals in adverse.items()}, hits.are_all


def _look_up(ctx: Context, names: Sequence[Sequence[str]], own: str | None) -> Hits:
    """What is found of each name, without the deal `own`, which is read with the deals."""
    parties, are_all = repository.read_parties(ctx, names)
    found = [
        [
            one
            for one in conflicts.find_parties(words, (party for word in words for party in parties.get(word, ())))
            if one.party.deal_id != own
        ]
        for words in names
    ]
    ids = {one.party.deal_id for of_name in found for one in of_name}
    deals = ctx.store.find_many(Deal, sorted(ids | {own} if own else ids))
    return Hits([[one for one in of_name if one.party.deal_id in deals] for of_name in found], deals, are_all)


def _views(found: Sequence[FoundParty], deals: dict[str, Deal], side: str) -> list[ConflictHit]:
    """The hits, adverse ones first, then the exact ones, then by deal, newest first."""
    views: list[ConflictHit] = []
    for party, match in found:
        deal = deals[party.deal_id]
        is_live = deal.status in LIVE
        views.append(
            {
                "matched_name": party.name,
                "match": match,
                "deal_id": party.deal_id,
                "pipeline_id": party.pipeline_id,
                "role": party.role,
                "side": party.side,
                "live": is_live,
                "professional_ids": deal.professional_ids,
                "verdict": conflicts.verdict(side, party.side, is_live=is_live),
            }
        )
    views.sort(key=lambda view: str(view["deal_id"]), reverse=True)
    return sorted(views, key=lambda view: (view["verdict"], view["match"]))
