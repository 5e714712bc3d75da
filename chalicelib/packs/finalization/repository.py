"""Reading a deal with all that finalization goes by, and its items and certificates."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound
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

ITEM, CERTIFICATE, CONTRACT, ROUTE, TASK = "item", "certificate", "contract", "route", "task"  # as subjects


def surroundings_of(
    deal: deals.Deal,
    pipeline: Subject | None,
    waivers: frozenset[str] = frozenset(),
    evidence: Callable[[str], bool] = frozenset[str]().__contains__,
) -> Surroundings:
    """What the standing of a deal's items depends on."""
    price = pipeline.facts["contract_price"] if pipeline else None
    value = deals.value_of(deal.kind, deal.value, price).amount
    fields: JsonObject = {**deal.attribute_values, "kind": deal.kind, "value": value}
    return Surroundings(fields, pipeline.facts if pipeline else None, waivers, evidence)


@dataclass(frozen=True)
class DealState:
    """A deal with everything in its partition, and its pipeline, where it has one that is there. `waivers` are decisions that stand for `waive`."""

    snapshot: deals.DealSnapshot
    pipeline: Subject | None
    waivers: frozenset[str] = frozenset()

    @property
    def deal(self) -> deals.Deal:
        """The deal."""
        return self.snapshot.deal

    @cached_property
    def items(self) -> list[Item]:
        """Its items, in the order of their ids."""
        return [Item.from_item(self._row(Item, one.id)) for one in self.snapshot.of_type(ITEM)]

    @cached_property
    def certificates(self) -> list[Certificate]:
        """Its certificates, the first one first."""
        return [Certificate.from_item(self._row(Certificate, one.id)) for one in self.snapshot.of_type(CERTIFICATE)]

    @cached_property
    def surroundings(self) -> Surroundings:
        """What the standing of its items depends on."""
        evidence = is_evidence(self.snapshot.of_type(CONTRACT), self.snapshot.of_type(ROUTE))
        return surroundings_of(self.deal, self.pipeline, self.waivers, evidence)

    def find_item(self, id: str) -> Item:
        """One of its items. Raises NotFound."""
        found = next((item for item in self.items if item.id == id), None)
        if found is None:
            raise NotFound(Item.ID.name)
        return found

    def require_child(self, ctx: Context, id: str, type: str) -> None:
        """Raise NotFound where there is no such contract or document, Conflict where it is another deal's. One round trip where it isn't this one's."""
        if any(child.id == id for child in self.snapshot.of_type(type)):
            return
        subjects = SubjectRegistry(ctx.packs)
        subjects.require_type(id, type)
        subjects.load(ctx, id)
        raise other_deal(type)

    def _row(self, kind: type[Entity], id: str) -> DynamoItem:
        return self.snapshot.rows[kind.ID.key(id).sk]


def read(ctx: Context, deal_id: str) -> DealState:
    """A deal with its items and what their standing depends on. One round trip for each started MB, and one where it has a pipeline."""
    snapshot = deals.read_snapshot(ctx, deal_id)
    return DealState(snapshot, read_pipeline(ctx, snapshot.deal), standing_waivers(snapshot))


def missing_items(ctx: Context, state: DealState) -> list[Item]:
    """The items of its kind's template that the deal doesn't have yet, as they are to be added by the caller."""
    deal, there = state.deal, {item.id for item in state.items}
    new = [
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
    ]
    return [item for item in new if item.id not in there]


def find_certificate(ctx: Context, deal_id: str, number: int | None) -> tuple[Certificate, CertificateContent]:
    """A certificate of a deal, the latest unless its number is given, and its content. Two round trips. Raises NotFound."""
    rows = list(ctx.store.query_all(Certificate.children_of(deal_id)))
    certificates = [certificate for row in rows if (certificate := parse_live(Certificate, row))]
    chosen = [certificate for certificate in certificates if number in (None, certificate.number)]
    if not chosen:
        raise NotFound(Certificate.ID.name)
    content = ctx.store.get_item(CertificateContent.key_of(chosen[-1].id))
    if content is None:
        raise NotFound(Certificate.ID.name)
    return chosen[-1], CertificateContent.from_item(content)


def read_pipeline(ctx: Context, deal: deals.Deal) -> Subject | None:
    """The deal's pipeline. One round trip where it has one."""
    if deal.pipeline_id is None:
        return None
    subjects = SubjectRegistry(ctx.packs)
    raw = ctx.store.get_item(subjects.key(deal.pipeline_id))
    return None if raw is None or "deleted_at" in raw else subjects.parse(deal.pipeline_id, raw, ctx.today)


def standing_waivers(snapshot: deals.DealSnapshot) -> frozenset[str]:
    """The decisions on a deal that stand for `waive`."""
    return frozenset(_WAIVERS.get(snapshot.deal.id, ()))


_WAIVERS: dict[str, set[str]] = {}


def waiving_decision(state: DealState, decision_id: str) -> str:
    """The id of a decision by which an item of the deal may be waived. Raises Conflict where it isn't one that stands for that."""
    if decision_id not in state.waivers:
        raise unusable()
    return decision_id


def unusable() -> Conflict:
    """The refusal of a decision that doesn't stand, or not for this."""
    return Conflict("The decision doesn't stand, or not for this, or was used already.", code="decision_unusable")
