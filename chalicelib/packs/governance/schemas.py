"""Requests and answers of governance."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.auth.schemas import GovernanceRole
from chalicelib.packs.governance.rules.acts import ACTIONS, ACTS, ANY, REQUESTED_ACTIONS, STATES, SUBJECT_TYPES, VERDICTS
from chalicelib.packs.governance.rules.policies import SELF_APPROVALS

MAX_POLICIES, MAX_PEOPLE = 50, 10

SubjectType = Annotated[str, t.OneOf(SUBJECT_TYPES, "GovernedType")]
RequestedAction = Annotated[str, t.OneOf(REQUESTED_ACTIONS, "RequestedAction")]
Act = Annotated[str, t.OneOf(ACTS, "GovernedAct")]
Action = Annotated[str, t.OneOf(ACTIONS, "DecisionAction")]
DecisionState = Annotated[str, t.OneOf(STATES, "DecisionState")]
VerdictWord = Annotated[str, t.OneOf(VERDICTS, "VerdictWord")]
SelfApproval = Annotated[str, t.OneOf(SELF_APPROVALS, "SelfApproval")]
SubjectId = Annotated[
    t.Text,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value),
    Field(
        min_length=1,
        max_length=200,
        examples=["deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T"],
        description="The subject's id; of a deal also its external reference, a number being taken as its text.",
    ),
]
DecisionId = Annotated[t.Text, Field(min_length=1, max_length=200, examples=["dec_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]


class DecisionCreate(t.RequestBody):
    """A decision, in a governance role that the caller holds."""

    subject_type: SubjectType
    subject_id: SubjectId
    role: GovernanceRole
    action: Action
    requested_action: RequestedAction = Field(ANY, description="The act that is decided on; `*` for every act.")
    reason: t.Notes | None = Field(None, description="Needed for everything but an approval.")
    is_final: t.StrictBool = Field(False, description="Bars all further decisions on the act but an override. Not of a flag.")
    conditions: t.Notes | None = None
    expires_at: t.Timestamp | None = Field(None, description="When it lapses. Not of a flag.")
    review_date: t.Date | None = Field(None, description="Of an override, which needs it: when it is looked at again, within 30 days.")
    resolves: DecisionId | None = Field(None, description="The flag that it resolves.")


class DecisionView(t.ResourceView):
    """A decision, and its state as of now. It never changes."""

    subject_type: str
    subject_id: str
    number: int
    role: str
    action: str
    requested_action: str
    reason: str | None
    is_final: bool
    conditions: str | None
    expires_at: t.TimestampText | None
    review_date: t.DateText | None
    resolves: str | None
    subject_hash: str
    policy_version: int
    state: DecisionState


class RoleDecisionSummary(TypedDict):
    """A decision in a list by role."""

    id: str
    subject_type: str
    subject_id: str
    role: str
    action: str
    requested_action: str
    is_final: bool
    expires_at: t.TimestampText | None
    created_at: t.TimestampText
    created_by: str


class StandingQuery(t.QueryParams):
    """Of which act the verdict is asked."""

    requested_action: RequestedAction = ANY


class StandingView(TypedDict):
    """What the decisions on a subject say of an act.

    `required`: policies want approval. `people` of the `people_needed` have approved; `decisions` are those that count, `flags` those that
    stand.
    """

    requested_action: str
    verdict: VerdictWord
    required: bool
    people_needed: int
    people: int
    decisions: list[DecisionView]
    flags: list[DecisionView]
    subject_hash: str


class OverrideQuery(t.PageParams):
    """Which overrides that weren't reviewed are listed."""

    overdue: t.QueryFlag | None = Field(None, description="Only those whose review date has passed; false: only the others.")


class OverrideSummary(TypedDict):
    """An override that wasn't reviewed yet."""

    id: str
    subject_type: str
    subject_id: str
    role: str
    requested_action: str
    review_date: t.DateText
    overdue: bool
    created_at: t.TimestampText
    created_by: str


class OverrideReviewRequest(t.RequestBody):
    """What the review of an override found."""

    note: Annotated[t.Notes, Field(min_length=1)]


class OverrideReviewView(t.ResourceView):
    """The review of an override."""

    decision_id: str
    subject_type: str
    subject_id: str
    requested_action: str
    review_date: t.DateText
    reviewed_at: t.TimestampText | None
    reviewed_by: str | None
    note: str | None


class ApprovalRequestCreate(t.RequestBody):
    """A question to those who may decide."""

    subject_type: SubjectType
    subject_id: SubjectId
    requested_action: RequestedAction
    note: t.Notes | None = None


class ApprovalRequestNote(TypedDict):
    """What somebody who asked added."""

    by: str
    note: str


class ApprovalRequestView(t.ResourceView):
    """A request for a decision; it ends with the decision by which the verdict is no longer pending."""

    subject_type: str
    subject_id: str
    requested_action: str
    status: VerdictWord
    roles: list[str]
    requested_by: list[str]
    notes: list[ApprovalRequestNote]
    ended_at: t.TimestampText | None
    decision_id: str | None


class ApprovalRequestSummary(TypedDict):
    """A pending request in a list. Of many who asked it names the first."""

    id: str
    subject_type: str
    subject_id: str
    requested_action: str
    roles: list[str]
    requested_by: list[str]
    created_at: t.TimestampText


class PendingQuery(t.PageParams):
    """Whose pending requests are listed: those that ask a role, by default one of the caller's."""

    role: GovernanceRole | None = None


class GovernanceHolderView(TypedDict):
    """Who holds a role."""

    user_id: str
    name: str


class GovernanceRoleView(TypedDict):
    """A governance role: what it may do, on which types of subjects (null: on all), and who holds it."""

    role: str
    about: str
    powers: list[str]
    subjects: list[str] | None
    holders: list[GovernanceHolderView]


class GovernanceRolesView(TypedDict):
    """The governance roles."""

    roles: list[GovernanceRoleView]


class HolderRequest(t.RequestBody):
    """Who is to hold the role."""

    user_id: t.UserId


class HolderChangeView(TypedDict):
    """A user and the governance roles that they hold."""

    user_id: str
    role: str
    governance_roles: list[GovernanceRole]


class GovernancePolicy(t.RequestBody):
    """An act that needs the approval of so many people of these roles: always, or only above an amount."""

    requested_action: Act
    subject_type: SubjectType
    kind: Annotated[t.Text, Field(min_length=1, max_length=60)] | None = Field(None, description="Only of subjects of this kind.")
    above: t.NonNegativeMoney | None = Field(None, description="Only where the value is above this, or unknown.")
    currency: t.Currency | None = None
    roles: Annotated[list[GovernanceRole], Field(min_length=1, max_length=5), t.UNIQUE_ITEMS]
    people: Annotated[t.StrictInt, Field(ge=1, le=MAX_PEOPLE)]


class PoliciesRequest(t.RequestBody):
    """The policies that are proposed, in place of all that hold."""

    policies: Annotated[list[GovernancePolicy], Field(max_length=MAX_POLICIES)]
    self_approval: SelfApproval


class GovernancePolicyView(TypedDict):
    """A policy."""

    requested_action: str
    subject_type: str
    kind: str | None
    above: t.MoneyNumber | None
    currency: str | None
    roles: list[str]
    people: int


class PolicyProposalView(TypedDict):
    """Policies that wait for confirmation by another person."""

    id: str
    policies: list[GovernancePolicyView]
    self_approval: SelfApproval
    proposed_by: str
    proposed_at: t.TimestampText
    expires_at: t.TimestampText


class PoliciesView(TypedDict):
    """The policies in force, and what is proposed."""

    version: int
    policies: list[GovernancePolicyView]
    self_approval: SelfApproval
    proposals: list[PolicyProposalView]
