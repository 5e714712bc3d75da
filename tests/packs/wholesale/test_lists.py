"""Lists by one filter and by several: what they find, in which order, and what that costs."""

import random
from itertools import product
from typing import Any

import pytest

from chalicelib.foundation.ids import encode_ulid
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.service.upkeep import bring_up_to_date
from tests.api_user import ApiUser, all_rows
from tests.packs.wholesale.test_pipelines import add_user

STAGES = {"lead": {}, "offer_made": {"offer_price": 1}, "under_contract": {"contract_price": 1}}
OWNERS = ("user_operator", "user_ada", None)
CODES = ("98101", "98103", "10001", None)


@pytest.fixture
def user(client_as: Any, runtime: Any) -> ApiUser:
    add_user(runtime, "user_ada")
    return ApiUser(client_as("operator"))


def ids(user: ApiUser, **query: str) -> list[str]:
    """All pages of a list."""
    found, cursor = [], None
    while True:
        page = user.ok("GET", "/wholesale", query={"limit": "5", **query, **({"cursor": cursor} if cursor else {})})
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.fixture
def leads(user: ApiUser, clock: Any) -> list[dict[str, Any]]:
    """One lead for each stage, owner and postal code, in a mixed order, the oldest first."""
    combinations = list(product(STAGES, OWNERS, CODES))
    random.Random(1).shuffle(combinations)
    made = []
    for number, (stage, owner, code) in enumerate(combinations):
        clock.now = clock.now.replace(second=number % 60, minute=number // 60)
        house = {"property": {"address": {"postal_code": code}}} if code else {}
        source = ("mail", "web")[number % 2]
        made.append(user.ok("POST", "/wholesale", {"stage": stage, "owner": owner, "lead_source": source, **STAGES[stage], **house}))
    return made


def code_of(lead: dict[str, Any]) -> str:
    return ((lead["property"] or {}).get("address") or {}).get("postal_code") or ""


def expected(leads: list[dict[str, Any]], stage: str = "", owner: str = "", market: str = "", source: str = "") -> list[dict[str, Any]]:
    wanted_owner = {"none": None, "me": "user_operator"}.get(owner, owner)
    return [
        lead
        for lead in leads
        if (not stage or lead["stage"] == stage)
        and (not owner or lead["owner"] == wanted_owner)
        and (not market or code_of(lead).startswith(market))
        and (not source or lead["lead_source"] == source)
    ]


def test_every_combination_of_filters_finds_what_fulfils_all_of_them(user, leads):
    for stage, owner, market, source in product(("", "lead"), ("", "me", "none"), ("", "981"), ("", "web")):
        query = {"stage": stage, "owner": owner, "market": market, "lead_source": source}
        wanted = expected(leads, stage, owner, market, source)
        given = {name: value for name, value in query.items() if value}
        by_place = (lambda lead: (code_of(lead), lead["id"])) if market else (lambda lead: lead["id"])
        newest_first = [lead["id"] for lead in sorted(wanted, key=by_place, reverse=True)]
        assert ids(user, **given) == newest_first, given
        assert ids(user, **given, sort="oldest") == newest_first[::-1], given


@pytest.mark.parametrize(
    "query",
    [
        {"market": "981", "stage": "lead"},
        {"owner": "me", "stage": "lead"},
        {"owner": "none", "market": "98103"},
        {"owner": "user_ada", "market": "981", "stage": "lead"},
    ],
)
def test_two_filters_are_one_round_trip(user, leads, round_trips, query):
    assert user.ok("GET", "/wholesale", query=query)["items"]
    assert round_trips() == 1


def test_days_of_creation_bound_two_filters_too(user, leads):
    assert ids(user, owner="me", stage="lead", created_from="2026-11-25") == []
    assert len(ids(user, owner="me", stage="lead", created_from="2026-11-24", created_to="2026-11-24")) == 4


class TestChanges:
    """What a list by two filters finds follows every change."""

    def found(self, user: ApiUser, id: str) -> set[str]:
        queries = {
            "lead in 981": {"market": "981", "stage": "lead"},
            "offer in 981": {"market": "981", "stage": "offer_made"},
            "lead of mine": {"owner": "me", "stage": "lead"},
            "lead of Ada": {"owner": "user_ada", "stage": "lead"},
            "mine in 981": {"owner": "me", "market": "981"},
            "mine in 100": {"owner": "me", "market": "100"},
            "offer of mine": {"owner": "me", "stage": "offer_made"},
        }
        return {name for name, query in queries.items() if id in ids(user, **query)}

    @pytest.fixture
    def lead(self, user: ApiUser) -> str:
        return user.ok("POST", "/wholesale", {"property": {"address": {"postal_code": "98101"}}})["id"]

    def test_stage_owner_place_and_deletion(self, user, lead):
        assert self.found(user, lead) == {"lead in 981", "lead of mine", "mine in 981"}
        user.ok("PATCH", f"/wholesale/{lead}", {"property": {"address": {"postal_code": "10001"}}})
        assert self.found(user, lead) == {"lead of mine", "mine in 100"}
        user.ok("PATCH", f"/wholesale/{lead}", {"property": {"address": {"postal_code": "98101"}}})
        user.ok("POST", f"/wholesale/{lead}/stage", {"stage": "offer_made", "price": 1})
        assert self.found(user, lead) == {"offer in 981", "mine in 981", "offer of mine"}
        user.ok("POST", f"/wholesale/{lead}/stage", {"stage": "lead", "note": "x"})
        user.ok("PATCH", f"/wholesale/{lead}", {"owner": "user_ada"})
        assert self.found(user, lead) == {"lead in 981", "lead of Ada"}
        user.ok("DELETE", f"/wholesale/{lead}")
        assert self.found(user, lead) == set()

    def test_a_list_by_two_filters_shows_what_a_list_by_one_shows(self, user, lead):
        user.ok("PATCH", f"/wholesale/{lead}", {"asking_price": 5, "seller": {"name": "Ada"}, "next_action": {"what": "Call"}})
        by_one, by_two = (user.ok("GET", "/wholesale", query={"stage": "lead", **more})["items"] for more in ({}, {"owner": "me"}))
        assert by_one == by_two
        assert (by_one[0]["asking_price"], by_one[0]["next_action_what"]) == (5, "Call")

    def test_notes_write_no_listing(self, user, lead, runtime):
        def listing() -> dict[str, Any]:
            (row,) = [row for row in all_rows(runtime) if (row["pk"]["S"], row["sk"]["S"]) == (lead, "!L")]
            return row

        before = listing()
        user.ok("PATCH", f"/wholesale/{lead}", {"notes": "x"})
        assert listing() == before

    def test_a_lead_from_before_there_were_listings_gets_its_own_when_it_is_written(self, user, lead, runtime):
        table = runtime.settings.table
        runtime.dynamodb.delete_item(TableName=table, Key={"pk": {"S": lead}, "sk": {"S": "!L"}})
        runtime.dynamodb.update_item(TableName=table, Key={"pk": {"S": lead}, "sk": {"S": "~"}}, UpdateExpression="REMOVE is_listed")
        assert self.found(user, lead) == set()
        user.ok("PATCH", f"/wholesale/{lead}", {"notes": "x"})
        assert self.found(user, lead) == {"lead in 981", "lead of mine", "mine in 981"}

    def test_those_that_nobody_edits_are_brought_up_to_date_by_a_command(self, user, lead, runtime, context):
        table = runtime.settings.table
        runtime.dynamodb.delete_item(TableName=table, Key={"pk": {"S": lead}, "sk": {"S": "!L"}})
        runtime.dynamodb.update_item(
            TableName=table, Key={"pk": {"S": lead}, "sk": {"S": "~"}}, UpdateExpression="REMOVE is_listed, found_by"
        )
        before = user.ok("GET", f"/wholesale/{lead}")
        assert list(bring_up_to_date(context("operator"))) == [(1, 1)] + [(0, 0)] * 5
        assert self.found(user, lead) == {"lead in 981", "lead of mine", "mine in 981"}
        after = user.ok("GET", f"/wholesale/{lead}")
        stamps = {name: after[name] for name in ("revision", "updated_at", "updated_by", "request_id") if name in after}
        assert {**before, **stamps} == after
        assert next(bring_up_to_date(context("operator"))) == (1, 0)


# -- what it costs

IN_MARKET, UNDER_CONTRACT = 2000, 60  # of them


def units(items: list[dict[str, Any]]) -> float:
    """What DynamoDB charges for reading these rows of an index: half a unit for each started 4 KB."""
    size = sum(len(name) + len(value["S"]) for item in items for name, value in item.items())
    return -(-size // 4096) / 2


@pytest.fixture
def measured(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`measured(call)`: the queries that a request makes, the rows that they read, and their units."""
    answers: list[list[dict[str, Any]]] = []
    query = runtime.dynamodb.query

    def recording(**arguments: Any) -> Any:
        answer = query(**arguments)
        answers.append(answer["Items"])
        return answer

    monkeypatch.setattr(runtime.dynamodb, "query", recording)

    def measure(call: Any) -> tuple[Any, int, int, float]:
        answers.clear()
        result = call()
        return result, len(answers), sum(map(len, answers)), sum(map(units, answers))

    return measure


@pytest.fixture
def market(runtime: Any, context: Any) -> None:
    """A market of many leads, the oldest of which are under contract: rows as the pack writes them."""
    ctx = context("operator", user="user_operator")
    rows = []
    for number in range(IN_MARKET):
        now = ctx.now.replace(year=2026, month=1 + number % 10, day=1 + number % 28, microsecond=1000 * (number % 1000))
        stage = "under_contract" if number % (IN_MARKET // UNDER_CONTRACT) == 0 else "lead"
        address = {"line1": f"{number} Pine Street", "city": "Seattle", "postal_code": f"981{number % 90:02}"}
        values = {"stage": stage, "stage_entered_at": now, "owner": "user_operator", "lead_source": "one" if number == 700 else "list"}
        pipeline = Pipeline.new(
            ctx, f"pipe_{encode_ulid(now, number.to_bytes(10))}", **values, currency="USD", property={"address": address}, on_hold=False
        )
        rows += [{"PutRequest": {"Item": row.to_item()}} for row in (pipeline, pipeline.listing)]
    for start in range(0, len(rows), 25):
        runtime.dynamodb.batch_write_item(RequestItems={runtime.settings.table: rows[start : start + 25]})


def test_a_market_and_a_stage_are_read_as_they_lie(user, market, context, measured):
    """What the list was: the market's rows from the highest postal code on, those of other stages passed over, a page's worth at a time."""
    ctx = context("operator", user="user_operator")

    def by_market_alone() -> int:
        found = trips = 0
        start: dict[str, Any] = {}
        where = Pipeline.BY_MARKET.range(market_country="US", market_area="981", prefix="981").query_arguments()
        while found < 50:
            answer = ctx.store.query(**where, Limit=51, ScanIndexForward=False, **start)
            found += sum('"under_contract"' in row["view"]["S"] for row in answer["Items"])
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
            trips += 1
        return trips

    _, trips_before, rows_before, units_before = measured(by_market_alone)
    page, trips, rows, spent = measured(lambda: user.ok("GET", "/wholesale", query={"market": "981", "stage": "under_contract"}))
    assert [item["stage"] for item in page["items"]] == ["under_contract"] * 50
    assert (trips, rows) == (1, 51)
    assert trips_before > 30
    assert rows_before > 1500
    assert spent <= 4 < 60 < units_before


def test_what_no_index_decides_is_looked_for_in_few_and_bounded_reads(user, market, measured):
    def page(cursor: str | None = None) -> dict[str, Any]:
        return user.ok("GET", "/wholesale", query={"stage": "lead", "lead_source": "one", **({"cursor": cursor} if cursor else {})})

    first, trips, rows, _ = measured(page)
    assert trips <= 4
    assert rows <= 2000
    second, trips, _, _ = measured(lambda: page(first["next_cursor"]))
    assert trips <= 4
    assert len(first["items"] + second["items"]) == 1


def test_the_document_says_that_a_page_may_be_short(user):
    document = user.ok("GET", "/openapi.json")
    assert "short" in document["components"]["schemas"]["PipelinePage"]["properties"]["next_cursor"]["description"]


def test_each_pipeline_has_its_listing(user, leads, runtime):
    rows = {row["pk"]["S"]: row for row in all_rows(runtime) if row["sk"]["S"] == "!L"}
    pipelines = [Pipeline.from_item(row) for row in all_rows(runtime) if row.get("kind", {}).get("S") == "pipeline"]
    assert {pipeline.id: pipeline.listing.to_item() for pipeline in pipelines} == rows


def test_a_listing_is_less_than_a_kilobyte(user, runtime):
    address = {"line1": "12345 Martin Luther King Junior Boulevard South", "city": "Seattle", "region": "WA", "postal_code": "98118-1234"}
    prices = {"asking_price": 1240000, "arv_estimate": 1380000, "repair_estimate": 135000, "assignment_fee_target": 15000}
    action = {"what": "Call the seller about the inspection of the roof", "due_on": "2026-12-01"}
    lead = {**prices, "property": {"address": address}, "seller": {"name": "Ada Byron Lovelace"}, "lead_source": "direct mail"}
    user.ok("POST", "/wholesale", {**lead, "next_action": action})
    (row,) = [row for row in all_rows(runtime) if row["sk"]["S"] == "!L"]
    assert sum(len(name) + len(value["S"].encode()) for name, value in row.items()) < 1024
