"""Reading what a decision about an assignment stands on: the assignment, its pipeline, the roster, the buyer."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.dispositions.entities import Assignment, Buyer, OfferRoster
from chalicelib.packs.dispositions.rules import assignments, proof_of_funds, ranking
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.public import Pipeline


@dataclass(frozen=True)
class BuyerSnapshot:
    """What is known of a buyer at a revision: it holds for as long as the buyer is at that revision."""

    id: str
    revision: int
    is_active: bool
    do_not_contact: bool = False
    proof: proof_of_funds.ProofOfFunds | None = None
    email: str | None = None

    @classmethod
    def from_buyer(cls, buyer: Buyer) -> "BuyerSnapshot":
        """Of a buyer that was read."""
        return cls(buyer.id, buyer.revision, buyer.is_active, buyer.do_not_contact, buyer.proof, buyer.email)

    @property
    def status(self) -> assignments.BuyerStatus:
        """As the rules of assignments see one."""
        return assignments.BuyerStatus(self.is_active, self.do_not_contact)


@dataclass(frozen=True)
class PipelineSnapshot:
    """A pipeline and its roster, strongly read together."""

    pipeline: Pipeline
    roster: OfferRoster

    @property
    def candidates(self) -> list[ranking.RankedOffer]:
        """The live assignments of the present contract. One that was offered under a contract that has ended is none."""
        if self.pipeline.stage == assignments.CLOSED:
            return []
        standing = self.pipeline.assignment_id
        return [
            ranking.RankedOffer(id, place.buyer_id, place.rank, assignments.ASSIGNED if id == standing else assignments.OFFERED)
            for id, place in self.roster.live.items()
            if place.contract_no == self.pipeline.contract_no
        ]

    @property
    def assigned_id(self) -> str | None:
        """The assignment that is assigned or closed."""
        return self.pipeline.assignment_id


def read_assignment(ctx: Context, id: str) -> tuple[Assignment, PipelineSnapshot]:
    """An assignment with its pipeline and roster; Replay where this request ran before. One round trip."""
    key = Assignment.ID.key(id)
    roster_key, pipeline_key = OfferRoster.key(key.pk), public.key(key.pk)
    rows = idempotency.read_or_replay(ctx, [key, pipeline_key, roster_key])
    assignment, pipeline = parse_live(Assignment, rows.get(key)), public.parse_pipeline(rows.get(pipeline_key))
    if assignment is None or pipeline is None:
        raise NotFound("assignment")
    return assignment, PipelineSnapshot(pipeline, OfferRoster.from_item(key.pk, rows.get(roster_key)))


def read_pipeline(ctx: Context, id: str, buyer_ids: Iterable[str]) -> tuple[PipelineSnapshot, dict[str, Buyer]]:
    """A pipeline and its roster, and these buyers, as far as there are any; Replay where this request ran before.

    One round trip for up to ninety-odd buyers. NotFound without the pipeline.
    """
    pipeline_key, roster_key = public.key(id), OfferRoster.key(id)
    keys = {buyer_id: Buyer.ID.key(buyer_id) for buyer_id in buyer_ids}
    rows = idempotency.read_or_replay(ctx, [pipeline_key, roster_key, *keys.values()])
    pipeline = public.parse_pipeline(rows.get(pipeline_key))
    if pipeline is None:
        raise NotFound("pipeline")
    buyers = {buyer_id: parse_live(Buyer, rows.get(key)) for buyer_id, key in keys.items()}
    return PipelineSnapshot(pipeline, OfferRoster.from_item(id, rows.get(roster_key))), {id: buyer for id, buyer in buyers.items() if buyer}


def get_pipelines(ctx: Context, ids: Iterable[str]) -> dict[str, Pipeline]:
    """These pipelines, as far as there are any. One round trip a hundred."""
    keys = {public.key(id): id for id in ids}
    rows = ctx.store.batch_get(keys) if keys else {}
    pipelines = {id: public.parse_pipeline(rows.get(key)) for key, id in keys.items()}
    return {id: pipeline for id, pipeline in pipelines.items() if pipeline}
