"""Decisions, requests, reviews, roles and policies as answers."""

from collections.abc import Iterable
from datetime import date

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.roles import ABOUT, GOVERNANCE
from chalicelib.packs.governance.entities import ApprovalRequest, Decision, OverrideReview, decode_policy
from chalicelib.packs.governance.rules.policies import Policies, Policy
from chalicelib.packs.governance.schemas import (
    ApprovalRequestSummary,
    ApprovalRequestView,
    DecisionView,
    GovernancePolicyView,
    GovernanceRoleView,
    OverrideReviewView,
    OverrideSummary,
    PoliciesView,
    PolicyProposalView,
    RoleDecisionSummary,
)


def decision_view(decision: Decision, state: str) -> DecisionView:
    """A decision with its state."""
    return present(DecisionView, decision, state=state)


def decision_summary(row: JsonObject) -> RoleDecisionSummary:
    """A decision of a list."""
    return present_row(RoleDecisionSummary, row)


def override_summary(row: JsonObject, today: date) -> OverrideSummary:
    """An override of a list, from the row of its review."""
    given = {"id": row["decision_id"], "overdue": row["review_date"] < today.isoformat()}
    return present_row(OverrideSummary, {**row, **given})


def review_view(review: OverrideReview) -> OverrideReviewView:
    """The review of an override."""
    return present(OverrideReviewView, review)


def request_view(request: ApprovalRequest) -> ApprovalRequestView:
    """A request for a decision."""
    return present(ApprovalRequestView, request)


def request_summary(row: JsonObject) -> ApprovalRequestSummary:
    """A pending request of a list."""
    return present_row(ApprovalRequestSummary, row)


def role_view(role: str, users: list[JsonObject]) -> GovernanceRoleView:
    """A role with its holders, of these users."""
    powers, types = GOVERNANCE[role]
    return {
        "role": role,
        "about": ABOUT[role],
        "powers": sorted(powers),
        "subjects": None if types is None else sorted(types),
        "holders": [{"user_id": user["id"], "name": user["name"]} for user in users if role in user["governance_roles"]],
    }


def policies_view(policies: Policies, proposals: Iterable[JsonObject]) -> PoliciesView:
    """The policies in force, and the proposals that can be confirmed."""
    return {
        "version": policies.version,
        "policies": list(map(_policy_view, policies.policies)),
        "self_approval": policies.self_approval,
        "proposals": list(map(proposal_view, proposals)),
    }


def proposal_view(proposal: JsonObject) -> PolicyProposalView:
    """A proposal as it is stored."""
    return {
        "id": proposal["id"],
        "policies": [_policy_view(decode_policy(policy)) for policy in proposal["policies"]],
        "self_approval": proposal["self_approval"],
        "proposed_by": proposal["proposed_by"],
        "proposed_at": proposal["proposed_at"],
        "expires_at": proposal["expires_at"],
    }


def _policy_view(policy: Policy) -> GovernancePolicyView:
    return {
        "requested_action": policy.requested_action,
        "subject_type": policy.subject_type,
        "kind": policy.kind,
        "above": policy.above,
        "currency": policy.currency,
        "roles": list(policy.roles),
        "people": policy.people,
    }
