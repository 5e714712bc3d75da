"""Whether a deal is ready to be finalized: all that is checked, read at once, and the conditions under which it holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotReady
from chalicelib.foundation.idempotency import IdempotentReplay, recorded_response
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.expressions import attribute
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject, SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization import repository
from chalicelib.packs.finalization.entities import Item
from chalicelib.packs.finalization.presenters import status_view
from chalicelib.packs.finalization.repository import CONTRACT, ROUTE, TASK, DealState, Items
from chalicelib.packs.finalization.rules import checklist
from chalicelib.packs.finalization.rules.checklist import Block
from chalicelib.packs.finalization.schemas import FinalizationStatusView
from chalicelib.packs.findings import public as findings
from chalicelib.packs.findings.public import ScanFacts
from chalicelib.packs.governance import public as governance

_MISSING = "approval_missing"
MAX_HEADS = 40  # live assignments of a pipeline of which each has a condition of its own: a pipeline takes 500, a transaction 100 actions


@dataclass(frozen=True)
class Readiness:
    """What was read of a deal, and what governance says of finalizing it.

    `state` has the items that the deal is still to get by its kind, too, which are `missing`; `items` are the rows that were read elsewhere.
    """

    ctx: Context
    state: DealState
    missing: tuple[Item, ...]
    facts: ScanFacts
    items: Items
    policies: governance.Policies
    verdict: governance.Verdict

    @property
    def deal(self) -> deals.Deal:
        """The deal."""
        return self.state.deal

    @cached_property
    def elsewhere(self) -> list[Subject]:
        """The subjects in other partitions whose decisions count: its pipeline, live assignments of that, its professionals."""
        found = [self.state.pipeline, *self.facts.assignments, *self.facts.professionals]
        return [cast(Subject, one) for one in found if one is not None]

    @cached_property
    def heads(self) -> dict[str, governance.Head]:
        """The governance heads of these, as they were read."""
        return {one.id: governance.parse_head(self.items.get(governance.head_key(one.id))) for one in self.elsewhere}

    @cached_property
    def blocking(self) -> dict[str, list[Block]]:
        """What blocks each key of the checklist; a key that holds is left out."""
        snapshot = self.state.snapshot
        unmet = [approval for approval in self.verdict.approvals if not approval.is_met]
        return checklist.blocking(
            checklist.Findings(
                deal_id=self.deal.id,
                contracts=snapshot.of_type(CONTRACT),
                routes=snapshot.of_type(ROUTE),
                tasks=snapshot.of_type(TASK),
                items=self.state.items,
                surroundings=self.state.surroundings,
                issues=list(findings.critical_issues(self.ctx, self.facts, snapshot.rows).values()),
                objections=list(self._objections()),
                approvals=[{"id": self.deal.id, "why": _MISSING} for _ in unmet],
            )
        )

    def _objections(self) -> Iterator[Block]:
        """Standing denials of finalizing and flags, on the deal, its contracts, and what is elsewhere."""
        rows = self.state.snapshot.rows
        inside = [self.state.subject, *self.state.snapshot.of_type(CONTRACT)]
        heads = {one.id: governance.parse_head(rows.get(governance.head_key(one.id).sk)) for one in inside} | self.heads
        for subject in (*inside, *self.elsewhere):
            head = heads[subject.id]
            for id in governance.denials(head, governance.FINALIZE, subject.content_hash, self.ctx):
                yield {"id": id, "why": checklist.DENIED}
            for flag in head.flags:
                yield {"id": flag.id, "why": checklist.FLAGGED}

    def as_of(self, deal: deals.Deal) -> "Readiness":
        """The same of the deal as it is after a move."""
        return replace(self, state=replace(self.state, snapshot=replace(self.state.snapshot, deal=deal)))

    def view(self, *, explain: bool = False) -> FinalizationStatusView:
        """The answer: whether it is ready, and what stands in the way."""
        from chalicelib.packs.finalization.service.explaining import explanations

        view = status_view(self.deal, self.blocking, self.state.value, self.ctx.now)
        return {**view, "explain": explanations(self.ctx, self.state, self.policies)} if explain else view

    def refuse_unready(self) -> None:
        """Raise ApprovalRequired where nothing but approvals is missing, which are asked for by that; else NotReady where something is.

        It says what the answer would say. What problems have a member of their own for is the deal's status: `deal_status`.
        """
        if self.blocking.keys() == {checklist.APPROVALS}:
            raise governance.missing_approval(self.ctx, self.state.subject, governance.FINALIZE, self.verdict)
        if self.blocking:
            view = self.view()
            members: JsonObject = {name: value for name, value in view.items() if name != "status"}
            raise NotReady("Not everything that must hold does: `blocking` says what doesn't.", **members, deal_status=view["status"])

    def add_conditions(self, tx: Transaction) -> None:
        """Let a transaction stand only while what is in other partitions, and the policies, are as they were read: an action each.

        But one for all assignments, where there are many: what is decided on any of them refers to the pipeline, which counts that.
        """
        if self.state.pipeline is not None:
            id, revision = self.state.pipeline.id, self.state.pipeline.revision
            tx.condition_check(SubjectRegistry(self.ctx.packs).key(id), attribute("revision") == revision)
        many = {one.id for one in self.facts.assignments} if len(self.facts.assignments) > MAX_HEADS else set[str]()
        if many:
            counter = reference_counter(cast(str, self.deal.pipeline_id))
            tx.condition_check(counter, attribute("refs") == int(self.items[counter]["refs"]["N"]))
        for id in self.heads.keys() - many:
            governance.check_head(tx, id, self.heads[id])
        governance.check_policies(self.ctx, tx, self.policies)


def read(ctx: Context, snapshot: deals.DealSnapshot) -> Readiness:
    """What there is to check of a deal whose partition was read. One round trip where the deal has a pipeline or professionals, or with a key.

    One more while assignments of its pipeline are live, and one where a rate decides. IdempotentReplay for a repeated request.
    """
    deal, record = snapshot.deal, ctx.idempotency
    there = [deal.pipeline_id] if deal.pipeline_id else []
    also = [governance.head_key(id) for id in (*there, *deal.professional_ids)]
    facts = findings.read_scan_facts(ctx, snapshot, [*also, *([record.key] if record else [])])
    items = {key: dict(row) for key, row in facts.items.items()}
    if record is not None and (answer := recorded_response(ctx, record, items.get(record.key))) is not None:
        raise IdempotentReplay(answer)
    whole = snapshot.with_subjects(cast(Mapping[str, Sequence[Subject]], facts.children))
    state = repository.state_of(ctx, whole, cast(Subject | None, facts.pipeline))
    missing = tuple(repository.missing_items(ctx, deal, [item.id for item in state.items]) if deal.status in deals.LIVE else ())
    policies = governance.policies(ctx)
    head = governance.parse_head(snapshot.rows.get(governance.head_key(deal.id).sk))
    verdict = governance.judge(
        ctx,
        state.subject,
        head,
        policies,
        governance.FINALIZE,
        kind=deal.kind,
        amount=state.value.amount,
        currency=deal.currency,
    )
    return Readiness(ctx, replace(state, items=(*state.items, *missing)), missing, facts, items, policies, verdict)
