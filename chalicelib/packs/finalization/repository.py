"""Reading a deal with all that finalization goes by, and its items and certificates.

Everything that lies in the deal's partition comes by one query (`deals.read_snapshot`), and stands as it was read while the gate has the
number that was read with it. What is elsewhere comes by one batch, and is held to what was read by a condition of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.subjects import Subject, SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization.entities import Certificate, CertificateContent, Item
from chalicelib.packs.finalization.rules.checklist import is_evidence
from chalicelib.packs.finalization.rules.items import OPEN, Surroundings, other_deal
from chalicelib.packs.finalization.rules.templates import TEMPLATES
from chalicelib.packs.governance import public as governance

DEAL, ITEM, CERTIFICATE, DECISION = "deal", "item", "certificate", "decision"  # types of subjects
CONTRACT, ROUTE, TASK = "contract", "route", "task"

Items = Mapping[ItemKey, DynamoItem]


def surroundings_of(deal: deals.Deal, pipeline: Mapping[str, object] | None, waivers: frozenset[str] = frozenset()) -> Surroundings:
    """What the standing of a deal's items depends on, but for evidence: that it holds. `pipeline` are the values of its pipeline by field."""
    fields: JsonObject = {**deal.attribute_values, "kind": deal.kind, "value": value_of(deal, pipeline).amount}
    return Surroundings(fields, pipeline, waivers)


def value_of(deal: deals.Deal, pipeline: Mapping[str, object] | None) -> deals.Value:
    """What a deal is worth."""
    return deals.value_of(deal.value, cast(Decimal | None, pipeline.get("contract_price")) if pipeline else None)


@dataclass(frozen=True)
class DealState:
    """A deal with everything in its partition, and its pipeline, where it has one that is there, as of an instant.

    `subject` is the deal as decisions are bound to it. `items` are those that it has; of one that is still to get some by its kind, these, too.
    """

    snapshot: deals.DealSnapshot
    subject: Subject
    pipeline: Subject | None
    items: tuple[Item, ...]
    now: datetime

    @property
    def deal(self) -> deals.Deal:
        """The deal."""
        return self.snapshot.deal

    @property
    def value(self) -> deals.Value:
        """What it is worth."""
        return value_of(self.deal, self._pipeline_fields)

    @cached_property
    def certificates(self) -> list[Certificate]:
        """Its certificates, the first one first."""
        return [Certificate.from_item(self._row(Certificate, one.id)) for one in self.snapshot.of_type(CERTIFICATE)]

    @cached_property
    def decisions(self) -> list[governance.Decision]:
        """The decisions on the deal, the first one first."""
        return governance.decisions_of(self.snapshot.rows.values(), self.deal.id)

    @cached_property
    def surroundings(self) -> Surroundings:
        """What the standing of its items depends on."""
        named = {item.decision_id for item in self.items if item.decision_id is not None}
        waivers = frozenset(id for id in named if self.standing_decision(id, governance.WAIVE))
        evidence = is_evidence(self.snapshot.of_type(CONTRACT), self.snapshot.of_type(ROUTE))
        return replace(surroundings_of(self.deal, self._pipeline_fields, waivers), evidence=evidence)

    def standing_decision(self, id: str, act: str, *, final: bool = False) -> governance.Decision | None:
        """The decision where it is a standing approval or override of the deal for exactly this act; with `final` a final override only."""
        return governance.standing_in(self.decisions, id, act, self.subject.content_hash, self.now, final=final)

    def decision_to_act_by(self, ctx: Context, id: str, act: str, *, final: bool = False) -> governance.Decision | None:
        """`standing_decision` for the caller, who doesn't act by what they decided themselves, nor by what who asked for it did."""
        head = governance.parse_head(self.snapshot.rows.get(governance.head_key(self.deal.id).sk))
        return governance.decision_to_act_by(ctx, self.decisions, id, self.subject, head, act, final=final)

    def find_item(self, id: str) -> Item:
        """One of its items. Raises NotFound."""
        found = next((item for item in self.items if item.id == id), None)
        if found is None:
            raise NotFound(Item.ID.name)
        return found

    def with_item(self, item: Item) -> "DealState":
        """The same, with an item as it is after a change."""
        return replace(self, items=tuple(item if one.id == item.id else one for one in self.items))

    def require_child(self, ctx: Context, id: str, type: str) -> None:
        """Raise NotFound where there is no such contract or document, Conflict where it is another deal's.

        One round trip where it isn't this deal's.
        """
        if any(child.id == id for child in self.snapshot.of_type(type)):
            return
        subjects = SubjectRegistry(ctx.packs)
        subjects.require_type(id, type)
        subjects.load(ctx, id)
        raise other_deal(type)

    @property
    def _pipeline_fields(self) -> JsonObject | None:
        return None if self.pipeline is None else self.pipeline.facts

    def _row(self, kind: type[Entity], id: str) -> DynamoItem:
        return self.snapshot.rows[kind.ID.key(id).sk]


def state_of(ctx: Context, snapshot: deals.DealSnapshot, pipeline: Subject | None) -> DealState:
    """A deal of what was read: its partition, its subjects made with its pipeline, and that."""
    (subject,) = snapshot.of_type(DEAL)
    stored = tuple(Item.from_item(snapshot.rows[Item.ID.key(one.id).sk]) for one in snapshot.of_type(ITEM))
    return DealState(snapshot, subject, pipeline, stored, ctx.now)


def read(ctx: Context, deal_id: str) -> DealState:
    """A deal with its items and what their standing depends on. One round trip for each started MB, and one where it has a pipeline."""
    snapshot = deals.read_snapshot(ctx, deal_id)
    items = _read_pipeline_items(ctx, snapshot.deal)
    return state_of(ctx, snapshot.with_items(ctx, items), _pipeline_in(ctx, snapshot.deal, items))


def read_pipeline(ctx: Context, deal: deals.Deal) -> Subject | None:
    """The deal's pipeline. One round trip where it has one."""
    return _pipeline_in(ctx, deal, _read_pipeline_items(ctx, deal))


def _read_pipeline_items(ctx: Context, deal: deals.Deal) -> Items:
    return {} if deal.pipeline_id is None else ctx.store.batch_get([SubjectRegistry(ctx.packs).key(deal.pipeline_id)])


def _pipeline_in(ctx: Context, deal: deals.Deal, items: Items) -> Subject | None:
    if deal.pipeline_id is None:
        return None
    subjects = SubjectRegistry(ctx.packs)
    raw = items.get(subjects.key(deal.pipeline_id))
    return None if raw is None or "deleted_at" in raw else subjects.parse(deal.pipeline_id, raw, ctx.today)


def missing_items(ctx: Context, deal: deals.Deal, there: Iterable[str]) -> list[Item]:
    """The items of its kind's template that a deal doesn't have yet (`there` are the ids of those that it has), as the caller would add them."""
    ids = set(there)
    new = (
        Item.new(
            ctx,
            Item.id_of_template(deal, one.key),
            deal_id=deal.id,
            kind_of_item=one.kind,
            title=one.title,
            field=one.field,
            role=one.role,
            due=one.due,
            template=one.key,
            status=OPEN,
            confirmations=[],
        )
        for one in TEMPLATES[deal.kind]
    )
    return [item for item in new if item.id not in ids]


def find_certificate(ctx: Context, deal_id: str, number: int | None) -> tuple[Certificate, CertificateContent]:
    """A certificate of a deal, the latest unless its number is given, and its content. Two round trips. Raises NotFound."""
    rows = ctx.store.query_all(Certificate.children_of(deal_id))
    certificates = [certificate for row in rows if (certificate := parse_live(Certificate, row))]
    chosen = next((one for one in reversed(certificates) if number in (None, one.number)), None)
    content = None if chosen is None else ctx.store.get_item(CertificateContent.key_of(chosen.id))
    if chosen is None or content is None:
        raise NotFound(Certificate.ID.name)
    return chosen, CertificateContent.from_item(content)


def unusable() -> Conflict:
    """The refusal of a decision that doesn't stand, or not for this."""
    return Conflict("The decision doesn't stand, or not for this, or was used already.", code="decision_unusable")
