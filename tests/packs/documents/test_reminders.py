"""What time does: reminders on their days, by the firm's calendar, once each; what stays unanswered and what is overdue."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.foundation.store import table
from chalicelib.packs.documents import schedules
from chalicelib.packs.documents.settings import DocumentsSettings
from tests.conftest import SECRETS, TABLE
from tests.packs.documents.conftest import WITH_CONTRACTS
from tests.packs.documents.documents_client import (
    FIRST,
    SECOND,
    D,
    DocumentsClient,
    change_contract,
    contract,
    events,
    kept,
    mails,
)
from tests.packs.documents.test_rules import reckon

KINDS = ("documents.unanswered", "documents.overdue")


@pytest.fixture
def run(run_work: Any) -> Any:
    def work(context: Any = None) -> Any:
        record = run_work(schedules.reminders, context)
        assert (record["error"], record["failed"]) == ("", 0)
        return record

    return work


@pytest.fixture
def told(runtime: Any) -> Any:
    return lambda: [(event.event, event.subject_id) for event in events(runtime, *KINDS)]


def at(clock: Any, day: str | date, hour: int = 13) -> None:
    clock.now = datetime.fromisoformat(f"{day}T{hour:02}:00:00").replace(tzinfo=UTC)


def reminded_on(runtime: Any, id: str) -> list[str]:
    """The days of the mails that remind of a route, the sending itself aside."""
    return [mail["created_at"][5:10] for mail in mails(runtime, id) if mail["subject"].startswith("Reminder")]


@pytest.mark.parametrize(
    ("by_hand", "days"),
    [
        ((), ["03-06", "03-08", "03-10", "03-12", "03-14"]),
        (("2026-03-09",), ["03-06", "03-08", "03-14", "03-16", "03-18", "03-20", "03-22"]),
        (("2026-03-26",), ["03-06", "03-08", "03-10", "03-12", "03-14", "03-31"]),
        (("2026-03-28",), ["03-06", "03-08", "03-10", "03-12", "03-14"]),
    ],
    ids=["V56", "V57", "V58", "V59"],
)
def test_v56_to_v59_day_by_day(documents: DocumentsClient, clock, run, told, runtime, by_hand, days):
    at(clock, "2026-03-01", 18)
    id = documents.route()
    seen = []
    for number in range(1, 45):
        day = date(2026, 3, 1) + timedelta(days=number)
        at(clock, day)
        before = len(mails(runtime, id))
        run()
        run()  # again: nothing twice
        seen += [f"{day:%m-%d}"] * (len(mails(runtime, id)) - before)
        if day.isoformat() in by_hand:
            clock.now += timedelta(hours=5)
            documents.remind(id)
    assert seen == days
    assert told() == [("documents.unanswered", id)]
    assert documents.read(id)["reminders"]["next_on"] is None
    assert run()["found"] == 0


def test_what_is_shown_of_them(documents: DocumentsClient, clock, run, runtime):
    at(clock, "2026-03-01", 18)
    id = documents.route(title="Disclosure")
    at(clock, "2026-03-06")
    assert run()["done"] == 1
    assert documents.read(id)["reminders"] == {"count": 1, "last_at": "2026-03-06T13:00:00.000Z", "next_on": "2026-03-08"}
    mail = mails(runtime, id)[-1]
    assert (mail["to"], mail["subject"]) == ("ann@example.com", "Reminder: a document for you: Disclosure")
    at(clock, "2026-03-07", 19)
    assert documents.remind(id)["reminders"] == {"count": 0, "last_at": "2026-03-07T19:00:00.000Z", "next_on": "2026-03-12"}
    at(clock, "2026-03-12")
    run()
    assert documents.read(id)["reminders"]["count"] == 1
    assert kept(runtime, id).updated_by == "system:documents-reminders"


@pytest.mark.slow
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.integers(1, 36), st.booleans(), max_size=5), st.sets(st.integers(1, 36), max_size=6))
def test_any_reminders_by_hand(documents: DocumentsClient, clock, run, runtime, by_hand, missed):
    """Against the independent reckoning of the rules' tests; a day without a run loses its reminder, and a late run sends one at most."""
    runtime.dynamodb.delete_table(TableName=TABLE)
    table.create(runtime.dynamodb, TABLE)
    sent_on = date(2026, 3, 1)
    at(clock, sent_on, 18)
    id = documents.route()
    reminded = {sent_on + timedelta(days=number): before for number, before in by_hand.items()}
    seen: list[date] = []
    for number in range(1, 38):
        day = sent_on + timedelta(days=number)
        at(clock, day, 10)
        if reminded.get(day) is True:
            documents.remind(id)
        at(clock, day)
        before = len(mails(runtime, id))
        if number not in missed:
            run()
        seen += [day] * (len(mails(runtime, id)) - before)
        at(clock, day, 20)
        if reminded.get(day) is False:
            documents.remind(id)
    planned = reckon(sent_on, reminded, date(2027, 1, 1))
    if not missed:
        assert seen == planned
    assert len(seen) == len(set(seen))
    late = [day for day in seen if day not in planned]
    assert all((day - timedelta(days=1) - sent_on).days in missed for day in late)  # on the first run after missed ones


class TestDays:
    def test_they_are_the_firms(self, documents: DocumentsClient, clock, run, runtime):
        clock.now = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)  # still March 1 in Los Angeles
        id = documents.route()
        assert documents.read(id)["reminders"]["next_on"] == "2026-03-06"
        clock.now = datetime(2026, 3, 6, 7, 59, tzinfo=UTC)
        assert run()["found"] == 0
        clock.now = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)
        run()
        assert len(mails(runtime, id)) == 2

    def test_a_late_run_sends_one_for_all_that_have_passed(self, documents: DocumentsClient, clock, run, told, runtime):
        at(clock, "2026-03-01", 18)
        id = documents.route()
        at(clock, "2026-03-11")
        run()
        assert documents.read(id)["reminders"] == {"count": 1, "last_at": "2026-03-11T13:00:00.000Z", "next_on": "2026-03-12"}
        at(clock, "2026-04-20")
        run()
        assert reminded_on(runtime, id) == ["03-11", "04-20"]
        assert told() == [("documents.unanswered", id)]

    def test_none_once_the_links_end(self, documents: DocumentsClient, clock, run, told, runtime):
        at(clock, "2026-03-01", 18)
        id = documents.route(link_expires_at="2026-03-10T18:00:00Z")
        for number in range(2, 20):
            at(clock, f"2026-03-{number:02}")
            run()
        assert reminded_on(runtime, id) == ["03-06", "03-08"]
        assert told() == [("documents.unanswered", id)]

    @pytest.mark.parametrize("end", ["acknowledge", "recall", "delete"])
    def test_none_once_it_waits_for_nobody(self, documents: DocumentsClient, clock, run, told, runtime, holder, end):
        at(clock, "2026-03-01", 18)
        id = documents.route(due_on="2026-03-04")
        {
            "acknowledge": lambda: holder(id).acknowledge(),
            "recall": lambda: documents.recall(id),
            "delete": lambda: documents.ok("DELETE", f"{D}/{id}"),
        }[end]()
        at(clock, "2026-03-20")
        assert run()["found"] == 0
        assert (len(mails(runtime, id)), told()) == (1, [])

    def test_an_opened_one_is_still_waited_for(self, documents: DocumentsClient, clock, run, runtime, holder):
        at(clock, "2026-03-01", 18)
        id = documents.route()
        holder(id).open()
        at(clock, "2026-03-06")
        run()
        assert reminded_on(runtime, id) == ["03-06"]
        assert documents.read(id)["status"] == "opened"

    def test_of_a_replaced_document_nobody_is_reminded(self, documents: DocumentsClient, clock, run, runtime):
        at(clock, "2026-03-01", 18)
        deal = documents.deal()
        id = contract(runtime, deal)
        route = documents.route(deal, contract_id=id)
        change_contract(runtime, id, document_sha256=SECOND)
        at(clock, "2026-03-06")
        run()
        assert documents.read(route)["reminders"] == {"count": 0, "last_at": None, "next_on": "2026-03-08"}
        assert documents.expect_error(409, "POST", f"{D}/{route}/remind")["code"] == "stale_hash"
        change_contract(runtime, id, document_sha256=FIRST)
        at(clock, "2026-03-08")
        run()
        assert reminded_on(runtime, route) == ["03-08"]


class TestOverdue:
    def test_once_from_the_day_after(self, documents: DocumentsClient, clock, run, told, runtime):
        at(clock, "2026-03-01", 18)
        id = documents.route(title="Disclosure", due_on="2026-03-02")
        seen = []
        for number in range(2, 25):
            at(clock, f"2026-03-{number:02}")
            before = len(told())
            run()
            run()
            seen += [(number, *one) for one in told()[before:]]
        assert seen == [(3, "documents.overdue", id), (14, "documents.unanswered", id)]
        overdue, unanswered = events(runtime, *KINDS)
        assert (overdue.title, overdue.for_user, overdue.subject_type) == ("Not acknowledged in time: Disclosure", "user_operator", "route")
        assert unanswered.title == "Reminded for the last time: Disclosure"

    def test_of_no_owner_the_operators_are_told(self, documents: DocumentsClient, clock, run, runtime):
        documents.route(documents.deal(owner=None), due_on="2026-11-20")
        run()
        (event,) = events(runtime, *KINDS)
        assert (event.for_user, event.for_role) == (None, "operator")

    def test_both_on_one_day(self, documents: DocumentsClient, clock, run, told, runtime):
        at(clock, "2026-03-01", 18)
        id = documents.route(due_on="2026-03-13")
        at(clock, "2026-03-14")
        run()
        assert Counter(told()) == {("documents.unanswered", id): 1, ("documents.overdue", id): 1}
        assert reminded_on(runtime, id) == ["03-14"]


class TestTheFlag:
    @pytest.fixture
    def switch(self, runtime: Any) -> Any:
        """`switch(on=False)`: the flag as of the next run."""
        from dataclasses import replace

        def turn(*, on: bool) -> None:
            runtime.settings = replace(runtime.settings, of_packs=(DocumentsSettings(reminders=on),))

        return turn

    def test_off_and_on_again(self, documents: DocumentsClient, clock, run, runtime, switch):
        at(clock, "2026-03-01", 18)
        id = documents.route()
        switch(on=False)
        at(clock, "2026-03-09")
        run()
        assert reminded_on(runtime, id) == []
        documents.remind(id)  # by hand it goes on
        switch(on=True)
        at(clock, "2026-03-14")
        run()
        assert reminded_on(runtime, id) == ["03-09", "03-14"]

    def test_its_name(self):
        from chalicelib.packs.documents.service import reminders

        assert reminders.FLAG == "documents.reminders"


class TestByHand:
    def test_what_waits_for_nobody(self, documents: DocumentsClient, holder):
        acknowledged, recalled = documents.route(), documents.route()
        holder(acknowledged).acknowledge()
        documents.recall(recalled)
        for id in (acknowledged, recalled):
            assert documents.expect_error(409, "POST", f"{D}/{id}/remind")["code"] == "not_waiting"
        documents.expect_error(404, "POST", f"{D}/doc_d{'0' * 52}/remind")

    def test_three_at_once_then_one_an_hour(self, documents: DocumentsClient, clock, runtime):
        id, other = documents.route(), documents.route()
        for _ in range(3):
            documents.remind(id)
        refused = documents.call("POST", f"{D}/{id}/remind")
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) > 0
        documents.remind(other)  # of each route
        clock.now += timedelta(hours=1)
        documents.remind(id)
        documents.expect_error(429, "POST", f"{D}/{id}/remind")
        assert len(mails(runtime, id)) == 5

    def test_what_is_refused_uses_nothing_up(self, documents: DocumentsClient, holder):
        id = documents.route(link_expires_at="2027-01-01T00:00:00Z")
        for _ in range(4):
            documents.expect_error(412, "POST", f"{D}/{id}/remind", headers={"If-Match": '"9"'})
        for _ in range(3):
            documents.remind(id)

    def test_with_a_key_once(self, documents: DocumentsClient, runtime):
        id = documents.route()
        answers = [documents.call("POST", f"{D}/{id}/remind", headers={"Idempotency-Key": "k"}) for _ in range(5)]
        assert {answer.status for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert len(mails(runtime, id)) == 2

    def test_after_its_links_end(self, documents: DocumentsClient, clock):
        id = documents.route(link_expires_at="2026-11-25T00:00:00Z")
        clock.now += timedelta(days=2)
        assert documents.expect_error(409, "POST", f"{D}/{id}/remind")["code"] == "link_expired"


def test_the_setting_is_read(settings, dynamodb, clock):
    from chalicelib.foundation.settings import Settings

    read = Settings.from_environment(
        {
            "VALHALLA_STAGE": "x", "VALHALLA_TABLE": "x", "AWS_REGION": "us-east-1", "VALHALLA_SECRETS": "file:x",
            "VALHALLA_DOCUMENTS_REMINDERS": "false",
        },
        WITH_CONTRACTS,
    )  # fmt: skip
    runtime = Runtime(read, packs=WITH_CONTRACTS, dynamodb=dynamodb, secrets=SecretStore(read, lambda: SECRETS), clock=clock)
    assert runtime.settings.of(DocumentsSettings).reminders is False
