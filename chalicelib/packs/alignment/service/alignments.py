"""Alignments: a professional's newest signals compared with a profile, and kept."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams
from chalicelib.packs.alignment import repository
from chalicelib.packs.alignment.entities import Alignment
from chalicelib.packs.alignment.permissions import ROW
from chalicelib.packs.alignment.presenters import alignment_summary, alignment_view
from chalicelib.packs.alignment.schemas import AlignmentSummary, AlignmentView, AlignRequest
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.scorecards.public import Professional


def align_professional(ctx: Context, id: str, body: AlignRequest, query: ExplainParams) -> AlignmentView:
    """Compare a professional's newest signals that count with a profile. The alignment stays as it is, whatever becomes of either."""
    profile, current = repository.read_alignment_basis(ctx, id, body.profile_id)
    if current is None or current.signal_id is None:
        raise Conflict("No signals of the professional count. Extract some first.", code="no_signals")
    alignment = Alignment.of(ctx, id, profile, current.signal_id, repository.signals_of(current))
    view = alignment_view(alignment, explain=query.explain)
    tx = idempotent_transaction(ctx, view)
    scorecards.require_usable(tx, id)
    tx.create(alignment)
    tx.commit()
    return view


def list_alignments(ctx: Context, id: str, query: PageParams) -> PageOf[AlignmentSummary]:
    """A professional's alignments, newest first."""
    access.require_own_professional(ctx, ROW, id, Professional.ID.name)
    professional = ctx.store.require(Professional, id)
    return ctx.paginate(Alignment.children_of(professional.id), query, alignment_summary, decode=Alignment.from_item)


def get_alignment(ctx: Context, id: str, alignment_id: str, query: ExplainParams) -> AlignmentView:
    """An alignment of a professional."""
    access.require_own_professional(ctx, ROW, id, Alignment.ID.name)
    return alignment_view(repository.find_alignment(ctx, id, alignment_id), explain=query.explain)
