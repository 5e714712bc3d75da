"""The rules of contracts that need no store: the content hash, parties, placeholders, and what time does."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.contracts.rules import content, deadlines, parties, placeholders
from chalicelib.packs.contracts.rules.deadlines import Told
from chalicelib.packs.contracts.rules.statuses import void_of
from chalicelib.packs.contracts.rules.terms import Terms


def day(text: str) -> date:
    return date.fromisoformat(text)


# -- content


def test_v140():
    fields = {"auto_renew": False, "currency": "USD", "kind": "other", "title": "T"}
    assert content.hash_of(fields, []) == "3efbc6e835756c51a09f118dca88a450929030b9470238b2ab4324e3af25a3ea"


def test_the_hash_covers_each_field_and_the_order_of_parties():
    fields = {"auto_renew": False, "currency": "USD", "kind": "other", "title": "T"}
    ann, bob = ({"name": name, "role": "r", "side": "ours", "order": 1, "email": None} for name in ("Ann", "Bob"))
    base = content.hash_of(fields, [ann, bob])
    others = {
        "document_sha256": "0" * 64,
        "kind": "nda",
        "title": "U",
        "value": Decimal("1.5"),
        "currency": "EUR",
        "effective_on": day("2026-01-01"),
        "sign_by": day("2026-01-01"),
        "expires_on": day("2026-01-01"),
        "term_months": 12,
        "renewal_months": 6,
        "notice_months": 1,
        "notice_days": 30,
        "auto_renew": True,
    }
    assert set(others) == set(content.FIELDS)
    hashes = {content.hash_of({**fields, name: value}, [ann, bob]) for name, value in others.items()}
    hashes |= {content.hash_of(fields, sent) for sent in ([bob, ann], [ann], [{**ann, "email": "a@b.c"}, bob], [{**ann, "order": 2}, bob])}
    assert base not in hashes
    assert len(hashes) == len(others) + 4
    assert content.hash_of({**fields, "notes": "x", "value": Decimal("1.50")}, []) == content.hash_of(
        {**fields, "value": Decimal("1.5")}, []
    )
    assert content.hash_of(fields, [{**ann, "id": "p1", "status": "signed"}, bob]) == base


def test_what_is_void():
    returns = [{"version": 3, "at": "a", "by": "u", "why": "rework"}, {"version": 6, "at": "b", "by": "v", "why": "recalled"}]
    assert void_of(2, returns) == void_of(3, returns) == {"at": "a", "by": "u", "why": "rework"}
    assert void_of(4, returns) == {"at": "b", "by": "v", "why": "recalled"}
    assert void_of(7, returns) is None
    assert void_of(1, []) is None


# -- parties


def sent(*names: str, **more: object) -> list[dict[str, object]]:
    return [{"name": name, "role": "r", "side": "ours", "order": 1, **more} for name in names]


def test_ids_are_never_given_twice():
    first, number = parties.named(sent("Ann", "Bob"), [], 0)
    assert [party["id"] for party in first] == ["p1", "p2"]
    second, number = parties.named([{**sent("Bobby")[0], "id": "p2"}, *sent("Cy")], first, number)
    assert [(party["id"], party["name"]) for party in second] == [("p2", "Bobby"), ("p3", "Cy")]
    third, number = parties.named(sent("Di"), second, number)
    assert ([party["id"] for party in third], number) == (["p4"], 4)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.sampled_from(parties.SIGNING), st.randoms())
def test_in_any_order_everybody_is_asked_once_and_in_turn(orders, signing, random):
    people, _ = parties.named([{"name": "x", "role": "r", "side": "ours", "order": order} for order in orders], [], 0)
    asked: list[str] = []
    signed: list[int] = []
    while not parties.all_signed(people):
        turn = parties.to_notify(people, signing)
        asked += turn
        people = parties.changed(people, turn, status="notified")
        assert parties.to_notify(people, signing) == []
        notified = [party for party in people if party["status"] == "notified"]
        party = random.choice(notified)
        signed.append(party["order"])
        people = parties.changed(people, [party["id"]], status="signed")
    assert sorted(asked) == sorted(party["id"] for party in people)
    if signing == "sequential":
        assert signed == sorted(orders)


# -- placeholders


def test_placeholders():
    text = "{{a}} {{a_1}} {{a}}"
    assert placeholders.placeholders(text) == ["a", "a_1"]
    assert placeholders.misplaced(text) is None
    assert placeholders.fill(text, {"a": "{{a_1}}", "a_1": "2"}) == "{{a_1}} 2 {{a_1}}"
    assert placeholders.missing(["a", "b"], {"a": ""}) == ["b"]
    assert placeholders.unknown(["a"], {"a": "", "c": ""}) == ["c"]


@pytest.mark.parametrize(
    "text",
    [
        "{{A}}",
        "{{ a }}",
        "{{}}",
        "{{1a}}",
        "{{a}",
        "a}}",
        "{{a-b}}",
        "{{{a}}}",
        "{{a}}}}",
        "{a}",
        "{",
        "a }",
        f"{{{{{'a' * 61}}}}}",
        "{{ä}}",
    ],
)
def test_anything_else_in_braces(text):
    assert placeholders.misplaced(text) is not None


def test_the_longest_name():
    assert placeholders.placeholders(f"{{{{{'a' * 60}}}}}") == ["a" * 60]


# -- what time does


def run_daily(terms: Terms, first: date, last: date, told: Told, step: int = 1) -> list[tuple[str, str, str]]:
    """What is told by a run each day, or each `step` days: the day of the run, the event, and what it is about."""
    seen = []
    today = first
    while today <= last:
        next_day = deadlines.next_day(terms, told)
        tellings, after = deadlines.due(terms, told, today)
        assert (next_day is not None and next_day <= today) == (after != told), f"the due day {next_day} is wrong on {today}"
        if len(tellings) < deadlines.MAX_TOLD:
            assert deadlines.due(terms, after, today) == ([], after)
        seen += [(today.isoformat(), one.event, one.on.isoformat(), one.late, one.skipped) for one in tellings]
        told, today = after, today + timedelta(days=step)
    return seen


YEARLY = Terms(day("2024-08-29"), term_months=12, notice_months=2, auto_renew=True)


def test_v63():
    signed = deadlines.told_at_signing(YEARLY, day("2026-05-01"))
    seen = run_daily(YEARLY, day("2026-05-02"), day("2026-09-30"), signed)
    assert seen == [
        ("2026-05-29", "notice_due", "2026-06-28", False, ()),
        ("2026-06-21", "notice_due", "2026-06-28", False, ()),
        ("2026-08-29", "renewed", "2026-08-29", False, ()),
    ]
    late = run_daily(YEARLY, day("2026-06-11"), day("2026-08-01"), deadlines.told_at_signing(YEARLY, day("2026-06-10")))
    assert late == [("2026-06-11", "notice_due", "2026-06-28", True, ()), ("2026-06-21", "notice_due", "2026-06-28", False, ())]


def test_of_several_that_have_passed_the_smallest_is_told():
    told = deadlines.told_at_signing(YEARLY, day("2026-05-01"))
    (one,), _ = deadlines.due(YEARLY, told, day("2026-06-24"))
    assert (one.event, one.days_left, one.late, one.skipped) == ("notice_due", 4, True, (30,))


def test_a_deadline_that_has_passed_is_told_no_more():
    seen = run_daily(YEARLY, day("2026-06-29"), day("2026-08-30"), deadlines.told_at_signing(YEARLY, day("2026-06-29")))
    assert seen == [("2026-08-29", "renewed", "2026-08-29", False, ())]
    (one,), _ = deadlines.due(YEARLY, deadlines.told_at_signing(YEARLY, day("2026-06-01")), day("2026-06-28"))
    assert one.days_left == 0


def test_the_end_of_what_doesnt_renew():
    once = Terms(day("2026-01-01"), expires_on=day("2026-12-31"))
    assert run_daily(once, day("2026-06-01"), day("2028-01-01"), Told()) == [
        ("2026-12-01", "ending", "2026-12-31", False, ()),
        ("2026-12-24", "ending", "2026-12-31", False, ()),
        ("2027-01-01", "ended", "2026-12-31", False, ()),
    ]
    assert deadlines.next_day(Terms(day("2026-01-01")), Told()) is None


def test_what_renews_without_notice_is_told_to_end_its_term():
    terms = Terms(day("2026-01-01"), term_months=6, auto_renew=True)
    assert [one[:3] for one in run_daily(terms, day("2026-01-02"), day("2026-07-02"), Told())] == [
        ("2026-05-31", "ending", "2026-06-30"),
        ("2026-06-23", "ending", "2026-06-30"),
        ("2026-07-01", "renewed", "2026-07-01"),
    ]


def test_late_runs_tell_of_each_term():
    monthly = Terms(day("2026-01-15"), term_months=1, auto_renew=True)
    tellings, told = deadlines.due(monthly, Told(), day("2026-05-20"))
    renewed = [one.on.isoformat() for one in tellings if one.event == "renewed"]
    assert renewed == ["2026-02-15", "2026-03-15", "2026-04-15", "2026-05-15"]
    assert [one.event for one in tellings[4:]] == ["ending"]
    assert told.terms == 4
    many, told = deadlines.due(monthly, Told(), day("2028-05-20"))
    assert len(many) == deadlines.MAX_TOLD
    rest = run_daily(monthly, day("2028-05-20"), day("2028-05-23"), told)
    assert sum(one[1] == "renewed" for one in rest) == 28 - deadlines.MAX_TOLD


@given(
    st.dates(date(2020, 1, 1), date(2026, 1, 1)),
    st.integers(1, 24),
    st.integers(1, 24),
    st.integers(1, 300),
    st.integers(1, 40),
    st.booleans(),
)
def test_each_term_is_told_once_however_rarely_it_runs(start, term, renewal, notice, step, renews):
    terms = Terms(start, term_months=term, renewal_months=renewal, notice_days=notice % (28 * min(term, renewal)) or 1, auto_renew=renews)
    seen = run_daily(terms, start, start + timedelta(days=1500), deadlines.told_at_signing(terms, start), step)
    ends = [one for one in seen if one[1] in ("renewed", "ended")]
    last = start + timedelta(days=1500 - 1500 % step)
    assert len(ends) == (terms.number_on(last) - 1 if renews else terms.ended_on(last) is not None)
    assert len({one[1:3] for one in ends}) == len(ends)
    reminders = [(one[2], one[3:]) for one in seen if one[1] in ("notice_due", "ending")]
    for about in {one for one, _ in reminders}:
        assert sum(one == about for one, _ in reminders) <= 2
