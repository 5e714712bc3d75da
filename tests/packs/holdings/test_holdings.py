"""Holdings, their history, flows, rates and sums, through the API."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.packs.holdings import repository

# -- the holding itself


def test_a_holding_with_all_its_fields(holdings_client):
    sent = {
        "asset_type": "property",
        "label": "Lake house",
        "internal_ref": "P-7",
        "jurisdiction": "US-WA",
        "entity_name": "Smith LLC",
        "entity_id": "ent_1",
        "value_estimate": 500000,
        "liability": 300000,
        "ownership_pct": 50,
        "acquired_on": "2024-02-29",
        "cost_basis": "410000.50",
        "details": {"year_built": 1998, "pool": True},
        "notes": "roof\nnew",
    }
    answer = holdings_client.operator("POST", "/holdings", sent)
    assert answer.status == 201
    body = answer.json()
    assert answer.headers["location"] == f"/holdings/{body['id']}"
    assert {name: body[name] for name in sent} == {**sent, "cost_basis": Decimal("410000.50")}
    assert (body["currency"], body["is_active"], body["owned_value"], body["valued_on"]) == ("USD", True, 100000, "2024-02-29")
    assert (body["revision"], body["created_by"], body["disposed_on"], body["proceeds"]) == (1, "user_operator", None, None)
    read = holdings_client.operator("GET", f"/holdings/{body['id']}")
    assert (read.json(), read.headers["etag"]) == (body, '"1"')


def test_only_the_type_is_needed(holdings_client):
    body = holdings_client.create(asset_type="moon_rock", value_estimate=None, currency=None)
    assert (body["currency"], body["value_estimate"], body["owned_value"], body["ownership_pct"]) == ("USD", None, None, 100)
    assert holdings_client.operator("GET", f"/holdings/{body['id']}/valuations").json()["items"] == []


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("asset_type", {"asset_type": ""}),
        ("asset_type", {"asset_type": None}),
        ("asset_type", {"asset_type": "No Slug"}),
        ("currency", {"currency": "banana"}),
        ("value_estimate", {"value_estimate": "1e5"}),
        ("value_estimate", {"value_estimate": Decimal("0.001")}),
        ("value_estimate", {"value_estimate": Decimal("1.5"), "currency": "JPY"}),
        ("value_estimate", {"value_estimate": 10**15}),
        ("liability", {"liability": -1}),
        ("cost_basis", {"cost_basis": -1}),
        ("ownership_pct", {"ownership_pct": Decimal("100.01")}),
        ("ownership_pct", {"ownership_pct": -1}),
        ("ownership_pct", {"ownership_pct": None}),
        ("is_active", {"is_active": None}),
        ("is_active", {"is_active": "true"}),
        ("acquired_on", {"acquired_on": "2026-11-25"}),
        ("details.year_built", {"details": {"year_built": "old"}}),
        ("details", {"details": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}),
        ("details", {"details": {"x": "y" * 2001}}),
        ("details", {"details": {"": 1}}),
        ("colour", {"colour": "red"}),
        ("disposed_on", {"disposed_on": "2026-01-01"}),
    ],
)
def test_what_cant_be_a_holding(holdings_client, field, sent):
    answer = holdings_client.operator("POST", "/holdings", {"asset_type": "property", **sent})
    assert answer.status == 422, answer.text
    assert [".".join(map(str, error["loc"])) for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("number", ["1e999", "NaN", "Infinity"])
def test_no_number_poisons_the_list(holdings_client, number):
    for field in (f'"value_estimate": {number}', f'"details": {{"x": {number}}}'):
        assert holdings_client.operator("POST", "/holdings", raw=f'{{"asset_type": "cash", {field}}}').status in (400, 422)
    assert holdings_client.operator("GET", "/holdings").json()["items"] == []


def test_a_value_may_be_below_nought_and_a_share_is_rounded_once(holdings_client):
    assert holdings_client.create(value_estimate=-5)["owned_value"] == -5
    cases = [
        ("500000", "300000", "50", "USD", "100000.00"),
        ("10000000", "0", "33.33", "JPY", "3333000"),
        ("12345.67", "0", "75", "GBP", "9259.25"),
        ("200000", "260000", "80", "USD", "-48000.00"),
        ("1000000", "0", "33.3333", "USD", "333333.00"),
    ]
    for value, liability, share, currency, expected in cases:
        made = holdings_client.create(value_estimate=value, liability=liability, ownership_pct=Decimal(share), currency=currency)
        assert made["owned_value"] == Decimal(expected)


def test_an_edit_keeps_what_is_left_out_and_null_clears(holdings_client):
    one = holdings_client.create(label="a", notes="b", jurisdiction="US-WA", liability=5, value_estimate=9, details={"units": 2, "x": 1})
    after = holdings_client.edit(one, notes=None, jurisdiction=None, liability=None, details={"units": None, "y": [1]})
    assert (after["label"], after["notes"], after["jurisdiction"], after["liability"]) == ("a", None, None, None)
    assert (after["details"], after["owned_value"], after["revision"]) == ({"x": 1, "y": [1]}, 9, 2)
    assert holdings_client.edit(one, label="a")["revision"] == 2
    assert holdings_client.operator("PATCH", f"/holdings/{one['id']}", {}).status == 422


def test_what_an_edit_cant_say(holdings_client):
    one = holdings_client.create(value_estimate=5, acquired_on="2026-05-01", details={"year_built": 1990})
    assert holdings_client.expect_error(one, is_active=None) == "is_active"
    assert holdings_client.expect_error(one, ownership_pct=None) == "ownership_pct"
    assert holdings_client.expect_error(one, asset_type=None) == "asset_type"
    assert holdings_client.expect_error(one, currency=None) == "currency"
    assert holdings_client.expect_error(one, currency="EUR") == "currency"
    assert holdings_client.expect_error(one, currency="EUR", value_estimate=None) == "currency"
    assert holdings_client.expect_error(one, liability=-1) == "liability"
    assert holdings_client.expect_error(one, acquired_on="2026-11-25") == "acquired_on"
    assert holdings_client.expect_error(one, disposed_on="2026-11-25") == "disposed_on"
    assert holdings_client.expect_error(one, disposed_on="2026-04-30") == "disposed_on"
    assert holdings_client.expect_error(one, proceeds=5) == "proceeds"
    assert holdings_client.expect_error(one, value_estimate=6, effective_on="2026-11-25") == "effective_on"
    assert holdings_client.expect_error(one, value_estimate=6, effective_on="2026-04-30") == "effective_on"
    assert holdings_client.expect_error(one, notes="x", effective_on="2026-06-01") == "effective_on"
    assert holdings_client.expect_error(one, details={"year_built": "x"}) == "details.year_built"
    assert holdings_client.expect_error(one, value_estimate=Decimal("0.001")) == "value_estimate"
    assert holdings_client.operator("GET", f"/holdings/{one['id']}").json()["revision"] == 1


def test_if_match_is_held_against_the_revision(holdings_client):
    one = holdings_client.create()
    assert holdings_client.operator("PATCH", f"/holdings/{one['id']}", {"label": "x"}, headers={"If-Match": '"7"'}).status == 412
    assert holdings_client.operator("PATCH", f"/holdings/{one['id']}", {"label": "x"}, headers={"If-Match": '"1"'}).status == 200
    assert holdings_client.operator("DELETE", f"/holdings/{one['id']}", headers={"If-Match": '"1"'}).status == 412


def test_what_is_deleted_is_gone_from_everywhere(holdings_client):
    one = holdings_client.create(value_estimate=5, acquired_on="2024-01-01")
    holdings_client.edit(one, value_estimate=7, effective_on="2025-01-01")
    assert holdings_client.summary()["total_value"] == 7
    assert holdings_client.operator("DELETE", f"/holdings/{one['id']}").status == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/valuations"), ("GET", "/flows")):
        assert holdings_client.operator(method, f"/holdings/{one['id']}{path}").status == 404
    assert holdings_client.operator("PATCH", f"/holdings/{one['id']}", {"label": "x"}).status == 404
    assert holdings_client.operator("POST", f"/holdings/{one['id']}/valuations", {"value": 1}).status == 404
    assert holdings_client.operator("GET", "/holdings", query={"only_active": "false"}).json()["items"] == []
    assert (holdings_client.summary()["count"], holdings_client.summary(as_of="2024-06-01")["total_value"]) == (0, 0)


def test_ids_of_another_form_are_not_found(holdings_client):
    for id in ("1", "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "hold_x"):
        assert holdings_client.operator("GET", f"/holdings/{id}").status == 404
        assert holdings_client.operator("POST", f"/holdings/{id}/valuations", {"value": 1}).status == 404
        assert holdings_client.operator("POST", f"/holdings/{id}/flows", {"amount": 1, "kind": "contribution"}).status == 404


def test_a_key_is_one_holding_one_valuation_one_flow(holdings_client):
    headers = {"Idempotency-Key": "k"}
    first = holdings_client.operator("POST", "/holdings", {"asset_type": "cash"}, headers=headers)
    again = holdings_client.operator("POST", "/holdings", {"asset_type": "cash"}, headers=headers)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    id = first.json()["id"]
    for path, body in (("valuations", {"value": 5}), ("flows", {"amount": 5, "kind": "contribution"})):
        one, two = (holdings_client.operator("POST", f"/holdings/{id}/{path}", body, headers={"Idempotency-Key": path}) for _ in "ab")
        assert one.json() == two.json()
        assert len(holdings_client.operator("GET", f"/holdings/{id}/{path}").json()["items"]) == 1


def test_the_owned_value_explains_itself(holdings_client):
    one = holdings_client.create(value_estimate=10, liability=4, ownership_pct=50, acquired_on="2026-01-02")
    answer = holdings_client.operator("GET", f"/holdings/{one['id']}", query={"explain": "true"})
    explained = answer.json()["explain"]["owned_value"]
    assert explained["inputs"] == {
        "value_estimate": 10,
        "valued_on": "2026-01-02",
        "liability": 4,
        "ownership_pct": 50,
        "currency": "USD",
    }
    assert (explained["formula"], explained["missing"]) == ({"id": "holdings.owned", "version": 1}, [])
    assert answer.headers["etag"].startswith('W/"1.')
    bare = holdings_client.create()
    missing = holdings_client.operator("GET", f"/holdings/{bare['id']}", query={"explain": "true"}).json()["explain"]["owned_value"][
        "missing"
    ]
    assert missing == ["value_estimate"]


# -- lists


def listed(holdings_client, **query: str) -> list[str]:
    found, cursor = [], None
    while True:
        answer = holdings_client.operator("GET", "/holdings", query={"limit": "2", **query, **({"cursor": cursor} if cursor else {})})
        assert answer.status == 200, answer.text
        found += [item["label"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


def test_each_filter_and_every_two_together_are_exact(holdings_client):
    made = {}
    for kind in ("property", "note"):
        for place in ("US-WA", "US-W", None):
            for entity in ("ent#1", "ent", None):
                name = f"{kind}/{place}/{entity}"
                holdings_client.clock.now += timedelta(seconds=1)
                made[name] = holdings_client.create(asset_type=kind, label=name, jurisdiction=place, entity_id=entity)
    holdings_client.edit(made["note/US-W/ent"], is_active=False)
    holdings_client.edit(made["note/US-WA/ent"], disposed_on="2026-11-01", acquired_on="2026-10-01")
    gone = {"note/US-W/ent", "note/US-WA/ent"}
    values = {
        "asset_type": ("property", "note"),
        "jurisdiction": ("US-WA", "US-W", "unassigned"),
        "entity_id": ("ent#1", "ent", "unassigned"),
    }
    for kind in (None, *values["asset_type"]):
        for place in (None, *values["jurisdiction"]):
            for entity in (None, *values["entity_id"]):
                query = {"asset_type": kind, "jurisdiction": place, "entity_id": entity}
                given = {name: value for name, value in query.items() if value}
                wanted = {
                    name
                    for name in made
                    if all(
                        value is None or part == ("None" if value == "unassigned" else value)
                        for part, value in zip(name.split("/"), (kind, place, entity), strict=True)
                    )
                }
                assert sorted(listed(holdings_client, **given)) == sorted(wanted - gone), given
                assert sorted(listed(holdings_client, only_active="false", **given)) == sorted(wanted), given


def test_without_a_filter_and_with_two_the_newest_come_first(holdings_client):
    for number in range(5):
        holdings_client.clock.now += timedelta(seconds=1)
        holdings_client.create(label=str(number), jurisdiction="US-WA", entity_name="Smith LLC")
    newest = ["4", "3", "2", "1", "0"]
    assert listed(holdings_client) == newest
    assert listed(holdings_client, asset_type="property", jurisdiction="US-WA") == newest
    assert listed(holdings_client, jurisdiction="US-WA", entity_id="Smith LLC") == newest
    assert listed(holdings_client, asset_type="property", entity_id="Smith LLC") == newest


def test_a_cursor_is_of_its_filters(holdings_client):
    for _ in range(3):
        holdings_client.create()
    cursor = holdings_client.operator("GET", "/holdings", query={"limit": "1"}).json()["next_cursor"]
    assert holdings_client.operator("GET", "/holdings", query={"cursor": cursor, "asset_type": "property"}).status == 400
    assert holdings_client.operator("GET", "/holdings", query={"only_active": "maybe"}).status == 422


# -- history


def owned_on(holdings_client, *days: str) -> list[Any]:
    return [holdings_client.summary(as_of=day)["total_value"] for day in days]


def test_a_share_sold_in_july_leaves_june_as_it_was(holdings_client):
    one = holdings_client.create(value_estimate=500000, liability=300000, acquired_on="2026-01-01")
    holdings_client.edit(one, ownership_pct=50, effective_on="2026-07-01")
    assert owned_on(holdings_client, "2025-12-31", "2026-01-01", "2026-06-30", "2026-07-01", "2026-11-24") == [
        0,
        200000,
        200000,
        100000,
        100000,
    ]


def test_value_liability_activity_and_groups_hold_from_a_day_on(holdings_client):
    one = holdings_client.create(value_estimate=100, acquired_on="2026-01-01", jurisdiction="US-WA")
    holdings_client.edit(one, value_estimate=120, effective_on="2026-03-01")
    holdings_client.edit(one, liability=50, effective_on="2026-04-01")
    holdings_client.edit(one, is_active=False, effective_on="2026-05-01")
    holdings_client.edit(one, is_active=True, effective_on="2026-06-01")
    after = holdings_client.edit(one, jurisdiction="US-OR", effective_on="2026-07-01")
    assert owned_on(holdings_client, "2026-02-28", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01") == [100, 120, 70, 0, 70]
    assert holdings_client.summary(as_of="2026-06-30")["by_jurisdiction"] == {"US-WA": 70}
    assert holdings_client.summary()["by_jurisdiction"] == {"US-OR": 70}
    assert (after["value_estimate"], after["liability"], after["is_active"], after["jurisdiction"]) == (120, 50, True, "US-OR")


def test_what_is_entered_for_the_past_leaves_what_came_later(holdings_client):
    one = holdings_client.create(value_estimate=100, acquired_on="2026-01-01", ownership_pct=100)
    holdings_client.edit(one, value_estimate=200, ownership_pct=50, effective_on="2026-06-01")
    after = holdings_client.edit(one, value_estimate=120, ownership_pct=80, effective_on="2026-03-01")
    assert (after["value_estimate"], after["ownership_pct"], after["valued_on"]) == (200, 50, "2026-06-01")
    assert owned_on(holdings_client, "2026-02-28", "2026-03-01", "2026-06-01") == [100, 96, 100]


def test_each_change_of_value_appends_and_nothing_is_rewritten(holdings_client):
    one = holdings_client.create(value_estimate=100, acquired_on="2026-01-01")
    holdings_client.edit(one, value_estimate=110)
    answer = holdings_client.operator(
        "POST", f"/holdings/{one['id']}/valuations", {"value": 90, "as_of": "2026-05-01", "method": "appraisal", "source": "X"}
    )
    assert answer.status == 201
    assert answer.headers["location"] == f"/holdings/{one['id']}/valuations"
    view = answer.json()
    assert (view["value"], view["currency"], view["as_of"], view["method"], view["source"]) == (90, "USD", "2026-05-01", "appraisal", "X")
    holdings_client.edit(one, value_estimate=110)
    rows = holdings_client.operator("GET", f"/holdings/{one['id']}/valuations").json()["items"]
    assert sorted((row["as_of"], row["value"]) for row in rows) == [("2026-01-01", 100), ("2026-05-01", 90), ("2026-11-24", 110)]
    assert {row["holding_id"] for row in rows} == {one["id"]}
    assert holdings_client.operator("GET", f"/holdings/{one['id']}").json()["value_estimate"] == 110
    assert owned_on(holdings_client, "2026-04-30", "2026-05-01", "2026-11-23", "2026-11-24") == [100, 90, 90, 110]


def test_of_two_for_a_day_the_later_entered_counts(holdings_client):
    one = holdings_client.create(value_estimate=100, acquired_on="2026-01-01")
    for value in (5, 6, 7, 8):  # within one millisecond
        assert holdings_client.operator("POST", f"/holdings/{one['id']}/valuations", {"value": value}).status == 201
        assert holdings_client.operator("GET", f"/holdings/{one['id']}").json()["value_estimate"] == value
    assert owned_on(holdings_client, "2026-11-24") == [8]
    assert len(holdings_client.operator("GET", f"/holdings/{one['id']}/valuations").json()["items"]) == 5


def test_what_cant_be_a_valuation(holdings_client):
    one = holdings_client.create(value_estimate=100, currency="CAD")
    path = f"/holdings/{one['id']}/valuations"
    for field, body in (
        ("as_of", {"value": 1, "as_of": "2026-11-25"}),
        ("currency", {"value": 1, "currency": "USD"}),
        ("value", {"value": Decimal("0.001")}),
        ("value", {"currency": "CAD"}),
        ("value", {"value": None}),
    ):
        answer = holdings_client.operator("POST", path, body)
        assert (answer.status, answer.json()["errors"][0]["loc"]) == (422, [field]), answer.text
    assert holdings_client.operator("POST", path, {"value": 1, "currency": "CAD"}).status == 201
    assert holdings_client.operator("POST", path, {"value": -1}).json()["currency"] == "CAD"


def test_today_is_the_firms_day(holdings_client):
    holdings_client.set_day("2026-11-25", hour=5)  # in Los Angeles it is still the evening before
    one = holdings_client.create(value_estimate=5)
    assert one["valued_on"] == "2026-11-24"
    assert holdings_client.operator("POST", f"/holdings/{one['id']}/valuations", {"value": 1, "as_of": "2026-11-25"}).status == 422


def test_a_value_can_be_withdrawn(holdings_client):
    one = holdings_client.create(value_estimate=100, acquired_on="2026-01-01")
    after = holdings_client.edit(one, value_estimate=None)
    assert (after["value_estimate"], after["owned_value"], after["valued_on"]) == (None, None, None)
    found = holdings_client.summary()
    assert (found["total_value"], found["count"], found["unvalued"], found["complete"]) == (0, 1, 1, False)
    assert owned_on(holdings_client, "2026-11-23") == [100]


def test_the_currency_changes_with_the_value(holdings_client):
    holdings_client.rates("2026-11-24")
    one = holdings_client.create(value_estimate=100, currency="CAD", acquired_on="2026-01-01")
    after = holdings_client.edit(one, value_estimate=70, currency="USD")
    assert (after["value_estimate"], after["currency"]) == (70, "USD")
    assert holdings_client.summary()["by_currency"].keys() == {"USD"}
    assert holdings_client.summary(as_of="2026-11-23", currency="CAD")["total_value"] == 100
    answer = holdings_client.operator("POST", f"/holdings/{one['id']}/valuations", {"value": 101, "currency": "CAD", "as_of": "2026-02-01"})
    assert answer.status == 201
    assert holdings_client.operator("GET", f"/holdings/{one['id']}").json()["currency"] == "USD"
    assert holdings_client.expect_error(one, value_estimate=1, currency="EUR", effective_on="2026-11-01") == "effective_on"


def test_what_it_was_bought_for_stays_in_its_first_currency(holdings_client):
    one = holdings_client.create(value_estimate=100, cost_basis=Decimal("90.50"), acquired_on="2026-10-01")
    assert holdings_client.edit(one, currency="JPY", value_estimate=15000)["cost_basis"] == Decimal("90.50")
    assert holdings_client.edit(one, cost_basis=Decimal("90.25"))["cost_basis"] == Decimal("90.25")
    assert holdings_client.expect_error(one, cost_basis=Decimal("90.255")) == "cost_basis"
    yen = holdings_client.create(value_estimate=15000, currency="JPY", acquired_on="2026-10-01")
    holdings_client.edit(yen, currency="USD", value_estimate=100)
    assert holdings_client.expect_error(yen, cost_basis=Decimal("90.50")) == "cost_basis"


def test_a_loan_is_said_anew_in_another_currency(holdings_client):
    one = holdings_client.create(value_estimate=100, liability=40, currency="CAD")
    assert holdings_client.expect_error(one, value_estimate=70, currency="USD") == "liability"
    assert holdings_client.edit(one, value_estimate=70, currency="USD", liability=28)["owned_value"] == 42


def test_what_it_began_with_moves_with_its_first_day(holdings_client):
    one = holdings_client.create(value_estimate=100, ownership_pct=50, acquired_on="2026-03-01")
    holdings_client.edit(one, value_estimate=200, effective_on="2026-06-01")
    after = holdings_client.edit(one, acquired_on="2026-02-01")
    assert (after["acquired_on"], after["valued_on"]) == ("2026-02-01", "2026-06-01")
    assert owned_on(holdings_client, "2026-01-31", "2026-02-01", "2026-03-01", "2026-06-01") == [0, 50, 50, 100]
    holdings_client.edit(one, acquired_on="2026-04-01")
    assert owned_on(holdings_client, "2026-03-31", "2026-04-01", "2026-06-01") == [0, 50, 100]
    rows = holdings_client.operator("GET", f"/holdings/{one['id']}/valuations").json()["items"]
    assert sorted((row["as_of"], row["moved_from"]) for row in rows) == [
        ("2026-02-01", "2026-03-01"),
        ("2026-03-01", None),
        ("2026-04-01", "2026-02-01"),
        ("2026-06-01", None),
    ]
    assert {row["revision"] for row in rows} == {1}
    holdings_client.edit(one, acquired_on=None)
    assert holdings_client.operator("GET", f"/holdings/{one['id']}").json()["acquired_on"] is None
    assert owned_on(holdings_client, "2026-11-23", "2026-11-24") == [0, 50]


def test_an_appraisal_stays_where_it_is_when_the_first_day_moves(holdings_client):
    one = holdings_client.create(value_estimate=100, liability=10, acquired_on="2026-03-01")
    path = f"/holdings/{one['id']}/valuations"
    appraisal = holdings_client.operator("POST", path, {"value": 130, "as_of": "2026-03-01", "method": "appraisal"}).json()
    holdings_client.edit(one, liability=30, effective_on="2026-03-01")
    before = holdings_client.operator("GET", path).json()["items"]
    holdings_client.edit(one, acquired_on="2026-02-01")
    after = holdings_client.operator("GET", path).json()["items"]
    assert [row for row in after if row["moved_from"] is None] == before
    assert [(row["value"], row["as_of"], row["moved_from"]) for row in after if row["moved_from"]] == [(100, "2026-02-01", "2026-03-01")]
    assert next(row for row in after if row["id"] == appraisal["id"]) == appraisal
    assert owned_on(holdings_client, "2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01") == [0, 90, 90, 100]
    # Back again, and to a day on which something else was entered: that stands there, what it began with does not replace it.
    holdings_client.edit(one, acquired_on="2026-03-01")
    assert owned_on(holdings_client, "2026-02-28", "2026-03-01", "2026-11-24") == [0, 100, 100]
    holdings_client.edit(one, acquired_on="2026-04-01")
    assert owned_on(holdings_client, "2026-03-31", "2026-04-01") == [0, 90]
    holdings_client.edit(one, acquired_on="2026-02-15", value_estimate=70, effective_on="2026-02-15")
    assert owned_on(holdings_client, "2026-02-14", "2026-02-15", "2026-03-01", "2026-04-01") == [0, 60, 100, 100]


def test_disposed_of_it_counts_to_the_day_before(holdings_client):
    one = holdings_client.create(value_estimate=100, acquired_on="2026-01-01")
    after = holdings_client.edit(one, disposed_on="2026-10-01", proceeds=120)
    assert (after["disposed_on"], after["proceeds"]) == ("2026-10-01", 120)
    assert owned_on(holdings_client, "2026-09-30", "2026-10-01") == [100, 0]
    assert holdings_client.operator("GET", "/holdings").json()["items"] == []
    (item,) = holdings_client.operator("GET", "/holdings", query={"only_active": "false"}).json()["items"]
    assert item["disposed_on"] == "2026-10-01"
    assert holdings_client.expect_error(one, disposed_on=None) == "proceeds"
    holdings_client.edit(one, disposed_on=None, proceeds=None)
    assert owned_on(holdings_client, "2026-10-01") == [100]


def test_a_holding_may_be_in_other_groups_every_day(holdings_client):
    one = holdings_client.create(value_estimate=1, acquired_on="2026-01-01")
    for number in range(20):
        names = {"entity_id": f"e{number}", "jurisdiction": f"j{number}", "asset_type": f"t{number}"}
        holdings_client.edit(one, **names, effective_on=f"2026-03-{number + 10}")
    holdings_client.edit(one, ownership_pct=50, effective_on="2026-01-01")
    found = holdings_client.summary()
    assert (found["total_value"], found["by_entity"]) == (Decimal("0.50"), {"e19": Decimal("0.50")})
    assert holdings_client.summary(as_of="2026-03-12")["by_jurisdiction"] == {"j2": Decimal("0.50")}


def test_more_movements_than_a_transaction_takes_are_refused(holdings_client, monkeypatch):
    monkeypatch.setattr(repository, "_MAX_MOVEMENTS", 2)
    one = holdings_client.create(value_estimate=1, acquired_on="2026-01-01")
    path = f"/holdings/{one['id']}/valuations"
    assert holdings_client.operator("POST", path, {"value": 2, "as_of": "2026-02-01"}).status == 201
    assert holdings_client.operator("PATCH", f"/holdings/{one['id']}", {"ownership_pct": 5, "effective_on": "2026-03-01"}).status == 409
    assert holdings_client.operator("DELETE", f"/holdings/{one['id']}").status == 204
    assert holdings_client.summary()["count"] == 0


# -- flows


def test_flows_are_kept_and_listed(holdings_client):
    one = holdings_client.create(value_estimate=100, currency="CAD", acquired_on="2026-01-01")
    path = f"/holdings/{one['id']}/flows"
    answer = holdings_client.operator("POST", path, {"amount": "50.25", "kind": "contribution", "on": "2026-02-01"})
    assert (answer.status, answer.headers["location"]) == (201, path)
    view = answer.json()
    assert (view["amount"], view["currency"], view["on"], view["kind"], view["holding_id"]) == (
        Decimal("50.25"),
        "CAD",
        "2026-02-01",
        "contribution",
        one["id"],
    )
    holdings_client.clock.now += timedelta(seconds=1)
    assert holdings_client.operator("POST", path, {"amount": 1, "kind": "withdrawal", "currency": "USD"}).json()["on"] == "2026-11-24"
    assert [row["kind"] for row in holdings_client.operator("GET", path).json()["items"]] == ["withdrawal", "contribution"]
    assert holdings_client.operator("GET", f"/holdings/{one['id']}").json()["revision"] == 3


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("amount", {"amount": 0}),
        ("amount", {"amount": -1}),
        ("amount", {"amount": Decimal("0.001")}),
        ("kind", {"kind": "gift"}),
        ("currency", {"currency": "XXX"}),
        ("on", {"on": "2026-11-25"}),
    ],
)
def test_what_cant_be_a_flow(holdings_client, field, sent):
    one = holdings_client.create()
    answer = holdings_client.operator("POST", f"/holdings/{one['id']}/flows", {"amount": 5, "kind": "contribution", **sent})
    assert (answer.status, answer.json()["errors"][0]["loc"]) == (422, [field]), answer.text


# -- rates


def test_rates_are_merged_and_corrected(holdings_client):
    holdings_client.rates(CAD=Decimal("1.5"), GBP=Decimal("0.8338"))
    after = holdings_client.rates(CAD=Decimal("1.5606"), JPY="175.68")
    assert after["rates"] == {"CAD": Decimal("1.5606"), "GBP": Decimal("0.8338"), "JPY": Decimal("175.68")}
    assert holdings_client.operator("GET", "/holdings/fx-rates", query={"base": "EUR", "date": "2026-10-30"}).json() == after
    later = holdings_client.operator("GET", "/holdings/fx-rates", query={"date": "2026-11-01"}).json()
    assert (later["base"], later["rates"]) == ("EUR", {})
    assert later["in_force"]["CAD"] == {"rate": Decimal("1.5606"), "date": "2026-10-30"}
    assert holdings_client.operator("GET", "/holdings/fx-rates", query={"base": "USD", "date": "2026-10-30"}).json()["rates"] == {}
    assert holdings_client.operator("GET", "/holdings/fx-rates", query={"date": "2026-11-30"}).json()["in_force"] == {}


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("date", {"date": "2026-11-25"}),
        ("date", {"date": "30.10.2026"}),
        ("base", {"base": "euro"}),
        ("rates", {"rates": {}}),
        ("rates.EUR", {"rates": {"EUR": 1}}),
        ("rates.USD", {"rates": {"USD": 0}}),
        ("rates.USD", {"rates": {"USD": -1}}),
        ("rates.USD", {"rates": {"USD": True}}),
        ("rates.USD", {"rates": {"USD": "1e3"}}),
        ("rates.USD", {"rates": {"USD": Decimal("1.23456789012345678901")}}),
    ],
)
def test_what_cant_be_a_rate(holdings_client, field, sent):
    answer = holdings_client.operator("PUT", "/holdings/fx-rates", {"base": "EUR", "date": "2026-10-30", "rates": {"USD": 1}, **sent})
    assert (answer.status, ".".join(answer.json()["errors"][0]["loc"])) == (422, field), answer.text


def test_twenty_digits_come_back_as_they_went(holdings_client):
    rate = Decimal("1.2345678901234567891")
    assert holdings_client.rates(USD=rate)["rates"]["USD"] == rate


def test_rates_of_the_day_that_has_begun_in_utc_are_taken(holdings_client):
    holdings_client.set_day("2026-11-25", hour=5)
    assert holdings_client.rates("2026-11-25")["date"] == "2026-11-25"


# -- the summary


def test_the_six_currencies_in_dollars_and_in_euros(holdings_client):
    holdings_client.set_day("2026-10-30")
    holdings_client.rates()
    holdings_client.rates("2025-12-31", BGN=Decimal("1.9558"))
    holdings_client.create(value_estimate=500000, liability=300000, ownership_pct=50, jurisdiction="US-WA", entity_id="e1")
    holdings_client.create(value_estimate=10000000, currency="JPY", ownership_pct=Decimal("33.33"), asset_type="resort")
    holdings_client.create(value_estimate="12345.67", currency="GBP", ownership_pct=75, asset_type="equity")
    holdings_client.create(value_estimate=200000, liability=260000, ownership_pct=80)
    holdings_client.create(value_estimate=400000, currency="CAD")
    holdings_client.create(value_estimate=1000, currency="BGN")
    found = holdings_client.summary(currency="USD")
    converted = {name: line["converted"] for name, line in found["by_currency"].items()}
    assert converted == {"USD": 52000, "CAD": Decimal("286351.40"), "JPY": Decimal("21195.51"), "GBP": Decimal("12406.37")}
    assert (found["total_value"], found["unconverted"], found["complete"]) == (Decimal("371953.28"), {"BGN": 1000}, False)
    assert (found["count"], found["unvalued"], found["as_of"], found["currency"]) == (6, 0, "2026-10-30", "USD")
    assert found["by_currency"]["CAD"] == {
        "amount": 400000,
        "converted": Decimal("286351.40"),
        "rate": Decimal("0.71587850826605151865"),
        "rate_date": "2026-10-30",
        "source": "cross",
        "stale_rate": False,
    }
    assert found["by_currency"]["USD"]["source"] == "direct"
    assert found["by_jurisdiction"].keys() == {"US-WA", "unassigned"}
    assert (found["by_jurisdiction"]["US-WA"], found["by_entity"]["e1"]) == (100000, 100000)
    for name in ("by_asset_type", "by_jurisdiction", "by_entity"):
        assert sum(found[name].values()) + found["rounding"][name] == found["total_value"]
    euros = holdings_client.summary(currency="EUR")
    assert euros["total_value"] == Decimal("332933.47")
    assert euros["by_currency"]["CAD"]["source"] == "inverse"
    assert euros["by_currency"]["JPY"]["converted"] == Decimal("18971.99")


def test_a_direct_rate_before_an_inverse_before_a_cross(holdings_client):
    holdings_client.set_day("2026-10-30")
    holdings_client.create(value_estimate=400000, currency="CAD")
    assert (holdings_client.summary()["unconverted"], holdings_client.summary()["total_value"]) == ({"CAD": 400000}, 0)
    holdings_client.rates()
    assert holdings_client.summary()["total_value"] == Decimal("286351.40")
    holdings_client.rates(base="USD", CAD=Decimal("1.3990"))
    assert holdings_client.summary()["total_value"] == Decimal("285918.51")
    holdings_client.rates(base="CAD", USD=Decimal("0.7150"))
    assert holdings_client.summary()["total_value"] == 286000


def test_no_rate_of_a_later_day_and_none_that_is_too_old(holdings_client):
    holdings_client.create(value_estimate=100, currency="CAD", acquired_on="2026-01-01")
    holdings_client.rates("2026-10-20", base="CAD", USD=Decimal("0.5"))
    assert holdings_client.summary(as_of="2026-10-19")["unconverted"] == {"CAD": 100}
    for day, stale in (("2026-10-20", False), ("2026-10-27", False), ("2026-10-28", True), ("2026-11-19", True)):
        line = holdings_client.summary(as_of=day)["by_currency"]["CAD"]
        assert (line["converted"], line["rate_date"], line["stale_rate"]) == (50, "2026-10-20", stale)
    assert holdings_client.summary(as_of="2026-11-20")["unconverted"] == {"CAD": 100}


def test_a_summary_of_nothing(holdings_client):
    found = holdings_client.summary()
    assert (found["total_value"], found["count"], found["by_asset_type"], found["complete"]) == (0, 0, {}, True)


@pytest.mark.parametrize("query", [{"as_of": "2026-11-25"}, {"currency": "usd"}, {"as_of": "soon"}, {"day": "2026-01-01"}])
def test_what_cant_be_asked_of_a_summary(holdings_client, query):
    assert holdings_client.operator("GET", "/holdings/summary", query=query).status == 422


def test_the_summary_explains_itself(holdings_client):
    holdings_client.create(value_estimate=100, currency="CAD")
    holdings_client.create()
    explained = holdings_client.summary(explain="true")["explain"]["total_value"]
    assert explained["formula"] == {"id": "holdings.total", "version": 1}
    assert explained["missing"] == [{"currency": "CAD", "date": "2026-11-24"}, "1 values"]


def test_names_that_no_key_would_take_are_groups_too(holdings_client):
    names = ["a#b", "100 %", "Été\u00a0SARL", "x" * 200, "ü" * 200, "@1"]
    for name in names:
        holdings_client.create(value_estimate=1, entity_name=name)
    assert holdings_client.summary()["by_entity"] == dict.fromkeys(names, 1)


def test_the_summary_is_three_round_trips_whatever_there_is(holdings_client, round_trips):
    for number in range(7):
        holdings_client.create(value_estimate=number + 1)
    holdings_client.summary()
    assert round_trips() == 3
    holdings_client.summary(as_of="2026-06-01")
    assert round_trips() == 3
