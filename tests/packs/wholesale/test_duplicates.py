"""Leads that may be one: the same house, or the same phone."""

from typing import Any

import pytest

from chalicelib.foundation.store import shared_values
from tests.api_user import ApiUser, all_rows

PINE = {"address": {"line1": "77 Pine St", "city": "Seattle", "region": "WA", "postal_code": "98101"}}
ADA = {"name": "Ada", "phone": "(206) 555-0100"}


@pytest.fixture
def user(client_as: Any) -> ApiUser:
    return ApiUser(client_as("operator"))


def house(line1: str, **address: Any) -> dict[str, Any]:
    return {"property": {"address": {**PINE["address"], "line1": line1, **address}}}


def open_lead(user: ApiUser, **body: Any) -> dict[str, Any]:
    return user.ok("POST", "/wholesale", body)


@pytest.fixture
def pine(user: ApiUser) -> str:
    return open_lead(user, property=PINE, seller=ADA)["id"]


class TestPhones:
    def test_a_phone_is_kept_in_e164(self, user):
        lead = open_lead(user, seller=ADA)
        assert (lead["seller"]["phone"], lead["warnings"]) == ("+12065550100", [])
        changed = user.ok("PATCH", f"/wholesale/{lead['id']}", {"seller": {"phone": "206.555.0199"}})
        assert changed["seller"] == {"name": "Ada", "phone": "+12065550199"}

    def test_the_same_phone_written_otherwise_changes_nothing(self, user, round_trips):
        lead = open_lead(user, seller=ADA)
        again = user.ok("PATCH", f"/wholesale/{lead['id']}", {"seller": {"phone": "1-206-555-0100"}})
        assert (again["revision"], round_trips()) == (1, 1)

    def test_one_that_cannot_be_read_is_kept_and_warned_of(self, user):
        lead = open_lead(user, seller={"phone": "555-0100 after six"})
        for body in (lead, user.ok("GET", f"/wholesale/{lead['id']}")):
            assert (body["seller"]["phone"], body["warnings"]) == ("555-0100 after six", ["phone_unreadable"])

    def test_the_country_of_the_house_says_what_a_number_means(self, user):
        lead = open_lead(user, property={"address": {"country": "GB"}}, seller={"phone": "206 555 0100"})
        assert lead["warnings"] == ["phone_unreadable"]

    def test_a_bulk_row_warns_too(self, user):
        results = user.ok("POST", "/wholesale/bulk", {"items": [{"seller": {"phone": "soon"}}, {"seller": ADA}]})["results"]
        assert [result.get("warnings") for result in results] == [["phone_unreadable"], None]
        assert user.ok("GET", f"/wholesale/{results[1]['id']}")["seller"]["phone"] == "+12065550100"


class TestEntry:
    @pytest.mark.parametrize("line1", ["77 Pine St", "77 PINE ST.", "77 Pine Street"])
    def test_the_same_house_warns_and_is_not_refused(self, user, pine, line1):
        lead = open_lead(user, **house(line1))
        assert (lead["duplicate_of"], lead["warnings"]) == ([pine], ["duplicate"])

    def test_the_same_phone_warns(self, user, pine):
        assert open_lead(user, seller={"phone": "+1 206 555 0100"})["duplicate_of"] == [pine]

    def test_units_are_kept_apart(self, user, pine):
        first = open_lead(user, **house("77 Pine St #4"))
        assert (first["duplicate_of"], first["warnings"]) == ([], [])
        assert open_lead(user, **house("77 Pine St", line2="Apt 5"))["duplicate_of"] == []
        assert open_lead(user, **house("77 Pine St", line2="Unit 4"))["duplicate_of"] == [first["id"]]

    def test_house_and_phone_name_each_lead_once_the_earliest_first(self, user, clock, pine):
        clock.now = clock.now.replace(minute=1)
        by_phone = open_lead(user, seller=ADA)["id"]
        assert open_lead(user, property=PINE, seller=ADA)["duplicate_of"] == [pine, by_phone]

    def test_without_house_and_phone_nothing_is_looked_for(self, user, round_trips):
        assert open_lead(user, seller={"name": "Ada"})["duplicate_of"] == []
        assert round_trips() == 1

    def test_a_repeated_request_gets_the_first_answer_in_one_round_trip(self, user, pine, round_trips):
        first, again = (user.call("POST", "/wholesale", {"property": PINE}, headers={"Idempotency-Key": "k"}) for _ in range(2))
        assert again.json() == first.json()
        assert first.json()["duplicate_of"] == [pine]
        assert round_trips() == 1

    def test_reading_says_nothing_of_duplicates(self, user, pine):
        open_lead(user, property=PINE)
        assert "duplicate_of" not in user.ok("GET", f"/wholesale/{pine}")

    def test_at_most_twenty_are_named_and_written_down(self, user, runtime):
        for _ in range(25):
            last = open_lead(user, seller=ADA)
        assert len(last["duplicate_of"]) == 20
        rows = [row for row in all_rows(runtime) if row["pk"]["S"].startswith("SHARED#")]
        assert [len(shared_values.ids_in(row)) for row in rows] == [20]

    def test_no_key_of_the_table_holds_the_phone(self, runtime, pine):
        assert not [row for row in all_rows(runtime) if "2065550100" in row["pk"]["S"] + row["sk"]["S"]]


class TestChanges:
    def test_a_changed_address_or_phone_is_looked_for(self, user, pine, round_trips):
        other = open_lead(user)["id"]
        assert user.ok("PATCH", f"/wholesale/{other}", {"property": PINE})["duplicate_of"] == [pine]
        assert round_trips() == 3
        assert user.ok("PATCH", f"/wholesale/{other}", {"seller": ADA})["warnings"] == ["duplicate"]
        assert "duplicate_of" not in user.ok("PATCH", f"/wholesale/{other}", {"notes": "x"})
        assert round_trips() == 2

    def test_what_moved_away_is_no_duplicate_any_more(self, user, pine):
        user.ok("PATCH", f"/wholesale/{pine}", {"property": {"address": {"line1": "5 Oak Ave"}}})
        assert open_lead(user, property=PINE)["duplicate_of"] == []
        assert open_lead(user, **house("5 Oak Avenue"))["duplicate_of"] == [pine]

    def test_what_was_deleted_is_none_either(self, user, pine):
        user.ok("DELETE", f"/wholesale/{pine}")
        assert open_lead(user, property=PINE, seller=ADA)["duplicate_of"] == []

    def test_a_lead_from_before_there_were_such_rows_is_found_once_it_is_edited(self, user, runtime, pine):
        for row in all_rows(runtime):
            if row["pk"]["S"].startswith("SHARED#"):
                runtime.dynamodb.delete_item(TableName=runtime.settings.table, Key={name: row[name] for name in ("pk", "sk")})
        key = {"pk": {"S": pine}, "sk": {"S": "~"}}
        runtime.dynamodb.update_item(TableName=runtime.settings.table, Key=key, UpdateExpression="REMOVE found_by")
        assert open_lead(user, **house("77 Pine Street"))["duplicate_of"] == []
        assert len(user.ok("PATCH", f"/wholesale/{pine}", {"notes": "x"})["duplicate_of"]) == 1
        assert pine in open_lead(user, seller=ADA)["duplicate_of"]


class TestBulk:
    def results(self, user: ApiUser, *items: Any, **options: Any) -> list[dict[str, Any]]:
        return user.ok("POST", "/wholesale/bulk", {"items": list(items)}, **options)["results"]

    def test_rows_name_what_is_there_and_the_rows_before_them(self, user, pine):
        first, second, third = self.results(user, {"property": PINE}, {"lead_source": "x"}, house("77 PINE ST."))
        assert (first["status"], first["warnings"], first["duplicate_of"]) == (201, ["duplicate"], [pine])
        assert "warnings" not in second
        assert "duplicate_of" not in second
        assert third["duplicate_of"] == sorted([pine, first["id"]])
        assert third["id"] in open_lead(user, property=PINE)["duplicate_of"]

    def test_a_dry_run_warns_and_names_only_what_is_there(self, user, pine):
        rows = [{"property": PINE}, house("5 Oak Ave"), house("5 Oak Avenue")]
        first, second, third = self.results(user, *rows, query={"dry_run": "true"})
        assert (first["duplicate_of"], third["warnings"], third["duplicate_of"]) == ([pine], ["duplicate"], [])
        assert "warnings" not in second

    def test_a_repeated_request_says_the_same(self, user, pine):
        key = {"Idempotency-Key": "k"}
        first = self.results(user, {"property": PINE}, headers=key)
        assert self.results(user, {"property": PINE}, headers=key) == first
        assert first[0]["duplicate_of"] == [pine]

    def test_a_hundred_rows_of_one_phone_fit(self, user, runtime, round_trips):
        results = self.results(user, *({"seller": ADA, "external_ref": str(number)} for number in range(30)))
        assert round_trips() == 4  # one read, three transactions of twelve rows
        assert {result["status"] for result in results} == {201}
        assert len(results[-1]["duplicate_of"]) == 20
        (row,) = [row for row in all_rows(runtime) if row["pk"]["S"].startswith("SHARED#")]
        assert len(shared_values.ids_in(row)) == 20
