"""The endpoints of governance; most are its use cases, whose docstrings describe them in the API's document."""

from typing import Annotated

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.idempotency import IdempotentReplay
from chalicelib.packs.governance.schemas import ApprovalRequestCreate, ApprovalRequestView, DecisionView
from chalicelib.packs.governance.service import reading, requests
from chalicelib.packs.governance.service.decisions import create_decision
from chalicelib.packs.governance.service.overrides import review_override
from chalicelib.packs.governance.service.policies import confirm_proposal, get_policies, propose_policies
from chalicelib.packs.governance.service.reading import (
    get_decision,
    get_request,
    list_by_role,
    list_decisions,
    list_overrides,
    list_pending,
    read_standing,
)
from chalicelib.packs.governance.service.roles import add_holder, list_roles, remove_holder

__all__ = [
    "add_holder", "confirm_proposal", "create_decision", "create_request", "get_decision", "get_policies", "get_request", "list_by_role",
    "list_decisions", "list_overrides", "list_pending", "list_roles", "propose_policies", "read_latest_final", "read_standing",
    "remove_holder", "review_override",
]  # fmt: skip


def read_latest_final(ctx: Context, type: str, id: str) -> Annotated[ApiResponse, DecisionView | None]:
    """The last final decision on a subject, whatever became of it; null where there is none."""
    view = reading.latest_final(ctx, type, id)
    return ApiResponse(view, is_null=view is None)


def create_request(ctx: Context, body: ApprovalRequestCreate) -> Annotated[ApiResponse, ApprovalRequestView]:
    """Ask those who may decide for a decision. Of a subject and an act one request is pending: 200 where somebody has asked already."""
    try:
        view, is_new = requests.create_request(ctx, body)
    except IdempotentReplay as replay:
        raise IdempotentReplay(_answer(replay.body, is_new=replay.body["revision"] == 1)) from None
    return _answer(view, is_new=is_new)


def _answer(view: ApprovalRequestView, *, is_new: bool) -> ApiResponse:
    return ApiResponse(view, status=201 if is_new else 200)
