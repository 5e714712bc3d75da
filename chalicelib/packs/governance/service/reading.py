"""Reading decisions and verdicts."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.roles import GOVERNANCE
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import parse_many
from chalicelib.foundation.subjects import UNKNOWN_HASH, SubjectRegistry
from chalicelib.packs.governance import repository
from chalicelib.packs.governance.entities import ApprovalRequest, Decision, OverrideReview, partition_of
from chalicelib.packs.governance.permissions import is_limited, is_own_root, require_visible, root_keys
from chalicelib.packs.governance.presenters import (
    decision_summary,
    decision_view,
    override_summary,
    request_summary,
    request_view,
)
from chalicelib.packs.governance.repository import Further, Head, SubjectSnapshot
from chalicelib.packs.governance.rules.acts import FLAG, SUBJECT_TYPES
from chalicelib.packs.governance.rules.verdicts import counts_for, states, verdict
from chalicelib.packs.governance.schemas import (
    ApprovalRequestSummary,
    ApprovalRequestView,
    DecisionView,
    OverrideQuery,
    OverrideSummary,
    PendingQuery,
    RoleDecisionSummary,
    StandingQuery,
    StandingView,
)

V = TypeVar("V")


def get_decision(ctx: Context, id: str) -> DecisionView:
    """A decision, with its state as of now."""
    partition = Decision.ID.key(id).pk
    rows = list(ctx.store.query_all(Decision.children_of(partition)))
    found = next((row for row in rows if row["id"]["S"] == id), None)
    if found is None:
        raise NotFound(Decision.ID.name)
    decision = Decision.from_item(found)
    state = states(repository.decisions_in(rows, decision.subject_id), _hash(ctx, decision), ctx.now)[id]
    return decision_view(decision, state)


def _hash(ctx: Context, decision: Decision) -> str:
    """The hash of its subject's present content; one that no decision has where the subject was deleted."""
    try:
        return _read(ctx, decision.subject_id, Decision.ID.name).subject.content_hash
    except NotFound:
        if is_limited(ctx):
            raise
        return UNKNOWN_HASH


def list_decisions(ctx: Context, type: str, id: str, query: PageParams) -> PageOf[DecisionView]:
    """The decisions on a subject, the oldest first, with their states as of now."""
    snapshot = _find(ctx, type, id)
    decisions = repository.read_history(ctx, snapshot.subject.id)
    state_of = states(decisions, snapshot.subject.content_hash, ctx.now)
    page, cursor = ctx.page_of(decisions, lambda decision: (decision.number,), query, snapshot.subject.id)
    return {"items": [decision_view(decision, state_of[decision.id]) for decision in page], "next_cursor": cursor}


def latest_final(ctx: Context, type: str, id: str) -> DecisionView | None:
    """The last final decision on a subject, whatever became of it; None where there is none."""
    snapshot = _find(ctx, type, id)
    decisions = repository.read_history(ctx, snapshot.subject.id)
    final = next((decision for decision in reversed(decisions) if decision.is_final), None)
    if final is None:
        return None
    return decision_view(final, states(decisions, snapshot.subject.content_hash, ctx.now)[final.id])


def read_standing(ctx: Context, type: str, id: str, query: StandingQuery) -> StandingView:
    """What the decisions on a subject say of an act, and what policies want for it.

    The approval of who asked for the act isn't counted, nor of who created or owns the subject by now.
    """
    act = query.requested_action

    def decisive(head: Head) -> list[ItemKey]:
        return [Decision.ID.key(record.id) for record in head.records if record.action == FLAG or counts_for(record, act)]

    snapshot = _find(ctx, type, id, decisive)
    subject, head = snapshot.subject, snapshot.head
    needed = repository.requirement_for(ctx, snapshot.policies, act, subject)
    found = verdict(head.records, act, needed, subject.content_hash, ctx.now, repository.not_counted(head, subject, act))
    decisions = parse_many(Decision, (*found.decisions, *found.flags), snapshot.rows)
    state_of = states(head.records, subject.content_hash, ctx.now)

    def views(ids: Iterable[str]) -> list[DecisionView]:
        return [decision_view(decisions[id], state_of[id]) for id in ids]

    return {
        "requested_action": act,
        "verdict": found.verdict,
        "required": found.required,
        "people_needed": found.people_needed,
        "people": found.people,
        "decisions": views(found.decisions),
        "flags": views(found.flags),
        "subject_hash": subject.content_hash,
    }


def _find(ctx: Context, type: str, text: str, further: Further = lambda _: ()) -> SubjectSnapshot:
    """The subject that a path names; NotFound for another type's, and for another's deal where the caller is limited to their own."""
    registry = SubjectRegistry(ctx.packs)
    if type not in SUBJECT_TYPES:
        raise NotFound("type of subject")
    if registry.is_subject(text):
        registry.require_type(text, type)
    return _read(ctx, registry.resolve(ctx, type, text), type, further)


def _read(ctx: Context, subject_id: str, name: str, further: Further = lambda _: ()) -> SubjectSnapshot:
    partition = partition_of(subject_id)
    snapshot = repository.read_subject(ctx, subject_id, root_keys([partition]) if is_limited(ctx) else (), further=further)
    require_visible(ctx, partition, snapshot.rows, name)
    return snapshot


# -- lists


def list_by_role(ctx: Context, role: str, query: PageParams) -> PageOf[RoleDecisionSummary]:
    """The decisions that were made in a role, newest first."""
    if role not in GOVERNANCE:
        raise NotFound("governance role")
    return _visible(ctx, ctx.paginate(Decision.BY_ROLE.range(role=role), query, lambda row: row), decision_summary)


def list_overrides(ctx: Context, query: OverrideQuery) -> PageOf[OverrideSummary]:
    """The overrides that weren't reviewed, newest first."""
    today = ctx.today.isoformat()

    def matches(row: JsonObject) -> bool:
        return query.overdue in (None, row["review_date"] < today)

    page = ctx.paginate(OverrideReview.OPEN.range(open_since="0"), query, lambda row: row, predicate=matches)
    return _visible(ctx, page, lambda row: override_summary(row, ctx.today))


def list_pending(ctx: Context, query: PendingQuery) -> PageOf[ApprovalRequestSummary]:
    """The pending requests that ask a role, newest first; without one those that ask a role of the caller's."""
    roles = {query.role} if query.role else ctx.actor.roles
    page = ctx.paginate(
        ApprovalRequest.PENDING.range(pending="0"), query, lambda row: row, predicate=lambda row: not roles.isdisjoint(row["roles"])
    )
    return _visible(ctx, page, request_summary)


def _visible(ctx: Context, page: PageOf[JsonObject], present: Callable[[JsonObject], V]) -> PageOf[V]:
    """The page as its answer, without what lies in others' deals where the caller is limited to their own. Then one round trip more."""
    rows = page["items"]
    if rows and is_limited(ctx):
        roots: dict[ItemKey, DynamoItem] = ctx.store.batch_get(root_keys({partition_of(row["subject_id"]) for row in rows}))
        rows = [row for row in rows if is_own_root(ctx, partition_of(row["subject_id"]), roots)]
    return {"items": list(map(present, rows)), "next_cursor": page["next_cursor"]}


def get_request(ctx: Context, id: str) -> ApprovalRequestView:
    """A request for a decision."""
    key = ApprovalRequest.ID.key(id)
    rows = ctx.store.batch_get([key, *(root_keys([key.pk]) if is_limited(ctx) else ())])
    request = parse_many(ApprovalRequest, [id], rows).get(id)
    if request is None:
        raise NotFound(ApprovalRequest.ID.name)
    require_visible(ctx, key.pk, rows, ApprovalRequest.ID.name)
    return request_view(request)
