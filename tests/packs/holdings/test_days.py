"""Performance between days, snapshots of days, and the daily close, through the API."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.functions.streams import audit
from chalicelib.packs.holdings import schedules
from ops.ecb import parse
from ops.trail import broken_chains
from tests.conftest import TABLE
from tests.streams.chains import list_entities
from tests.streams.stream_feeder import StreamFeeder, deliver

REAL = Path(__file__).parents[3] / "examples" / "ecb_fx_history.csv"


@pytest.fixture
def rated(holdings_client):
    """The real rates of three days at the end of October 2026."""
    with REAL.open(encoding="utf-8") as file:
        days = {day.on.isoformat(): day.rates for day in parse(file).days}
    for day in ("2026-10-28", "2026-10-29", "2026-10-30"):
        holdings_client.rates(day, **days[day])
    return holdings_client


# -- performance


def performance(holdings_client, **query: str) -> dict[str, Any]:
    holdings_client.process_stream()
    answer = holdings_client.operator("GET", "/holdings/performance", query={"from": "2026-10-28", "to": "2026-10-30", **query})
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def figures(found: dict[str, Any]) -> list[Any]:
    return [found[name] for name in ("value_then", "value_now", "flows", "revaluation", "currency_effect")]


def test_the_four_ways_to_change(rated):
    holdings_client = rated
    one = holdings_client.create(asset_type="a", value_estimate=400000, currency="CAD", acquired_on="2026-01-01")
    holdings_client.operator("POST", f"/holdings/{one['id']}/flows", {"amount": 50000, "on": "2026-10-29", "kind": "contribution"})
    holdings_client.edit(one, value_estimate=460000, effective_on="2026-10-30")
    two = holdings_client.create(asset_type="b", value_estimate=300000, acquired_on="2026-01-01")
    holdings_client.operator("POST", f"/holdings/{two['id']}/flows", {"amount": 40000, "on": "2026-10-29", "kind": "contribution"})
    holdings_client.edit(two, value_estimate=355000, effective_on="2026-10-30")
    holdings_client.create(asset_type="c", value_estimate=10000, currency="GBP", acquired_on="2026-10-29")
    four = holdings_client.create(asset_type="d", value_estimate=50000, acquired_on="2026-01-01")
    holdings_client.edit(four, disposed_on="2026-10-29", proceeds=52500)
    found = performance(holdings_client)
    by_type = {name: figures(one) for name, one in found["by_asset_type"].items()}
    assert by_type == {
        "a": [Decimal(text) for text in ("284767.87", "329304.11", "35725.75", "7158.78", "1651.71")],
        "b": [Decimal(text) for text in ("300000", "355000", "40000", "15000", "0")],
        "c": [Decimal(text) for text in ("0", "13398.90", "13316.90", "0", "82.00")],
        "d": [Decimal(text) for text in ("50000", "0", "-52500", "2500", "0")],
    }
    assert found["value_then"] == Decimal("284767.87") + 350000
    assert found["change"] == found["flows"] + found["revaluation"] + found["currency_effect"] == found["value_now"] - found["value_then"]
    assert (found["missing"], found["complete"], found["currency"]) == ([], True, "USD")
    assert found["rates"]["CAD"]["now"]["rate_date"] == "2026-10-30"
    assert found["rates"]["CAD"]["then"]["source"] == "cross"


def test_an_end_without_a_rate_is_null_and_named(holdings_client):
    holdings_client.create(value_estimate=100, currency="CAD", acquired_on="2026-01-01")
    holdings_client.create(value_estimate=50, acquired_on="2026-01-01", asset_type="note")
    holdings_client.rates("2026-10-30", base="CAD", USD=Decimal("0.5"))
    found = performance(holdings_client)
    assert figures(found) == [None, 100, 0, None, None]
    assert (found["missing"], found["complete"]) == ([{"currency": "CAD", "date": "2026-10-28"}], False)
    assert figures(found["by_asset_type"]["note"]) == [50, 50, 0, 0, 0]
    assert found["rates"]["CAD"]["then"] is None


def test_a_loan_and_a_share_that_change_by_themselves_are_flows(holdings_client):
    one = holdings_client.create(value_estimate=1000, liability=400, acquired_on="2026-01-01")
    holdings_client.edit(one, liability=300, effective_on="2026-10-29")
    holdings_client.edit(one, ownership_pct=50, effective_on="2026-10-30")
    assert figures(performance(holdings_client)) == [600, 350, -250, 0, 0]


def test_performance_explains_itself_and_days_have_an_order(holdings_client):
    one = holdings_client.create(value_estimate=10, acquired_on="2026-01-01")
    holdings_client.operator("POST", f"/holdings/{one['id']}/flows", {"amount": 5, "on": "2026-10-29", "kind": "withdrawal"})
    explained = performance(holdings_client, explain="true")["explain"]["change"]
    (flow,) = explained["inputs"]["flows"]
    assert (flow["amount"], flow["on"], flow["currency"], flow["rate"]["source"]) == (-5, "2026-10-29", "USD", "direct")
    for query in ({"from": "2026-10-30", "to": "2026-10-29"}, {"from": "2026-10-30", "to": "2026-11-25"}, {"from": "1990-01-01"}):
        assert holdings_client.operator("GET", "/holdings/performance", query=query).status == 422
    assert holdings_client.operator("GET", "/holdings/performance", query={"from": "2026-10-30"}).json()["to"] == "2026-11-24"
    whole = holdings_client.operator("GET", "/holdings/performance").json()
    assert (whole["from"], whole["to"], whole["flows"]) == ("2025-12-31", "2026-11-24", 5)


# -- snapshots


def take(holdings_client, caller: Any = None, **body: Any) -> Any:
    holdings_client.process_stream()
    return (caller or holdings_client.admin)("POST", "/holdings/snapshots", body)


def close(holdings_client) -> RunStats:
    holdings_client.process_stream()
    run = RunStats()
    schedules.close(
        holdings_client.runtime.context(request_id=f"run-{holdings_client.clock.now}", actor=system_actor("holdings-close")), run
    )
    return run


def of_day(holdings_client, day: str, **query: str) -> Any:
    return holdings_client.operator("GET", f"/holdings/snapshots/{day}", query=query)


def test_noon_is_not_the_close(rated):
    holdings_client = rated
    holdings_client.set_day("2026-11-24", hour=14)
    holdings_client.create(value_estimate=100, currency="USD")
    answer = take(holdings_client)
    assert answer.status == 201
    noon = answer.json()
    assert (noon["date"], noon["kind"], noon["version"], noon["total_value"], noon["reason"]) == ("2026-11-24", "intraday", 1, 100, None)
    assert answer.headers["location"] == "/holdings/snapshots/2026-11-24"
    holdings_client.create(value_estimate=11)
    again = take(holdings_client)
    assert (again.status, again.json()) == (200, noon)
    assert of_day(holdings_client, "2026-11-24").status == 404
    assert of_day(holdings_client, "2026-11-24", kind="intraday").json() == noon
    holdings_client.set_day("2026-11-25", hour=9)
    assert (close(holdings_client).done, close(holdings_client).done) == (1, 0)
    closed = of_day(holdings_client, "2026-11-24").json()
    assert (closed["kind"], closed["total_value"], closed["count"], closed["created_by"]) == ("close", 111, 2, "system:holdings-close")
    items = holdings_client.operator("GET", "/holdings/snapshots").json()["items"]
    assert [(item["date"], item["kind"], item["total_value"]) for item in items] == [
        ("2026-11-24", "intraday", 100),
        ("2026-11-24", "close", 111),
    ]


def test_a_snapshot_holds_its_own_rates_and_shows_in_any_currency(rated):
    holdings_client = rated
    holdings_client.set_day("2026-10-30")
    holdings_client.create(value_estimate=400000, currency="CAD", jurisdiction="CA-BC")
    holdings_client.set_day("2026-10-31", hour=9)
    assert close(holdings_client).done == 1
    before = of_day(holdings_client, "2026-10-30").json()
    assert (before["total_value"], before["by_jurisdiction"]) == (Decimal("286351.40"), {"CA-BC": Decimal("286351.40")})
    holdings_client.rates("2026-10-30", CAD=2, USD=2)
    assert of_day(holdings_client, "2026-10-30").json() == before
    euros = of_day(holdings_client, "2026-10-30", currency="EUR").json()
    assert (euros["total_value"], euros["currency"], euros["content_hash"]) == (Decimal("256311.67"), "EUR", before["content_hash"])
    (item,) = holdings_client.operator("GET", "/holdings/snapshots", query={"currency": "EUR"}).json()["items"]
    assert (item["total_value"], item["content_hash"]) == (Decimal("256311.67"), before["content_hash"])


def test_a_correction_is_a_new_version_and_the_old_one_stays(holdings_client):
    holdings_client.set_day("2026-11-20")
    one = holdings_client.create(value_estimate=100)
    holdings_client.set_day("2026-11-21", hour=9)
    close(holdings_client)
    holdings_client.edit(one, value_estimate=90, effective_on="2026-11-20")
    answer = take(holdings_client, date="2026-11-20", reason="late appraisal")
    assert answer.status == 201
    second = answer.json()
    assert (second["version"], second["reason"], second["total_value"], second["kind"]) == (2, "late appraisal", 90, "close")
    assert (take(holdings_client, date="2026-11-20", reason="late appraisal").status, of_day(holdings_client, "2026-11-20").json()) == (
        200,
        second,
    )
    first = of_day(holdings_client, "2026-11-20", version="1").json()
    assert (first["total_value"], first["version"]) == (100, 1)
    assert first["content_hash"] != second["content_hash"]
    third = take(holdings_client, date="2026-11-20", reason="again").json()
    assert (third["version"], third["content_hash"]) == (3, second["content_hash"])
    holdings_client.set_day("2026-11-22", hour=9)
    assert close(holdings_client).done == 1


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("reason", {"date": "2026-11-20"}),
        ("date", {"reason": "x"}),
        ("date", {"date": "2026-11-24", "reason": "x"}),
        ("date", {"date": "2026-12-24", "reason": "x"}),
        ("kind", {"kind": "close"}),
    ],
)
def test_what_cant_be_a_snapshot(holdings_client, field, body):
    answer = holdings_client.admin("POST", "/holdings/snapshots", body)
    assert (answer.status, answer.json()["errors"][0]["loc"]) == (422, [field]), answer.text


def test_no_day_before_the_first_holding_is_invented(holdings_client):
    assert close(holdings_client).found == 0
    assert take(holdings_client, date="2026-11-20", reason="x").status == 409
    holdings_client.create(value_estimate=100, acquired_on="2020-01-01")
    assert close(holdings_client).found == 0  # entered today: today hasn't ended
    holdings_client.set_day("2026-11-25", hour=9)
    assert (close(holdings_client).found, of_day(holdings_client, "2026-11-24").status, of_day(holdings_client, "2026-11-23").status) == (
        1,
        200,
        404,
    )
    assert take(holdings_client, date="2019-12-31", reason="x").status == 409
    assert take(holdings_client, date="2020-01-01", reason="x").json()["version"] == 1


def test_missed_days_are_caught_each_as_it_was(holdings_client):
    holdings_client.set_day("2026-11-20")
    one = holdings_client.create(value_estimate=100)
    holdings_client.set_day("2026-11-22")
    holdings_client.edit(one, value_estimate=200)
    holdings_client.set_day("2026-11-24", hour=9)
    run = close(holdings_client)
    assert (run.found, run.done, run.failed, run.has_more) == (4, 4, 0, False)
    totals = [of_day(holdings_client, f"2026-11-{day}").json()["total_value"] for day in (20, 21, 22, 23)]
    assert totals == [100, 100, 200, 200]
    holdings_client.set_day("2026-11-24", hour=10)
    assert close(holdings_client).found == 0


def test_a_correction_of_a_missed_day_leaves_no_other_day_without_its_close(holdings_client):
    holdings_client.set_day("2026-11-19")
    one = holdings_client.create(value_estimate=100)
    holdings_client.set_day("2026-11-20", hour=9)
    close(holdings_client)
    holdings_client.edit(one, value_estimate=200)
    holdings_client.set_day("2026-11-24", hour=9)
    assert take(holdings_client, date="2026-11-22", reason="late appraisal").status == 201
    run = close(holdings_client)
    assert (run.found, run.done) == (4, 3)
    found = [of_day(holdings_client, f"2026-11-{day}") for day in (20, 21, 22, 23)]
    assert [(one.status, one.json()["total_value"], one.json()["reason"]) for one in found] == [
        (200, 200, None),
        (200, 200, None),
        (200, 200, "late appraisal"),
        (200, 200, None),
    ]
    assert close(holdings_client).found == 0


def test_a_run_that_has_no_time_left_says_so_and_the_next_one_goes_on(holdings_client):
    holdings_client.set_day("2026-11-20")
    holdings_client.create(value_estimate=100)
    holdings_client.set_day("2026-11-24", hour=9)
    holdings_client.process_stream()
    looks = iter([25.0, 25.0, 0.0])
    ctx = holdings_client.runtime.context(request_id="run", actor=system_actor("holdings-close"), remaining_seconds=lambda: next(looks))
    run = RunStats()
    schedules.close(ctx, run)
    assert (run.done, run.has_more) == (2, True)
    assert close(holdings_client).done == 2


def test_snapshots_are_listed_by_days(holdings_client):
    holdings_client.set_day("2026-11-20")
    holdings_client.create(value_estimate=100)
    holdings_client.set_day("2026-11-24", hour=9)
    close(holdings_client)

    def days(**query: str) -> list[str]:
        return [item["date"][-2:] for item in holdings_client.operator("GET", "/holdings/snapshots", query=query).json()["items"]]

    assert days() == ["23", "22", "21", "20"]
    assert days(**{"from": "2026-11-21", "to": "2026-11-22"}) == ["22", "21"]
    assert days(to="2026-11-21") == ["21", "20"]
    page = holdings_client.operator("GET", "/holdings/snapshots", query={"limit": "3"}).json()
    rest = holdings_client.operator("GET", "/holdings/snapshots", query={"limit": "3", "cursor": page["next_cursor"]}).json()
    assert [item["date"] for item in rest["items"]] == ["2026-11-20"]
    backwards = holdings_client.operator("GET", "/holdings/snapshots", query={"from": "2026-11-22", "to": "2026-11-21"})
    assert (backwards.status, backwards.json()["errors"][0]["loc"]) == (422, ["from"])
    for day in ("2026-11-31", "yesterday", "20261120", "2026-W47-1"):
        assert of_day(holdings_client, day).status == 404


def test_a_key_is_one_snapshot(holdings_client):
    holdings_client.create(value_estimate=100)
    headers = {"Idempotency-Key": "k"}
    holdings_client.process_stream()
    one, two = (holdings_client.admin("POST", "/holdings/snapshots", {}, headers=headers) for _ in "ab")
    assert (one.status, two.status, one.json() == two.json()) == (201, 201, True)


# -- the trail


def test_rates_and_snapshots_have_a_trail_that_can_be_checked(holdings_client, client_as):
    feed = StreamFeeder(holdings_client.runtime.dynamodb, TABLE)
    holdings_client.create(value_estimate=100)
    holdings_client.rates("2026-11-23", USD="1.1")
    holdings_client.rates("2026-11-23", USD="1.2")
    assert take(holdings_client).status == 201
    deliver(lambda event, context: audit(holdings_client.runtime, event, context, workers=1), feed.entities())
    auditor = client_as("auditor")
    for id, records in (("fx_EUR_2026-11-23", 2), ("snap_2026-11-24_intraday_1", 1)):
        assert len(auditor("GET", f"/audit/trail/{id}").json()["items"]) == records
        verdict = auditor("GET", f"/audit/verify/{id}").json()
        assert (verdict["valid"], verdict["checked"]) == (True, records)
    for id in ("fx_EUR_2026-11-22", "fx_EUR_2026-13-45", "fx_eur_2026-11-23", "snap_2026-11-24_close_1", "snap_today_close_1"):
        assert {auditor("GET", f"/audit/{what}/{id}").status for what in ("trail", "verify")} == {404}

    def context() -> Context:
        return holdings_client.runtime.context(request_id="check", actor=system_actor("verify-audit"))

    found = list_entities(context().store)
    assert {"fx_EUR_2026-11-23", "snap_2026-11-24_intraday_1"} < set(found)
    assert list(broken_chains(context, found)) == []


# -- who may


def test_who_may_what(holdings_client, client_as, anonymous):
    one = holdings_client.create(value_estimate=100)
    path = f"/holdings/{one['id']}"
    reads = ("/holdings", path, f"{path}/valuations", f"{path}/flows", "/holdings/summary", "/holdings/fx-rates", "/holdings/snapshots")
    writes = (
        ("POST", "/holdings", {"asset_type": "cash"}, 201),
        ("PATCH", path, {"label": "x"}, 200),
        ("POST", f"{path}/valuations", {"value": 1}, 201),
        ("POST", f"{path}/flows", {"amount": 1, "kind": "contribution"}, 201),
        ("PUT", "/holdings/fx-rates", {"base": "EUR", "date": "2026-11-24", "rates": {"USD": 1}}, 200),
    )
    for role in ("counsel", "auditor", "viewer", "King", "Odin", "Loki"):
        caller = client_as(role)
        assert {caller("GET", read).status for read in reads} == {200}
        assert {caller(method, where, body).status for method, where, body, _ in writes} == {403}
        assert caller("DELETE", path).status == 403
    for role in ("dealmaker", "professional"):
        caller = client_as(role)
        assert {caller("GET", read).status for read in reads} == {403}
        assert {caller(method, where, body).status for method, where, body, _ in writes} == {403}
    for caller in (holdings_client.operator, holdings_client.admin):
        for method, where, body, status in writes:
            assert caller(method, where, body).status == status
    assert {anonymous("GET", read).status for read in reads} == {401}
    assert holdings_client.operator("POST", "/holdings/snapshots", {}).status == 403
    assert holdings_client.operator("POST", "/holdings/snapshots", {"date": "2026-11-23", "reason": "x"}).status == 403
    holdings_client.clock.now += timedelta(seconds=1)
    assert holdings_client.operator("DELETE", path).status == 204
