"""Asking for a decision by oneself."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.governance import repository
from chalicelib.packs.governance.entities import ApprovalRequest, partition_of
from chalicelib.packs.governance.permissions import require_may_ask, root_keys
from chalicelib.packs.governance.presenters import request_view
from chalicelib.packs.governance.repository import Head
from chalicelib.packs.governance.schemas import ApprovalRequestCreate, ApprovalRequestView
from chalicelib.packs.governance.service.asking import add_request, next_request


@retry_on_conflict
def create_request(ctx: Context, body: ApprovalRequestCreate) -> tuple[ApprovalRequestView, bool]:
    """The request that is pending once the caller has asked, and whether it is new."""
    subject_id = repository.resolve(ctx, body.subject_type, body.subject_id)
    partition, act = partition_of(subject_id), body.requested_action

    def pending(head: Head) -> list[ItemKey]:
        return [ApprovalRequest.ID.key(head.pending[act])] if act in head.pending else []

    snapshot = repository.read_subject(ctx, subject_id, root_keys([partition]), further=pending, replays=True)
    require_may_ask(ctx, partition, snapshot.rows)
    needed = repository.requirement_for(ctx, snapshot.policies, act, snapshot.subject)
    asked = next_request(ctx, snapshot, act, needed, body.note)
    view = request_view(asked.request)
    if asked.is_changed:  # what is known already is no effect to remember
        tx = idempotent_transaction(ctx, view)
        add_request(ctx, tx, snapshot, asked)
        tx.commit()
    return view, asked.is_new
