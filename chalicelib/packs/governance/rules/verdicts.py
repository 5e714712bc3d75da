"""What decisions are worth at a moment: the state of each, and the verdict on an act (domain rules D27, D30).

Everything goes by the order in which decisions were made (`number`), not by that in which they are given. An override ends what came
before it only as long as it is good itself: one that has run out, or was made for other content, ends nothing, so what it ended holds
again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from chalicelib.packs.governance.rules.acts import (
    ANY,
    APPROVE,
    APPROVED,
    DENIED,
    DENY,
    FLAG,
    LAPSED,
    NAMED_ONLY,
    OVERRIDDEN,
    OVERRIDE,
    PENDING,
    RESOLVED,
    STALE,
    STANDING,
    SUPERSEDED,
    concerns,
)
from chalicelib.packs.governance.rules.policies import Policy, Requirement


class DecisionRecord(Protocol):
    """What the rules take of a decision. `person` is who made it: a user, or the professional whose users are one person."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def number(self) -> int:
        """Its place in the order in which the subject's decisions were made."""

    @property
    def action(self) -> str:
        """Approve, deny, override or flag."""

    @property
    def requested_action(self) -> str:
        """The act that it is about."""

    @property
    def role(self) -> str:
        """The role in which it was made."""

    @property
    def person(self) -> str:
        """Who made it."""

    @property
    def is_final(self) -> bool:
        """Whether it bars all further decisions but an override."""

    @property
    def expires_at(self) -> datetime | None:
        """When it lapses."""

    @property
    def subject_hash(self) -> str:
        """The content that it was made for."""

    @property
    def resolves(self) -> str | None:
        """The flag that it resolves."""


D = TypeVar("D", bound=DecisionRecord)


class Approval(NamedTuple):
    """A policy that an act must meet, how many people have approved, and whether that is enough."""

    policy: Policy
    people: int

    @property
    def is_met(self) -> bool:
        """Whether enough people have approved."""
        return self.people >= self.policy.people


class Verdict(NamedTuple):
    """What the decisions on a subject say of one act.

    `required`: there are policies that it must meet. Of `people_needed` `people` have approved; with several policies these are the numbers
    of the one that lacks most. `decisions` are the ids of those that count, `flags` those of the flags that stand.
    """

    verdict: str
    required: bool
    people_needed: int
    people: int
    decisions: tuple[str, ...]
    flags: tuple[str, ...]
    approvals: tuple[Approval, ...] = ()


def person_of(user_id: str, professional_id: str | None) -> str:
    """Who a user is to these rules: the users of one professional are one person (domain rule D39)."""
    return professional_id or user_id


def is_good(decision: DecisionRecord, subject_hash: str, now: datetime) -> bool:
    """Whether a decision has neither lapsed nor been made for other content."""
    return not _has_lapsed(decision, now) and decision.subject_hash == subject_hash


def _has_lapsed(decision: DecisionRecord, now: datetime) -> bool:
    return decision.expires_at is not None and decision.expires_at <= now


def counts_for(decision: DecisionRecord, act: str) -> bool:
    """Whether a decision counts for an act: one on it, or on every act. Some acts are allowed by nothing but what names them."""
    if decision.requested_action == ANY and act in NAMED_ONLY:
        return decision.action == DENY
    return concerns(decision.requested_action, act)


# -- states


def states(decisions: Iterable[DecisionRecord], subject_hash: str, now: datetime) -> dict[str, str]:
    """The state of each decision on a subject, by id, with regard to its own act."""
    records = sorted(decisions, key=lambda record: record.number)
    resolved = {record.resolves for record in records if record.resolves is not None}
    by_act = {act: _ended(records, act, subject_hash, now) for act in {record.requested_action for record in records}}
    return {record.id: _state(record, by_act[record.requested_action].get(record.id), resolved, subject_hash, now) for record in records}


def _state(record: DecisionRecord, ended: str | None, resolved: Collection[str], subject_hash: str, now: datetime) -> str:
    if record.action == FLAG:
        return RESOLVED if record.id in resolved else STANDING
    if ended is not None:
        return ended
    if _has_lapsed(record, now):
        return LAPSED
    return STANDING if record.subject_hash == subject_hash else STALE


def _ended(records: Iterable[DecisionRecord], act: str, subject_hash: str, now: datetime) -> dict[str, str]:
    """What ended each decision that counts for an act, by id: an override by another person, or its maker's later word.

    From the last to the first, since what is later ends what is earlier. Of each person the last override is the one that may end others'.
    """
    ended: dict[str, str] = {}
    spoke: set[str] = set()
    overrode: set[str] = set()
    overriders: set[str] = set()  # those of them whose last override is good
    for record in reversed(list(records)):
        if record.action == FLAG or not counts_for(record, act):
            continue
        if (record.action == DENY or record.is_final) and overriders - {record.person}:
            ended[record.id] = OVERRIDDEN
        elif record.person in spoke:
            ended[record.id] = SUPERSEDED
        spoke.add(record.person)
        if record.action == OVERRIDE and record.person not in overrode:
            overrode.add(record.person)
            if ended.get(record.id) != OVERRIDDEN and is_good(record, subject_hash, now):
                overriders.add(record.person)
    return ended


def decisive(decisions: Iterable[D]) -> list[D]:
    """All that verdicts on any act, at any moment and for any content, depend on: of each person and act the last word and the last override.

    So their number is bounded by the number of people. Flags aside.
    """
    last: dict[tuple[str, str, bool], D] = {}
    for record in sorted(decisions, key=lambda record: record.number):
        if record.action != FLAG:
            last[record.person, record.requested_action, False] = record
            if record.action == OVERRIDE:
                last[record.person, record.requested_action, True] = record
    return sorted({record.number: record for record in last.values()}.values(), key=lambda record: record.number)


def standing(decisions: Iterable[D], act: str, subject_hash: str, now: datetime) -> list[D]:
    """The approvals, denials and overrides that stand with regard to one act, in their order: at most one of each person."""
    records = sorted(decisions, key=lambda record: record.number)
    ended = _ended(records, act, subject_hash, now)
    if act in NAMED_ONLY:  # what ends a denial of every act needn't name this one
        ended |= _ended(records, ANY, subject_hash, now)
    return [
        record
        for record in records
        if record.action != FLAG and counts_for(record, act) and record.id not in ended and is_good(record, subject_hash, now)
    ]


def standing_flags(decisions: Iterable[D]) -> list[D]:
    """The flags that nothing has resolved, in their order."""
    records = sorted(decisions, key=lambda record: record.number)
    resolved = {record.resolves for record in records}
    return [record for record in records if record.action == FLAG and record.id not in resolved]


def standing_finals(decisions: Iterable[D], act: str, subject_hash: str, now: datetime) -> list[D]:
    """The finals that bar further decisions on an act: those on it and on every act; for a decision on every act, all of them."""
    records = sorted(decisions, key=lambda record: record.number)

    def stands(record: D, act: str) -> bool:
        return record.id not in _ended(records, act, subject_hash, now)

    return [
        record
        for record in records
        if record.is_final
        and (act == ANY or concerns(record.requested_action, act))
        and is_good(record, subject_hash, now)
        and stands(record, record.requested_action)
        and (not counts_for(record, act) or stands(record, act))
    ]


# -- verdicts


def verdict(
    decisions: Iterable[DecisionRecord],
    act: str,
    requirement: Requirement | None,
    subject_hash: str,
    now: datetime,
    askers: Collection[str] = (),
) -> Verdict:
    """What the decisions on a subject say of one act: denied by any denial, else approved by enough people, else pending.

    Without a policy one person is enough. `askers` are people who asked for it, are about to do it, or are responsible for the subject: their
    own approval isn't counted.
    """
    records = list(decisions)
    counting = standing(records, act, subject_hash, now)
    approvers: defaultdict[str, set[str]] = defaultdict(set)  # by role
    for record in counting:
        if record.action in (APPROVE, OVERRIDE) and record.person not in askers:
            approvers[record.role].add(record.person)
    everybody = set[str]().union(*approvers.values())
    approvals: tuple[Approval, ...] = ()
    needed, people = 1, len(everybody)
    if requirement is not None:
        approvals = tuple(Approval(policy, _people(policy, approvers)) for policy in requirement.policies)
        worst = max(approvals, key=lambda approval: (approval.policy.people - approval.people, approval.policy.people))
        needed, people = worst.policy.people, worst.people
    is_denied = any(record.action == DENY for record in counting)
    outcome = DENIED if is_denied else APPROVED if people >= needed else PENDING
    return Verdict(
        outcome,
        requirement is not None,
        needed,
        people,
        tuple(record.id for record in counting),
        tuple(record.id for record in standing_flags(records)),
        approvals,
    )


def _people(policy: Policy, approvers: dict[str, set[str]]) -> int:
    return len(set[str]().union(*(approvers.get(role, ()) for role in policy.roles)))


def standing_in(
    decisions: Iterable[D],
    decision_id: str,
    act: str,
    subject_hash: str,
    now: datetime,
    *,
    final: bool = False,
    askers: Collection[str] = (),
) -> D | None:
    """The decision where it is a standing approval or override for exactly this act; with `final` a final override only. Else None.

    None, too, while a denial of the act stands, and where one of the `askers` made it, who are those of `verdict`.
    """
    counting = standing(decisions, act, subject_hash, now)
    found = next((record for record in counting if record.id == decision_id and record.requested_action == act), None)
    if found is None or found.person in askers or any(record.action == DENY for record in counting):
        return None
    is_leave = found.action in (APPROVE, OVERRIDE) if not final else found.action == OVERRIDE and found.is_final
    return found if is_leave else None
