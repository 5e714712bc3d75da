"""What dealmakers see of each other's leads, where the firm limits it; and whom events name."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.foundation.access import MASK
from chalicelib.packs.wholesale import schedules
from chalicelib.packs.wholesale.settings import WholesaleSettings
from tests.api_user import ApiUser

ADA = {"name": "Ada", "phone": "+12065550100", "email": "ada@example.com"}
HOUSE = {"address": {"line1": "77 Pine St", "city": "Seattle", "postal_code": "98101"}}


@pytest.fixture
def settings(settings: Any) -> Any:
    return replace(settings, of_packs=(WholesaleSettings(dealmaker_sight="own"),))


@pytest.fixture
def make_user(client_as: Any) -> Any:
    return lambda role, user=None: ApiUser(client_as(role, user=user or f"user_{role}"))


@pytest.fixture
def leads(make_user: Any) -> dict[str, str]:
    """A lead of Bo's, and one of nobody."""
    bo, operator = make_user("dealmaker", "user_bo"), make_user("operator")
    return {
        "bo": bo.ok("POST", "/wholesale", {"seller": ADA, "property": HOUSE})["id"],
        "none": operator.ok("POST", "/wholesale", {"seller": ADA, "owner": None})["id"],
    }


def names(user: ApiUser, path: str = "/wholesale", **query: str) -> dict[str, str]:
    return {item["id"]: item["seller_name"] for item in user.ok("GET", path, query=query)["items"]}


def test_own_leads_and_those_of_nobody_are_seen_whole(make_user, leads):
    for id in leads.values():
        assert make_user("dealmaker", "user_bo").ok("GET", f"/wholesale/{id}")["seller"] == ADA


def test_contacts_of_others_leads_are_masked_wherever_they_are_shown(make_user, leads, clock):
    cy = make_user("dealmaker", "user_cy")
    masked = {"name": MASK, "phone": MASK, "email": MASK}
    body = cy.ok("GET", f"/wholesale/{leads['bo']}")
    assert (body["seller"], body["property"]) == (masked, HOUSE)
    assert names(cy) == {leads["bo"]: MASK, leads["none"]: "Ada"}
    assert names(cy, owner="user_bo") == names(cy, market="981") == names(cy, market="981", stage="lead") == {leads["bo"]: MASK}
    make_user("dealmaker", "user_bo").ok("PATCH", f"/wholesale/{leads['bo']}", {"next_action": {"what": "Call", "due_on": "2026-11-25"}})
    assert names(cy, "/wholesale/next-actions", owner="user_bo") == {leads["bo"]: MASK}
    clock.now = clock.now.replace(month=12, day=20)
    assert names(cy, "/wholesale/stale") == {leads["bo"]: MASK, leads["none"]: "Ada"}


def test_the_trail_of_others_leads_is_not_theirs_to_read(make_user, leads):
    make_user("dealmaker", "user_cy").expect_error(404, "GET", f"/audit/trail/{leads['bo']}")


@pytest.mark.parametrize("role", ["operator", "counsel", "auditor", "admin"])
def test_whoever_reads_all_leads_sees_all_contacts(make_user, leads, role):
    assert names(make_user(role)) == dict.fromkeys(leads.values(), "Ada")


def test_a_second_role_that_sees_all_lifts_the_limit(client_as, leads):
    both = ApiUser(client_as("dealmaker", "counsel", user="user_cy"))
    assert names(both)[leads["bo"]] == "Ada"


def test_a_lead_that_changes_hands_is_seen_by_its_new_owner(make_user, leads, runtime):
    from tests.packs.wholesale.test_pipelines import add_user

    add_user(runtime, "user_cy")
    make_user("operator").ok("PATCH", f"/wholesale/{leads['bo']}", {"owner": "user_cy"})
    assert names(make_user("dealmaker", "user_cy"))[leads["bo"]] == "Ada"
    assert names(make_user("dealmaker", "user_bo"))[leads["bo"]] == MASK


class TestByDefault:
    @pytest.fixture
    def settings(self, settings: Any) -> Any:
        return replace(settings, of_packs=())

    def test_dealmakers_see_all_contacts(self, make_user, leads):
        assert names(make_user("dealmaker", "user_cy")) == dict.fromkeys(leads.values(), "Ada")


class TestEvents:
    """A lead with an address is named by it. One without is named by its seller, to those who see contacts."""

    def titles(self, user: ApiUser) -> list[str]:
        return [item["title"] for item in user.ok("GET", "/events")["items"]]

    @pytest.fixture
    def quiet(self, make_user: Any, clock: Any, run_work: Any) -> Any:
        def make(**body: Any) -> str:
            id: str = make_user("dealmaker", "user_bo").ok("POST", "/wholesale", body)["id"]
            clock.now = clock.now.replace(month=12, day=2)
            run_work(schedules.follow_ups)
            return id

        return make

    def test_a_house_is_named_by_its_address_in_one_round_trip_less(self, make_user, quiet, round_trips):
        quiet(seller=ADA, property=HOUSE)
        assert self.titles(make_user("dealmaker", "user_bo")) == ["Quiet for 7 days: 77 Pine St, Seattle"]
        assert round_trips() == 2

    def test_a_lead_without_an_address_is_named_by_its_seller(self, make_user, quiet, round_trips):
        quiet(seller=ADA)
        bo = make_user("dealmaker", "user_bo")
        assert self.titles(bo) == ["Quiet for 7 days: Ada"]
        assert round_trips() == 3
        (event,) = bo.ok("GET", "/events")["items"]
        assert bo.ok("GET", f"/events/{event['id']}")["title"] == "Quiet for 7 days: Ada"
        assert bo.ok("POST", f"/events/{event['id']}/seen")["title"] == "Quiet for 7 days: Ada"

    def test_whoever_may_not_see_contacts_sees_that_there_is_a_name(self, client_as, quiet):
        quiet(seller=ADA)
        assert self.titles(ApiUser(client_as("viewer", user="user_bo"))) == [f"Quiet for 7 days: {MASK}"]

    def test_a_former_owner_sees_no_name_where_sight_is_limited(self, make_user, quiet, runtime):
        from tests.packs.wholesale.test_pipelines import add_user

        add_user(runtime, "user_cy")
        id = quiet(seller=ADA)
        make_user("operator").ok("PATCH", f"/wholesale/{id}", {"owner": "user_cy"})
        assert self.titles(make_user("dealmaker", "user_bo")) == [f"Quiet for 7 days: {MASK}"]

    def test_what_has_neither_is_named_by_its_id(self, make_user, quiet):
        id = quiet()
        assert self.titles(make_user("dealmaker", "user_bo")) == [f"Quiet for 7 days: {id}"]

    def test_no_name_is_kept_in_an_event(self, make_user, quiet, runtime):
        from tests.api_user import all_rows

        quiet(seller=ADA)
        assert not [row for row in all_rows(runtime) if row["pk"]["S"].startswith("evt_") and "Ada" in str(row)]
