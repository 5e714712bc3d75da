"""Reading what comparisons and matches take, and writing matches."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from chalicelib.foundation import idempotency, party_rows
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.expiry import has_ended
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.alignment.entities import Alignment, AlignmentProfile, ProfessionalMatch, ProfessionalMatchContent
from chalicelib.packs.alignment.rules.comparison import Signals
from chalicelib.packs.alignment.rules.conflicts import KnownParty
from chalicelib.packs.deals import public as deals
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.scorecards.public import ProfessionalCard
from chalicelib.packs.signals import public as signals
from chalicelib.packs.signals.public import CurrentSignals
from chalicelib.packs.wholesale import public as wholesale


class Basis(NamedTuple):
    """What a match is made against: the profile, and the deal with its parties."""

    profile: AlignmentProfile | None
    deal_id: str | None
    parties: list[KnownParty]


def deal_id_of(ctx: Context, text: str) -> str:
    """The id of the deal that a request names by id or external reference; NotFound. One round trip for a reference."""
    id = deals.resolve_id(ctx, text)
    deals.key(id)  # of the right form
    return id


def read_basis(ctx: Context, profile_id: str | None, deal: str | None) -> Basis:
    """Profile and deal of a match; NotFound for either, IdempotentReplay for a repeated request.

    One round trip, one more for a deal that is named by its external reference, and for a deal with a pipeline.
    """
    deal_id = None if deal is None else deal_id_of(ctx, deal)
    profile_key = None if profile_id is None else AlignmentProfile.ID.key(profile_id)
    deal_key = None if deal_id is None else deals.key(deal_id)
    rows = idempotency.read_or_replay(ctx, [key for key in (profile_key, deal_key) if key is not None])
    profile = None if profile_key is None else parse_live(AlignmentProfile, rows.get(profile_key))
    if profile_key is not None and profile is None:
        raise NotFound(AlignmentProfile.ID.name)
    if deal_key is None:
        return Basis(profile, None, [])
    found = deals.parse_deal(rows.get(deal_key))
    if found is None:
        raise NotFound(deals.Deal.ID.name)
    sources: list[party_rows.PartyRows] = [found.party_rows]
    if found.pipeline_id is not None:
        key = wholesale.key(found.pipeline_id)
        if pipeline := wholesale.parse_pipeline(ctx.store.batch_get([key]).get(key)):
            sources.append(pipeline.party_rows)
    return Basis(profile, found.id, list(dict.fromkeys(party for source in sources for row in source.values() for party in _parties(row))))


# -- signals


def signals_of(current: CurrentSignals) -> Signals:
    """The signals of a professional as the rules take them."""
    values = current.signals or {}
    shares = ("communication_clarity", "professionalism_tone", "transparency_level")
    return Signals(
        **{name: None if values.get(name) is None else Decimal(values[name]) for name in shares},
        service_specialization=tuple(row["name"] for row in values.get("service_specialization") or ()),
        risk_style=values.get("risk_style"),
    )


def read_alignment_basis(ctx: Context, professional_id: str, profile_id: str) -> tuple[AlignmentProfile, CurrentSignals | None]:
    """A profile, and the signals of a professional that count; None where none do. One round trip.

    NotFound for either, Conflict for a professional who isn't active, IdempotentReplay for a repeated request.
    """
    counter_key, profile_key = scorecards.counter_key(professional_id), AlignmentProfile.ID.key(profile_id)
    current_key = signals.current_key(professional_id)
    rows = idempotency.read_or_replay(ctx, [counter_key, profile_key, current_key])
    counter = scorecards.ProfessionalCounter.require(rows.get(counter_key))
    profile = parse_live(AlignmentProfile, rows.get(profile_key))
    if profile is None:
        raise NotFound(AlignmentProfile.ID.name)
    counter.require_active()
    return profile, signals.parse_current(rows.get(current_key))


def find_alignment(ctx: Context, professional_id: str, alignment_id: str) -> Alignment:
    """An alignment of a professional who isn't deleted. Raises NotFound. One round trip."""
    professional_key, alignment_key = scorecards.key(professional_id), Alignment.ID.key(alignment_id)
    items = ctx.store.batch_get([professional_key, alignment_key])
    alignment = parse_live(Alignment, items.get(alignment_key))
    if (
        alignment is None
        or alignment.professional_id != professional_id
        or scorecards.parse_professional(items.get(professional_key)) is None
    ):
        raise NotFound(Alignment.ID.name)
    return alignment


def read_signals(ctx: Context) -> dict[str, CurrentSignals]:
    """The signals that count of each professional who has any, by professional. One round trip a started MB."""
    found = map(signals.parse_current, ctx.store.query_all(signals.all_current()))
    return {current.professional_id: current for current in found if current is not None}


# -- candidates


def read_cards(ctx: Context, role: str | None) -> list[ProfessionalCard]:
    """The cards of all active professionals, of a role or of all. One round trip a started MB."""
    rows = ctx.store.query_all(ProfessionalCard.range(role))
    return [card for card in map(ProfessionalCard.from_item, rows) if card.active]


# -- parties


def read_parties(ctx: Context, names: Iterable[Sequence[str]]) -> tuple[dict[str, list[KnownParty]], bool]:
    """The parties with each word of these names, and whether those are all. One round trip a different word.

    Of a name as many words are looked up as are stored of one, and of a word at most 500 rows are read.
    """
    of_names = [sorted(set(name)) for name in names]
    words = dict.fromkeys(word for of_name in of_names for word in of_name[: party_rows.MAX_WORDS])
    found = {word: party_rows.find(ctx.store, word) for word in words}
    are_all = all(len(of_name) <= party_rows.MAX_WORDS for of_name in of_names)
    parties = {word: [party for row in rows.rows for party in _parties(row)] for word, rows in found.items()}
    return parties, are_all and not any(rows.is_cut for rows in found.values())


def _parties(row: party_rows.PartyRow) -> list[KnownParty]:
    return [KnownParty(row.deal_id, row.pipeline_id, party["name"], party.get("role"), party["side"]) for party in row.parties]


# -- matches


def create_match(ctx: Context, match: ProfessionalMatch, content: ProfessionalMatchContent, response: object) -> None:
    """Write a match with its lists. One round trip."""
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.create(match)
    tx.put(content)
    tx.commit()


def find_match(ctx: Context, id: str) -> tuple[ProfessionalMatch, JsonObject]:
    """A match with its lists; NotFound where it has ended. One round trip."""
    match, rows = ctx.store.require_with_rows(ProfessionalMatch, id)
    if not rows or has_ended(match.ttl, ctx.now):
        raise NotFound(ProfessionalMatch.ID.name)
    return match, ProfessionalMatchContent.from_item(rows[0]).lists
