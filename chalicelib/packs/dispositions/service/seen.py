"""Reading what a decision about an assignment stands on: the assignment, its pipeline, the roster, the buyer."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.store.store import alive
from chalicelib.packs.dispositions.entities import Assignment, Buyer, Roster
from chalicelib.packs.dispositions.rules import assignments, proofs, ranks
from chalicelib.packs.wholesale.service import dealings
from chalicelib.packs.wholesale.service.dealings import Pipeline


@dataclass(frozen=True)
class BuyerSeen:
    """What is known of a buyer at a revision: it holds for as long as the buyer is at that revision."""

    id: str
    revision: int
    is_active: bool
    do_not_contact: bool = False
    proof: proofs.Proof | None = None
    email: str | None = None

    @classmethod
    def of(cls, buyer: Buyer) -> "BuyerSeen":
        """Of a buyer that was read."""
        return cls(buyer.id, buyer.revision, buyer.is_active, buyer.do_not_contact, buyer.proof, buyer.email)

    @property
    def as_rule(self) -> assignments.Buyer:
        """As the rules of assignments see one."""
        return assignments.Buyer(self.is_active, self.do_not_contact)


@dataclass(frozen=True)
class Seen:
    """A pipeline and its roster, strongly read together."""

    pipeline: Pipeline
    roster: Roster

    @property
    def candidates(self) -> list[ranks.Candidate]:
        """The live assignments of the present contract. One that was offered under a contract that has ended is none."""
        if self.pipeline.stage == assignments.CLOSED:
            return []
        standing = self.pipeline.assignment_id
        return [
            ranks.Candidate(id, place.buyer_id, place.rank, assignments.ASSIGNED if id == standing else assignments.OFFERED)
            for id, place in self.roster.live.items()
            if place.contract_no == self.pipeline.contract_no
        ]

    @property
    def taken_by(self) -> str | None:
        """The assignment that is assigned or closed."""
        return self.pipeline.assignment_id


def read_assignment(ctx: Context, id: str) -> tuple[Assignment, Seen]:
    """An assignment with its pipeline and roster; Replay where this request ran before. One round trip."""
    key = Assignment.ID.key(id)
    roster_key, pipeline_key = Roster.key(key.pk), dealings.key(key.pk)
    rows = idempotency.read(ctx, [key, pipeline_key, roster_key])
    assignment, pipeline = alive(Assignment, rows.get(key)), dealings.of_row(rows.get(pipeline_key))
    if assignment is None or pipeline is None:
        raise NotFound("assignment")
    return assignment, Seen(pipeline, Roster.of_row(key.pk, rows.get(roster_key)))


def read_pipeline(ctx: Context, id: str, buyer_ids: Iterable[str]) -> tuple[Seen, dict[str, Buyer]]:
    """A pipeline and its roster, and these buyers, as far as there are any; Replay where this request ran before.

    One round trip for up to ninety-odd buyers. NotFound without the pipeline.
    """
    pipeline_key, roster_key = dealings.key(id), Roster.key(id)
    keys = {buyer_id: Buyer.ID.key(buyer_id) for buyer_id in buyer_ids}
    rows = idempotency.read(ctx, [pipeline_key, roster_key, *keys.values()])
    pipeline = dealings.of_row(rows.get(pipeline_key))
    if pipeline is None:
        raise NotFound("pipeline")
    found = {buyer_id: alive(Buyer, rows.get(key)) for buyer_id, key in keys.items()}
    return Seen(pipeline, Roster.of_row(id, rows.get(roster_key))), {id: buyer for id, buyer in found.items() if buyer}


def pipelines_of(ctx: Context, ids: Iterable[str]) -> dict[str, Pipeline]:
    """These pipelines, as far as there are any. One round trip a hundred."""
    keys = {dealings.key(id): id for id in ids}
    rows = ctx.store.get_many(keys) if keys else {}
    found = {id: dealings.of_row(rows.get(key)) for key, id in keys.items()}
    return {id: pipeline for id, pipeline in found.items() if pipeline}
