"""What decisions are worth: the state of each, and the verdict on an act."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.governance.rules.acts import (
    ACCEPT_RISK,
    ANY,
    APPROVE,
    APPROVED,
    ASSIGN,
    DENIED,
    DENY,
    FINALIZE,
    FLAG,
    OVERRIDE,
    PENDING,
    REOPEN,
    REQUESTED_ACTIONS,
    SIGN,
    WAIVE,
)
from chalicelib.packs.governance.rules.policies import Policy, Requirement
from chalicelib.packs.governance.rules.verdicts import decisive, standing_finals, standing_flags, standing_in, states, verdict

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
HASH = "a"
NUMBERS = count(1)


@dataclass(frozen=True)
class Record:
    action: str
    person: str = "ann"
    role: str = "King"
    requested_action: str = ANY
    is_final: bool = False
    expires_at: datetime | None = None
    subject_hash: str = HASH
    resolves: str | None = None
    number: int = 0

    @property
    def id(self) -> str:
        return f"dec_{self.number}"


def row(*records: Record) -> list[Record]:
    """Decisions, one after the other."""
    return [replace(record, number=number) for number, record in enumerate(records, 1)]


def state_of(*records: Record, hash: str = HASH, now: datetime = NOW) -> list[str]:
    found = states(row(*records), hash, now)
    return [found[f"dec_{number}"] for number in range(1, len(records) + 1)]


def outcome(
    *records: Record, act: str = FINALIZE, policy: Requirement | None = None, hash: str = HASH, now: datetime = NOW, askers=()
) -> str:
    return verdict(row(*records), act, policy, hash, now, askers).verdict


TWO = Requirement((Policy(FINALIZE, "deal", ("King", "Queen"), 2, above=Decimal(250000), currency="USD"),))
APPROVES, DENIES, OVERRIDES, FLAGS = Record(APPROVE), Record(DENY), Record(OVERRIDE), Record(FLAG)


def by(record: Record, person: str, **more) -> Record:
    return replace(record, person=person, **more)


class TestStates:
    def test_what_stands(self):
        assert state_of(APPROVES, by(DENIES, "bob"), by(FLAGS, "cid")) == ["standing"] * 3

    def test_its_makers_later_word_supersedes(self):
        assert state_of(APPROVES, DENIES) == ["superseded", "standing"]
        assert state_of(by(APPROVES, "ann", requested_action=SIGN), by(DENIES, "ann", requested_action=FINALIZE)) == ["standing"] * 2
        assert state_of(by(APPROVES, "ann", requested_action=SIGN), DENIES) == ["superseded", "standing"], "for every act"
        assert state_of(DENIES, by(APPROVES, "ann", requested_action=SIGN)) == ["standing", "standing"], "for another act than every"

    def test_flags_neither_supersede_nor_are_superseded(self):
        assert state_of(APPROVES, FLAGS, FLAGS, APPROVES) == ["superseded", "standing", "standing", "standing"]

    def test_a_flag_is_resolved_by_the_decision_that_names_it(self):
        assert state_of(FLAGS, by(APPROVES, "bob", resolves="dec_1")) == ["resolved", "standing"]

    def test_anothers_override_ends_denials_and_finals(self):
        assert state_of(DENIES, by(OVERRIDES, "bob")) == ["overridden", "standing"]
        assert state_of(replace(APPROVES, is_final=True), by(OVERRIDES, "bob")) == ["overridden", "standing"]
        assert state_of(APPROVES, by(OVERRIDES, "bob")) == ["standing", "standing"], "an approval that isn't final goes on"
        assert state_of(by(OVERRIDES, "bob"), DENIES) == ["standing", "standing"], "a later denial isn't ended"
        assert state_of(DENIES, OVERRIDES) == ["superseded", "standing"], "by their own word"

    def test_an_override_of_another_act_ends_nothing(self):
        assert state_of(by(DENIES, "ann", requested_action=SIGN), by(OVERRIDES, "bob", requested_action=FINALIZE)) == ["standing"] * 2
        assert state_of(DENIES, by(OVERRIDES, "bob", requested_action=FINALIZE)) == ["standing", "standing"], "of one act, for every act"
        assert state_of(by(DENIES, "ann", requested_action=SIGN), by(OVERRIDES, "bob")) == ["overridden", "standing"]

    def test_what_has_run_out_lapses(self):
        assert state_of(replace(APPROVES, expires_at=NOW)) == ["lapsed"]
        assert state_of(replace(APPROVES, expires_at=NOW + timedelta(milliseconds=1))) == ["standing"]
        assert state_of(replace(APPROVES, expires_at=NOW), hash="b") == ["lapsed"], "before stale"

    def test_of_other_content_it_is_stale(self):
        assert state_of(APPROVES, by(FLAGS, "bob"), hash="b") == ["stale", "standing"]

    @pytest.mark.parametrize("end", [{"expires_at": NOW}, {"subject_hash": "b"}])
    def test_an_override_that_isnt_good_ends_nothing(self, end):
        assert state_of(DENIES, by(OVERRIDES, "bob", **end))[0] == "standing"
        assert outcome(DENIES, by(OVERRIDES, "bob", **end)) == DENIED

    def test_an_override_that_was_overridden_ends_nothing_by_itself(self):
        records = (by(DENIES, "cid"), by(OVERRIDES, "ann", is_final=True), by(OVERRIDES, "cid"))
        assert state_of(*records) == ["superseded", "overridden", "standing"]


class TestVerdicts:
    def test_nobody_has_decided(self):
        assert outcome() == PENDING

    def test_without_a_policy_one_person_is_enough(self):
        found = verdict(row(APPROVES), FINALIZE, None, HASH, NOW)
        assert found[:6] == (APPROVED, False, 1, 1, ("dec_1",), ())

    def test_two_approve_and_one_denies(self):
        assert outcome(APPROVES, by(APPROVES, "bob"), by(DENIES, "cid"), policy=TWO) == DENIED

    def test_enough_people_of_the_roles(self):
        assert outcome(APPROVES, policy=TWO) == PENDING
        assert outcome(APPROVES, by(APPROVES, "bob", role="Queen"), policy=TWO) == APPROVED
        assert outcome(APPROVES, by(APPROVES, "bob", role="Tyr"), policy=TWO) == PENDING, "not of the roles"

    def test_nobody_counts_twice(self):
        assert outcome(APPROVES, APPROVES, policy=TWO) == PENDING
        assert outcome(APPROVES, by(APPROVES, "ann", role="Queen"), policy=TWO) == PENDING, "in two roles"
        assert outcome(APPROVES, by(OVERRIDES, "ann"), policy=TWO) == PENDING, "an override is its maker's"
        assert outcome(APPROVES, by(APPROVES, "ann", requested_action=FINALIZE), policy=TWO) == PENDING, "for one act and for every act"

    def test_who_asked_doesnt_count(self):
        assert outcome(APPROVES, by(APPROVES, "bob"), policy=TWO, askers={"ann"}) == PENDING
        assert outcome(DENIES, askers={"ann"}) == DENIED, "but may be against it"

    def test_of_several_policies_each_must_be_met(self):
        both = Requirement((*TWO.policies, Policy(FINALIZE, "deal", ("King",), 1)))
        assert outcome(by(APPROVES, "ann", role="Queen"), by(APPROVES, "bob", role="Queen"), policy=both) == PENDING
        assert outcome(APPROVES, by(APPROVES, "bob", role="Queen"), policy=both) == APPROVED

    def test_an_approval_of_one_act_allows_no_other(self):
        assert outcome(replace(APPROVES, requested_action=SIGN)) == PENDING
        assert outcome(replace(APPROVES, requested_action=SIGN), act=SIGN) == APPROVED

    @pytest.mark.parametrize("act", [WAIVE, ACCEPT_RISK, REOPEN])
    def test_some_acts_are_allowed_by_name_only(self, act):
        assert outcome(APPROVES, act=act) == PENDING
        assert outcome(OVERRIDES, act=act) == PENDING
        assert outcome(replace(APPROVES, requested_action=act), act=act) == APPROVED
        assert outcome(replace(APPROVES, requested_action=act), by(DENIES, "bob"), act=act) == DENIED, (
            "what is denied for every act is denied"
        )

    @pytest.mark.parametrize("end", [by(OVERRIDES, "bob"), APPROVES])
    @pytest.mark.parametrize("act", [WAIVE, ACCEPT_RISK, REOPEN])
    def test_a_denial_of_every_act_ends_for_those_too(self, act, end):
        named = by(APPROVES, "cid", requested_action=act)
        assert outcome(DENIES, named, act=act) == DENIED
        assert outcome(DENIES, end, act=act) == PENDING, "the denial has ended, and nothing names the act"
        assert outcome(DENIES, end, named, act=act) == APPROVED
        assert outcome(DENIES, replace(end, expires_at=NOW), named, act=act) == (APPROVED if end is APPROVES else DENIED)

    def test_stale_and_lapsed_ones_count_nothing(self):
        assert outcome(APPROVES, hash="b") == PENDING
        assert outcome(replace(APPROVES, expires_at=NOW)) == PENDING
        assert outcome(DENIES, hash="b") == PENDING
        assert outcome(DENIES, replace(APPROVES, expires_at=NOW)) == PENDING, "the last word is the one that lapsed"

    def test_a_denial_ends_by_an_override_and_not_by_approvals(self):
        assert outcome(DENIES, by(APPROVES, "bob"), by(APPROVES, "cid")) == DENIED
        assert outcome(DENIES, by(OVERRIDES, "bob")) == APPROVED
        assert outcome(DENIES, APPROVES) == APPROVED, "its maker thought again"

    def test_flags_bar_nothing(self):
        found = verdict(row(FLAGS, by(APPROVES, "bob")), FINALIZE, None, HASH, NOW)
        assert (found.verdict, found.flags, found.decisions) == (APPROVED, ("dec_1",), ("dec_2",))


class TestFinals:
    def finals(self, *records: Record, act: str = FINALIZE, **more) -> list[str]:
        return [record.id for record in standing_finals(row(*records), act, more.get("hash", HASH), NOW)]

    def test_it_bars_its_act(self):
        final = replace(APPROVES, is_final=True, requested_action=FINALIZE)
        assert self.finals(final) == ["dec_1"]
        assert self.finals(final, act=SIGN) == []
        assert self.finals(final, act=ANY) == ["dec_1"], "what is decided for every act is decided for this one"
        assert self.finals(replace(APPROVES, is_final=True), act=WAIVE) == ["dec_1"], "on every act"

    def test_no_more_once_it_ended(self):
        final = replace(DENIES, is_final=True)
        assert self.finals(final, hash="b") == []
        assert self.finals(replace(final, expires_at=NOW)) == []
        assert self.finals(final, by(OVERRIDES, "bob")) == []
        one_act = by(OVERRIDES, "bob", requested_action=FINALIZE)
        assert self.finals(final, one_act) == []
        assert self.finals(final, one_act, act=SIGN) == ["dec_1"]


def test_what_an_act_may_rely_on():
    records = row(
        by(APPROVES, "ann", requested_action=WAIVE),
        by(OVERRIDES, "bob", requested_action=REOPEN, is_final=True),
        by(OVERRIDES, "cid"),
        by(DENIES, "dan", requested_action=ASSIGN),
    )

    def usable(number: int, act: str, **more) -> bool:
        return standing_in(records, f"dec_{number}", act, more.pop("hash", HASH), NOW, **more) is not None

    assert usable(1, WAIVE)
    assert not usable(1, WAIVE, final=True)
    assert not usable(1, WAIVE, hash="b")
    assert not usable(1, REOPEN)
    assert usable(2, REOPEN, final=True), "an override of every act doesn't name it, and so doesn't end it"
    assert not usable(3, FINALIZE), "exactly for the act"
    assert not usable(4, ASSIGN), "a denial"
    assert not usable(9, WAIVE)


def test_what_is_denied_or_allowed_by_oneself_is_relied_on_by_nobody():
    waiver = by(APPROVES, "ann", requested_action=WAIVE)

    def usable(*records: Record, **more) -> bool:
        return standing_in(row(*records), "dec_1", WAIVE, HASH, NOW, **more) is not None

    assert usable(waiver)
    assert not usable(waiver, by(DENIES, "bob", requested_action=WAIVE))
    assert not usable(waiver, by(DENIES, "bob")), "for every act"
    assert usable(waiver, by(DENIES, "bob", requested_action=SIGN))
    assert usable(waiver, by(DENIES, "bob", requested_action=WAIVE), by(OVERRIDES, "cid", requested_action=WAIVE))
    assert not usable(waiver, askers={"ann"})
    assert usable(waiver, askers={"bob"})


PEOPLE = st.sampled_from(["ann", "bob", "cid", "pro_1"])
RECORDS = st.lists(
    st.builds(
        Record,
        action=st.sampled_from([APPROVE, DENY, OVERRIDE, FLAG]),
        person=PEOPLE,
        role=st.sampled_from(["King", "Queen", "Tyr"]),
        requested_action=st.sampled_from([ANY, FINALIZE, SIGN, WAIVE]),
        is_final=st.booleans(),
        expires_at=st.sampled_from([None, None, NOW - timedelta(days=1), NOW + timedelta(days=1)]),
        subject_hash=st.sampled_from(["a", "a", "b"]),
    ),
    max_size=12,
)
MOMENTS = st.sampled_from([NOW, NOW + timedelta(days=2)])


@given(RECORDS, st.sampled_from(REQUESTED_ACTIONS), st.sampled_from("ab"), MOMENTS, st.randoms())
def test_the_order_in_which_they_are_read_says_nothing(records, act, hash, now, random: Random):
    records = row(*records)
    shuffled = records[:]
    random.shuffle(shuffled)
    assert verdict(shuffled, act, TWO, hash, now) == verdict(records, act, TWO, hash, now)
    assert states(shuffled, hash, now) == states(records, hash, now)


@given(RECORDS, st.sampled_from(REQUESTED_ACTIONS), st.sampled_from("ab"), MOMENTS)
def test_what_the_head_keeps_tells_the_same(records, act, hash, now):
    """Whatever time has passed and whatever the content is by then; and kept from one decision to the next."""
    kept: list[Record] = []
    for record in row(*records):
        kept = [*decisive([*kept, record]), *standing_flags([*kept, record])]
    assert verdict(kept, act, TWO, hash, now)[:5] == verdict(row(*records), act, TWO, hash, now)[:5]
    assert standing_finals(kept, act, hash, now) == standing_finals(row(*records), act, hash, now)
    assert len(kept) <= 4 * 4 * 2 + sum(record.action == FLAG for record in records)


@given(RECORDS, st.sampled_from(REQUESTED_ACTIONS), MOMENTS)
def test_a_verdict_counts_people_and_is_denied_by_any_standing_denial(records, act, now):
    records = row(*records)
    found = verdict(records, act, TWO, HASH, now)
    counting = [record for record in records if record.id in found.decisions]
    assert len({record.person for record in counting}) == len(counting), "of each person one"
    assert (found.verdict == DENIED) == any(record.action == DENY for record in counting)
    assert found.people <= len({record.person for record in counting})
    assert found.verdict != APPROVED or found.people >= 2
    states_of = states(records, HASH, now)
    own = [record for record in counting if record.requested_action == act]
    assert all(states_of[record.id] == "standing" for record in own)
