"""Items of governance.

All that is about a subject lies in the subject's partition: a deal's, a pipeline's, a professional's, a retainer's, a holding's.

    J#<decision id>      a decision; it never changes
    JH#<subject id>      the subject's head: what verdicts depend on, and what is asked (`GovernanceHead`)
    JR#<request id>      a request for a decision
    JV#<review id>       the review that an override needs

The policies are the stage's (`PolicySettings`).
"""

from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.run_time_settings import RunTimeSettings, SettingsId
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key
from chalicelib.foundation.store.row import Row
from chalicelib.packs.governance.rules.acts import DENY, PENDING
from chalicelib.packs.governance.rules.policies import DEFAULT_POLICIES, FINDING, Policies, Policy

PARENTS = {"d": "deal", "w": "pipe", "p": "pro", "r": "ret", "h": "hold"}


def partition_of(subject_id: str) -> str:
    """The partition in which a subject lies: its own, or that of the root in whose partition it is a child (foundation.ids)."""
    path = subject_id.partition("_")[2]
    return f"{PARENTS[path[0]]}_{path[1:27]}" if len(path) > 26 and path[0] in PARENTS else subject_id


class Decision(Entity):
    """What a holder of a governance role decided about a subject, for one act or for every act."""

    KIND = "decision"
    ID = IdFormat("dec", "decision", parents=PARENTS, row="J")
    BY_ROLE = AccessPattern("gsi1", "DEC#ROLE#{role}", sort="{created_at}#{id}", serves="GET /governance/decisions/by-role/{role}")
    LIST_FIELDS = (
        "id", "subject_type", "subject_id", "role", "action", "requested_action", "is_final", "expires_at", "created_at", "created_by",
    )  # fmt: skip

    subject_type = a.string()
    subject_id = a.string()
    number = a.integer()  # of the subject's decisions, in the order in which they were made
    role = a.string()
    action = a.string()
    requested_action = a.string()
    person = a.string()  # who decided: the user, or the professional whose users are one person
    reason = a.optional_string()
    is_final = a.boolean()
    conditions = a.optional_string()
    expires_at = a.optional_datetime()
    review_date = a.optional_date()
    resolves = a.optional_string()
    subject_hash = a.string()
    policy_version = a.integer()


class OverrideReview(Entity):
    """That an override is to be looked at again, and that it was."""

    KIND = "override-review"
    ID = IdFormat("orev", "review", parents=PARENTS, row="JV")
    OPEN = AccessPattern("gsi1", "ORV#OPEN#{open_since}", sort="{created_at}#{id}", serves="GET /governance/overrides")
    DUE = DuePattern("override-review", on="due_on", serves="governance-reviews")
    LIST_FIELDS = ("id", "decision_id", "subject_type", "subject_id", "role", "requested_action", "review_date", "created_at", "created_by")

    decision_id = a.string()
    subject_type = a.string()
    subject_id = a.string()
    role = a.string()
    requested_action = a.string()
    person = a.string()  # who made the override
    review_date = a.date()
    told_at = a.optional_datetime()  # that it is overdue
    reviewed_at = a.optional_datetime()
    reviewed_by = a.optional_string()
    note = a.optional_string()

    @property
    def open_since(self) -> str | None:
        """A constant while it wasn't reviewed, so that the index has it."""
        return "0" if self.reviewed_at is None else None

    @property
    def due_on(self) -> date | None:
        """The day after which it is overdue, until that was told."""
        return self.review_date if self.reviewed_at is None and self.told_at is None else None

    @classmethod
    def id_of(cls, decision_id: str) -> str:
        """The id of the review of an override."""
        return f"{cls.ID.prefix}_{decision_id.partition('_')[2]}"


class ApprovalRequest(Entity):
    """That somebody asks those who may for a decision on an act."""

    KIND = "approval-request"
    ID = IdFormat("req", "request", parents=PARENTS, row="JR")
    PENDING = AccessPattern("gsi1", "REQ#PENDING#{pending}", sort="{created_at}#{id}", serves="GET /governance/pending")
    LIST_FIELDS = ("id", "subject_type", "subject_id", "requested_action", "roles", "requested_by", "created_at")

    subject_type = a.string()
    subject_id = a.string()
    requested_action = a.string()
    status = a.string()
    roles = a.string_list()
    requested_by = a.string_list()
    notes = a.list_()  # by those who asked: {by, note}
    ended_at = a.optional_datetime()
    decision_id = a.optional_string()  # with which it ended

    @property
    def pending(self) -> str | None:
        """A constant while it is pending, so that the index has it."""
        return "0" if self.status == PENDING else None

    def list_view(self) -> dict[str, Any]:
        """What the list shows: of many who asked the first."""
        return self._listed(requested_by=self.requested_by[:5])


class GovernanceHead(Row):
    """What verdicts on a subject depend on, so that one row tells them, and who has asked for what.

    `ver` counts the decisions: a write on condition of it meets no other decision. `asks` counts the changes of what is asked.
    """

    KIND = "governance-head"
    DENIED = AccessPattern("gsi1", "GOV#DENIED#{denied}", sort="{pk}", serves="POST /pros/match, the gate denied")

    ver = a.optional_integer()
    asks = a.optional_integer()
    records = a.list_()  # as `encode_record` makes them of the decisive decisions and the standing flags
    pending = a.optional_map()  # the id of the pending request for each act
    askers = a.optional_map()  # the people who ever asked for each act

    @property
    def denied(self) -> str | None:
        """The prefix of the subject's id while any denial is among its records, so that the index has it."""
        has_denial = any(record["action"] == DENY for record in self.records)
        return self.attribute_values["sk"].partition("#")[2].partition("_")[0] if has_denial else None

    @staticmethod
    def key_of(subject_id: str) -> ItemKey:
        """The key of a subject's head, in the partition in which the subject lies."""
        return ItemKey(partition_of(subject_id), join_key("JH", subject_id))


class PolicySettings(RunTimeSettings):
    """The policies, and the proposal to change them that waits for confirmation."""

    KIND = "policies"
    ID = SettingsId("policies", "policies")

    policies = a.list_()
    self_approval = a.string()
    proposal = a.optional_map()

    @property
    def in_force(self) -> Policies:
        """The policies as the rules take them."""
        return Policies(self.version, tuple(map(decode_policy, self.policies)), self.self_approval)


DEFAULTS = Policies(1, DEFAULT_POLICIES, FINDING)


def encode_policy(policy: Policy) -> dict[str, Any]:
    """A policy as it is stored and answered, what is absent left out."""
    return {name: list(value) if name == "roles" else value for name, value in policy._asdict().items() if value is not None}


def decode_policy(stored: dict[str, Any]) -> Policy:
    """A policy as the rules take it."""
    above = stored.get("above")
    return Policy(**{**stored, "roles": tuple(stored["roles"]), "above": None if above is None else Decimal(above)})
