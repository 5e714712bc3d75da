"""The board and the funnel, kept by what each pipeline contributes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.foundation.projections import ContributionRegistry, EntityVersion, ProjectionBatch, ProjectionEngine
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs import PACKS
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.entities import Pipeline

NUMBERS = {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000}


@pytest.fixture
def operator(client_as: Any) -> Any:
    return client_as("operator")


@pytest.fixture
def project(runtime: Any) -> Any:
    """Bring the aggregates up to the table, as the stream does."""

    def run() -> None:
        items = runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"]
        engine = ProjectionEngine(runtime.store(), ContributionRegistry(PACKS), runtime.clock())
        for raw in items:
            if raw.get("kind", {}).get("S") == "pipeline":
                engine.apply(
                    ProjectionBatch({raw["id"]["S"]: EntityVersion.from_image(raw, raw["id"]["S"], "pipeline", int(raw["revision"]["N"]))})
                )

    return run


def create(operator: Any, **body: Any) -> str:
    response = operator("POST", "/wholesale", body)
    assert response.status == 201, response.text
    return response.json()["id"]


def move(operator: Any, id: str, stage: str, **body: Any) -> None:
    response = operator("POST", f"/wholesale/{id}/stage", {"stage": stage, **body})
    assert response.status == 200, response.text


class TestBoard:
    def test_an_empty_board_has_every_stage(self, operator, round_trips):
        body = operator("GET", "/wholesale/board").json()
        assert round_trips() == 2
        empty = {"count": 0, "arv": {"USD": 0}, "expected_spread": {"USD": 0}, "target_fees": {"USD": 0}, "oldest": None}
        assert body["stages"] == dict.fromkeys(["lead", "offer_made", "under_contract", "assigned", "closed", "dead"], empty)
        assert list(body["stages"]) == ["lead", "offer_made", "under_contract", "assigned", "closed", "dead"]
        assert body["as_of"] == "2026-11-24T18:00:00.000Z"

    def test_sums_follow_every_change(self, operator, project, round_trips):
        first = create(operator, **NUMBERS)
        create(operator, **NUMBERS, currency="CAD")
        create(operator)
        project()
        lead = operator("GET", "/wholesale/board").json()["stages"]["lead"]
        assert round_trips() == 2
        assert (lead["count"], lead["arv"]) == (3, {"USD": 250000, "CAD": 250000})
        assert lead["expected_spread"] == {"USD": 0, "CAD": 0}  # a wish is no income
        assert lead["target_fees"] == {"USD": 15000, "CAD": 15000}
        move(operator, first, "offer_made", price=120000)
        project()
        stages = operator("GET", "/wholesale/board").json()["stages"]
        assert (stages["lead"]["count"], stages["lead"]["arv"]) == (2, {"USD": 0, "CAD": 250000})
        assert (stages["offer_made"]["count"], stages["offer_made"]["expected_spread"]) == (1, {"USD": 20000})
        move(operator, first, "under_contract", price=118000)
        operator("PATCH", f"/wholesale/{first}", {"arv_estimate": 260000})
        project()
        stages = operator("GET", "/wholesale/board").json()["stages"]
        assert (stages["offer_made"]["count"], stages["under_contract"]["expected_spread"]) == (0, {"USD": 29000})
        operator("DELETE", f"/wholesale/{first}")
        project()
        assert operator("GET", "/wholesale/board").json()["stages"]["under_contract"]["count"] == 0

    def test_it_explains_itself(self, operator, project, round_trips):
        create(operator, **NUMBERS)
        create(operator, **NUMBERS, currency="CAD")
        project()
        plain = operator("GET", "/wholesale/board").json()
        assert "explain" not in plain
        explained = operator("GET", "/wholesale/board", query={"explain": "true"}).json()
        assert round_trips() == 2
        sums = {"count": 1, "arv": 250000, "fees": 15000}
        assert explained.pop("explain") == {
            "inputs": {"lead": {"sum": {"USD": sums, "CAD": sums}, "day": {"2026-11": {"d24": 2}}}},
            "formula": {"id": "wholesale.board", "version": 1},
            "as_of": plain["as_of"],
            "missing": [],
        }
        assert explained == plain
        assert operator("GET", "/wholesale/board", query={"explain": "maybe"}).status == 422

    def test_a_given_spread_is_not_counted(self, operator, project):
        create(operator, **NUMBERS, expected_spread=99999)
        project()
        assert operator("GET", "/wholesale/board").json()["stages"]["lead"]["expected_spread"] == {"USD": 0}

    def test_the_oldest_is_the_earliest_entry(self, operator, project, clock):
        ids = []
        for _ in range(3):
            ids.append(create(operator))
            clock.now += timedelta(days=20)
        project()
        assert operator("GET", "/wholesale/board").json()["stages"]["lead"]["oldest"] == "2026-11-24"
        move(operator, ids[0], "dead", reason="price")
        project()
        stages = operator("GET", "/wholesale/board").json()["stages"]
        assert (stages["lead"]["oldest"], stages["dead"]["oldest"]) == ("2026-12-14", "2027-01-23")
        operator("DELETE", f"/wholesale/{ids[1]}")
        project()
        assert operator("GET", "/wholesale/board").json()["stages"]["lead"]["oldest"] == "2027-01-03"

    def test_the_oldest_is_a_business_date(self, operator, project, clock):
        clock.now = datetime.fromisoformat("2026-12-01T07:59:00+00:00")
        create(operator)
        project()
        assert operator("GET", "/wholesale/board").json()["stages"]["lead"]["oldest"] == "2026-11-30"


class TestFunnel:
    def test_how_many_reached_each_stage(self, operator, project, context, clock):
        ids = [create(operator, **NUMBERS) for _ in range(5)]
        for id in ids[1:]:
            move(operator, id, "offer_made", price=120000)
        move(operator, ids[1], "dead", reason="price")
        for id in ids[3:]:
            move(operator, id, "under_contract", price=118000)
        for target in ("assigned", "closed"):
            ctx = context("operator")
            tx = Transaction(ctx.store)
            public.add_transition(ctx, tx, ctx.store.find(Pipeline, ids[4]), target, {}, initiator="dispositions")
            tx.commit()
        project()
        body = operator("GET", "/wholesale/funnel", query={"from": "2026-11", "to": "2026-11"}).json()
        cohort = body["months"][0]
        assert (cohort["month"], cohort["created"]) == ("2026-11", 5)
        assert cohort["reached"] == {"lead": 5, "offer_made": 4, "under_contract": 2, "assigned": 1, "closed": 1}
        assert cohort["expected_spread"] == {"USD": 20000 + 22000 + 22000}
        assert body["total"] == {**cohort, "month": None}

    def test_the_median_of_completed_intervals(self, operator, project, clock):
        ids = [create(operator) for _ in range(5)]
        start = clock.now
        for id, days in zip(ids, (18, 21, 30, 41), strict=False):
            clock.now = start + timedelta(days=days)
            move(operator, id, "offer_made", price=1)
        project()
        query = {"from": "2026-11", "to": "2027-01"}
        body = operator("GET", "/wholesale/funnel", query=query).json()
        assert body["months"][0]["median_days"]["lead"] == 25.5
        assert body["months"][0]["median_days"]["offer_made"] is None
        assert [month["created"] for month in body["months"]] == [5, 0, 0]
        operator("DELETE", f"/wholesale/{ids[3]}")
        project()
        assert operator("GET", "/wholesale/funnel", query=query).json()["total"]["median_days"]["lead"] == 21

    def test_it_explains_itself(self, operator, project, clock, round_trips):
        moved = create(operator, **NUMBERS)
        create(operator)
        clock.now += timedelta(days=3)
        move(operator, moved, "offer_made", price=120000)
        project()
        query = {"from": "2026-10", "to": "2026-11"}
        plain = operator("GET", "/wholesale/funnel", query=query).json()
        explained = operator("GET", "/wholesale/funnel", query={**query, "explain": "true"}).json()
        assert round_trips() == 2
        assert explained.pop("explain") == {
            "inputs": {"2026-11": {"created": 2, "top_lead": 1, "top_offer_made": 1, "spread_USD": 20000, "lead": {"t3": 1}}},
            "formula": {"id": "wholesale.funnel", "version": 1},
            "as_of": plain["as_of"],
            "missing": [f"median_days.{stage}" for stage in ("offer_made", "under_contract", "assigned", "closed", "dead")],
        }
        assert explained == plain

    def test_months_are_in_the_firms_time_zone(self, operator, project, clock):
        clock.now = datetime.fromisoformat("2026-12-01T07:59:00+00:00")
        create(operator)
        project()
        months = operator("GET", "/wholesale/funnel", query={"from": "2026-11", "to": "2026-12"}).json()["months"]
        assert [(month["month"], month["created"]) for month in months] == [("2026-11", 1), ("2026-12", 0)]

    def test_the_last_twelve_months_unless_given(self, operator, round_trips):
        body = operator("GET", "/wholesale/funnel").json()
        assert round_trips() == 2
        assert [month["month"] for month in body["months"]] == [f"2025-{n}" for n in ("12",)] + [f"2026-{n:02}" for n in range(1, 12)]
        assert body["months"][0]["reached"] == dict.fromkeys(["lead", "offer_made", "under_contract", "assigned", "closed"], 0)
        assert body["months"][0]["expected_spread"] == {"USD": 0}

    def test_days_select_their_months(self, operator):
        body = operator("GET", "/wholesale/funnel", query={"from": "2026-09-15", "to": "2026-10-01"}).json()
        assert [month["month"] for month in body["months"]] == ["2026-09", "2026-10"]

    @pytest.mark.parametrize(
        "query",
        [
            {"from": "2026-13"},
            {"to": "yesterday"},
            {"from": "2026-02", "to": "2026-01"},
            {"from": "2000-01"},
            {"from": "0000-01"},
            {"since": "x"},
        ],
    )
    def test_invalid_ranges_are_rejected(self, operator, query):
        assert operator("GET", "/wholesale/funnel", query=query).status == 422
