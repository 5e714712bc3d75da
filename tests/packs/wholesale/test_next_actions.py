"""Next actions: their list, their reminders, and the list by mail each morning."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.foundation.access import user_key
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.events import Notification
from chalicelib.packs.wholesale import schedules
from chalicelib.packs.wholesale.entities import MorningList
from chalicelib.packs.wholesale.service.morning_lists import _send
from tests.api_user import ApiUser, all_rows
from tests.callers import sign_in_as
from tests.packs.wholesale.test_pipelines import add_user

EVENING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # six in the evening of 1 March where the firm is
HOUSE = {"address": {"line1": "77 Pine St", "city": "Seattle"}}


@pytest.fixture(autouse=True)
def _start(clock: Any) -> None:
    clock.now = EVENING


@pytest.fixture
def user(client_as: Any) -> ApiUser:
    return ApiUser(client_as("operator"))


def open_lead(user: ApiUser, due_on: str | None = "2026-03-02", what: str = "call the seller", **body: Any) -> str:
    action = {"what": what} | ({"due_on": due_on} if due_on else {})
    return user.ok("POST", "/wholesale", {"next_action": action, "property": HOUSE, **body})["id"]


def listed(user: ApiUser, **query: str) -> list[str]:
    return [item["id"] for item in user.ok("GET", "/wholesale/next-actions", query=query)["items"]]


class TestList:
    def test_the_callers_own_the_earliest_first(self, user, client_as, runtime, round_trips):
        late, early = open_lead(user, "2026-03-09"), open_lead(user, "2026-02-09")
        open_lead(user, None)
        add_user(runtime, "user_ada")
        other, nobodys = open_lead(user, owner="user_ada"), open_lead(user, owner=None)
        assert listed(user) == listed(user, owner="me") == listed(user, owner="user_operator") == [early, late]
        assert round_trips() == 1
        assert listed(user, owner="user_ada") == listed(ApiUser(client_as("viewer", user="user_ada"))) == [other]
        assert listed(user, owner="none") == [nobodys]

    def test_it_says_what_is_to_be_done_and_when(self, user):
        open_lead(user)
        (item,) = user.ok("GET", "/wholesale/next-actions")["items"]
        assert (item["next_action_what"], item["next_action_on"], item["address"]) == ("call the seller", "2026-03-02", "77 Pine St")

    def test_those_due_before_a_day(self, user):
        first, second = open_lead(user, "2026-03-01"), open_lead(user, "2026-03-02")
        assert listed(user, due_before="2026-03-01") == []
        assert listed(user, due_before="2026-03-02") == [first]
        assert listed(user, due_before="2026-03-03") == [first, second]

    def test_it_is_paged(self, user):
        ids = [open_lead(user, f"2026-03-{day:02}") for day in range(1, 6)]
        first = user.ok("GET", "/wholesale/next-actions", query={"limit": "3"})
        second = user.ok("GET", "/wholesale/next-actions", query={"limit": "3", "cursor": first["next_cursor"]})
        assert [item["id"] for item in first["items"] + second["items"]] == ids

    def test_what_is_moved_given_away_ended_or_deleted_leaves_it(self, user, runtime):
        add_user(runtime, "user_ada")
        moved, given, done, dead, deleted = (open_lead(user, f"2026-03-0{day}") for day in range(1, 6))
        user.ok("PATCH", f"/wholesale/{moved}", {"next_action": {"due_on": "2026-03-20"}})
        user.ok("PATCH", f"/wholesale/{given}", {"owner": "user_ada"})
        user.ok("PATCH", f"/wholesale/{done}", {"next_action": None})
        user.ok("POST", f"/wholesale/{dead}/stage", {"stage": "dead", "reason": "price"})
        user.ok("DELETE", f"/wholesale/{deleted}")
        assert listed(user) == [moved]
        assert listed(user, due_before="2026-03-20") == []
        assert listed(user, owner="user_ada") == [given]

    @pytest.mark.parametrize("query", [{"owner": "ada"}, {"due_before": "soon"}, {"stage": "lead"}])
    def test_other_queries_are_refused(self, user, query):
        user.expect_error(422, "GET", "/wholesale/next-actions", query=query)


@pytest.fixture
def remind(run_work: Any, runtime: Any, clock: Any) -> Any:
    """The reminders of a later day; all events so far."""

    def run(**after: int) -> list[Notification]:
        clock.now += timedelta(**after)
        run_work(schedules.contract_alarms)
        found = [Notification.from_item(row) for row in all_rows(runtime) if row.get("kind", {}).get("S") == "event"]
        return [event for event in found if event.event == "wholesale.next_action"]

    return run


class TestReminders:
    def test_its_owner_is_reminded_on_the_day_once(self, user, remind):
        id = open_lead(user)
        assert remind() == []
        (event,) = remind(days=1)
        assert (event.title, event.for_user, event.subject_id) == ("Call the seller is due today: 77 Pine St, Seattle", "user_operator", id)
        assert event.due_on.isoformat() == "2026-03-02"
        assert len(remind()) == len(remind(days=5)) == 1

    def test_a_day_that_was_missed_is_late(self, user, remind):
        open_lead(user)
        (event,) = remind(days=3)
        assert (event.title, event.data["late"]) == ("Call the seller is 2 days overdue: 77 Pine St, Seattle", True)

    def test_a_moved_one_reminds_again(self, user, remind):
        id = open_lead(user)
        remind(days=1)
        user.ok("PATCH", f"/wholesale/{id}", {"next_action": {"due_on": "2026-03-04"}})
        assert len(remind(days=1)) == 1
        assert len(remind(days=1)) == 2

    def test_other_words_for_the_same_day_do_not(self, user, remind):
        id = open_lead(user)
        remind(days=1)
        user.ok("PATCH", f"/wholesale/{id}", {"next_action": {"what": "write to the seller"}})
        assert len(remind()) == 1

    def test_on_hold_it_reminds_all_the_same(self, user, remind):
        open_lead(user, on_hold=True)
        assert len(remind(days=1)) == 1

    def test_what_belongs_to_nobody_reminds_the_operators(self, user, remind):
        open_lead(user, owner=None)
        (event,) = remind(days=1)
        assert (event.for_user, event.for_role) == (None, "operator")

    def test_a_dead_one_or_one_that_was_done_does_not(self, user, remind):
        dead, done = open_lead(user), open_lead(user)
        user.ok("POST", f"/wholesale/{dead}/stage", {"stage": "dead", "reason": "price"})
        user.ok("PATCH", f"/wholesale/{done}", {"next_action": None})
        assert remind(days=1) == []

    def test_contracts_remind_of_both(self, user, remind, runtime):
        terms = {"stage": "under_contract", "contract_price": 1, "closes_on": "2026-03-05"}
        open_lead(user, "2026-03-02", **terms)
        assert len(remind(days=1)) == 1
        kinds = {row["event"]["S"] for row in all_rows(runtime) if row.get("kind", {}).get("S") == "event"}
        assert kinds == {"wholesale.next_action", "wholesale.closing"}


@pytest.fixture
def mails(run_work: Any, runtime: Any, clock: Any) -> Any:
    """Run the schedule at a time; all mails so far."""

    def run(day: int, hour: int) -> list[dict[str, Any]]:
        clock.now = datetime(2026, 3, day, hour, 0, tzinfo=UTC)
        run_work(schedules.morning_lists)
        return [row for row in all_rows(runtime) if row.get("kind", {}).get("S") == "mail"]

    return run


class TestMorningList:
    @pytest.fixture
    def job(self, runtime: Any) -> Any:
        return lambda: runtime.context(request_id=uuid4().hex, actor=system_actor("test"))

    @pytest.fixture
    def ada(self, client_as: Any, runtime: Any) -> ApiUser:
        sign_in_as(runtime, "user_ada", ("dealmaker",), None)
        ada = ApiUser(client_as("dealmaker", user="user_ada"))
        ada.ok("PUT", "/wholesale/morning-list", {"wanted": True})
        return ada

    def test_asking_for_it_and_ending_it(self, ada):
        assert ada.ok("GET", "/wholesale/morning-list") == {"wanted": True, "next_at": "2026-03-02T14:00:00.000Z"}
        assert ada.ok("PUT", "/wholesale/morning-list", {"wanted": False}) == {"wanted": False, "next_at": None}
        assert ada.ok("GET", "/wholesale/morning-list") == {"wanted": False, "next_at": None}

    def test_what_is_due_comes_at_six_once_a_day(self, ada, mails):
        open_lead(ada, "2026-03-02")
        open_lead(ada, "2026-02-27", "send the offer", property=None, seller={"name": "Bea"})
        open_lead(ada, "2026-03-03")
        assert mails(2, 13) == []
        (mail,) = mails(2, 14)
        assert mail["subject"]["S"] == "2 next actions are due"
        assert "- send the offer: Bea (3 days overdue)\n- call the seller: 77 Pine St, Seattle\n" in mail["text"]["S"]
        assert len(mails(2, 14)) == len(mails(2, 15)) == 1
        (_, second) = mails(3, 15)
        assert second["subject"]["S"] == "3 next actions are due"

    def test_six_is_six_in_summer_too(self, ada, mails):
        open_lead(ada, "2026-03-01")
        mails(7, 15)
        assert ada.ok("GET", "/wholesale/morning-list")["next_at"] == "2026-03-08T13:00:00.000Z"

    def test_nothing_comes_where_nothing_is_due(self, ada, mails):
        open_lead(ada, "2026-03-03")
        assert mails(2, 14) == []
        assert ada.ok("GET", "/wholesale/morning-list")["next_at"] == "2026-03-03T14:00:00.000Z"

    def test_nobody_gets_it_unasked_or_once_it_is_ended(self, ada, user, mails):
        open_lead(ada)
        open_lead(user)
        ada.ok("PUT", "/wholesale/morning-list", {"wanted": False})
        assert mails(2, 14) == []

    def test_whoever_has_left_gets_none(self, ada, mails, runtime):
        open_lead(ada)
        key = {"pk": {"S": "user_ada"}, "sk": {"S": "~"}}
        no = {":no": {"BOOL": False}}
        runtime.dynamodb.update_item(
            TableName=runtime.settings.table, Key=key, UpdateExpression="SET is_active = :no", ExpressionAttributeValues=no
        )
        assert mails(2, 14) == []
        assert not [row for row in all_rows(runtime) if row["pk"]["S"].startswith("MORNING#")]

    def test_a_long_list_is_cut(self, ada, mails):
        for _ in range(52):
            open_lead(ada)
        (mail,) = mails(2, 14)
        assert mail["subject"]["S"] == "More than 50 next actions are due"
        assert mail["text"]["S"].count("77 Pine St") == 50
        assert "- and more" in mail["text"]["S"]

    def test_somebody_whose_address_is_not_known_here_gets_none(self, client_as):
        client = client_as("dealmaker", user="oidc:x")
        client.sign_in = None  # an outside issuer's users have no row
        ApiUser(client).expect_error(403, "PUT", "/wholesale/morning-list", {"wanted": True})

    def test_of_two_runs_that_read_the_same_one_sends(self, ada, mails, job, clock, runtime):
        """Both have read the row before either claims it."""
        open_lead(ada)
        clock.now = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
        row = MorningList.key_of("user_ada")
        read = job().store.batch_get([row, user_key("user_ada")])
        assert _send(job(), row.pk, read)
        with pytest.raises(VersionConflict):
            _send(job(), row.pk, read)
        assert len(mails(2, 14)) == 1
