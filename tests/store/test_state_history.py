"""The history of a state: rows of completed intervals, the current one from the entity, and the page of both."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from typing_extensions import TypedDict

from chalicelib.foundation.errors import BadRequest, NotFound
from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.schema_types import PageParams
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.schemas import StageIntervalView


class IntervalView(TypedDict):
    status: str
    entered_at: str
    entered_by: str
    reason: str | None
    left_at: str | None
    left_by: str | None
    left_for: str | None
    days: int
    terms: dict[str, Any]


class WithStatus(Entity):
    status = a.string()
    status_entered_at = a.datetime()
    status_entered_by = a.string()
    status_reason = a.optional_string()
    status_note = a.optional_string()
    value = a.optional_decimal()
    signed_on = a.optional_date()
    due_on = a.optional_date()

    def index_keys(self) -> dict[str, str]:
        return {}

    def list_view(self) -> dict[str, Any]:
        return {"id": self.id}


class Agreement(WithStatus):
    KIND = "agreement"
    ID = IdFormat("agr", "agreement")


class Annex(WithStatus):
    KIND = "annex"
    ID = IdFormat("anx", "annex", parents={"a": "agr"}, row="X")


HISTORY = StateHistory(IntervalView)


def create(ctx: Any, entity_class: type[WithStatus], id: str | None = None, **values: Any) -> Any:
    entity = entity_class.new(ctx, id, **HISTORY.entry(ctx, "draft"), **values)
    ctx.store.call("put_item", TableName=ctx.store.table, Item=entity.to_item())
    return entity


def enter(ctx: Any, before: Any, status: str, clears: tuple[str, ...] = (), **given: Any) -> Any:
    after = before.with_changes(ctx, **dict.fromkeys(clears), **HISTORY.entry(ctx, status, **given))
    tx = Transaction(ctx.store)
    HISTORY.add(tx, ctx, before, after, clears=clears)
    tx.save(after)
    assert len(tx) == 2
    tx.commit()
    return after


def row(ctx: Any, pk: str, sk: str) -> Any:
    return ctx.store.call("get_item", TableName=ctx.store.table, Key={"pk": {"S": pk}, "sk": {"S": sk}}).get("Item")


def test_a_completed_interval_is_a_row_of_the_partition(context):
    ctx = context("operator")
    agreement = create(ctx, Agreement, value=Decimal("12.5"), signed_on=date(2026, 3, 2))
    entered = ctx.now
    agreement = enter(ctx, agreement, "sent", reason="ready")
    ctx.now += timedelta(days=2)
    agreement = enter(ctx, agreement, "draft", ("value", "signed_on", "due_on"), reason="recalled", note="Too dear")
    assert agreement.value is None
    assert row(ctx, agreement.id, "H#0000000002") == {
        "pk": {"S": agreement.id},
        "sk": {"S": "H#0000000002"},
        "kind": {"S": "stay"},
        "status": {"S": "sent"},
        "entered_at": {"S": entered.isoformat(timespec="milliseconds").replace("+00:00", "Z")},
        "entered_by": {"S": "user_someone"},
        "reason": {"S": "ready"},
        "left_at": {"S": ctx.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")},
        "left_by": {"S": "user_someone"},
        "left_for": {"S": "draft"},
        "days": {"N": "2"},
        "terms": {"M": {"value": {"N": "12.5"}, "signed_on": {"S": "2026-03-02"}}},
        "request_id": {"S": ctx.request_id},
    }
    first = row(ctx, agreement.id, "H#0000000001")
    assert ("reason" in first, first["terms"], first["days"]) == (False, {"M": {}}, {"N": "0"})


def test_the_page_begins_with_the_current_interval_and_goes_back(context):
    ctx = context("operator")
    agreement = create(ctx, Agreement)
    for number in range(6):
        ctx.now += timedelta(days=1)
        agreement = enter(ctx, agreement, "draft" if number % 2 else "sent", reason=str(number))
    ctx.now += timedelta(days=3)
    before = ctx.store.round_trips
    first = HISTORY.read_page(ctx, Agreement, agreement.id, PageParams(limit=4, cursor=None))
    assert ctx.store.round_trips - before == 2
    assert first["items"][0] == {
        "status": "draft",
        "entered_at": "2026-11-30T18:00:00.000Z",
        "entered_by": "user_someone",
        "reason": "5",
        "left_at": None,
        "left_by": None,
        "left_for": None,
        "days": 3,
        "terms": {},
    }
    second = HISTORY.read_page(ctx, Agreement, agreement.id, PageParams(limit=4, cursor=first["next_cursor"]))
    items = [*first["items"], *second["items"]]
    assert [item["reason"] for item in items] == ["5", "4", "3", "2", "1", "0", None]
    assert [item["left_at"] for item in items[1:]] == [item["entered_at"] for item in items[:-1]]
    assert second["next_cursor"] is None
    with pytest.raises(BadRequest):
        HISTORY.read_page(ctx, Agreement, create(ctx, Agreement).id, PageParams(limit=4, cursor=first["next_cursor"]))


def test_a_childs_history_is_its_own_and_not_its_roots(context):
    ctx = context("operator")
    agreement = create(ctx, Agreement)
    annexes = [create(ctx, Annex, Annex.ID.new(ctx.now, agreement.id)) for _ in range(2)]
    enter(ctx, agreement, "sent")
    annexes = [enter(ctx, annex, "signed", reason=str(number)) for number, annex in enumerate(annexes)]
    assert row(ctx, agreement.id, f"H#{annexes[0].id}#0000000001")["left_for"] == {"S": "signed"}
    assert [item["status"] for item in HISTORY.read_page(ctx, Agreement, agreement.id, PageParams(limit=9, cursor=None))["items"]] == [
        "sent",
        "draft",
    ]
    for number, annex in enumerate(annexes):
        items = HISTORY.read_page(ctx, Annex, annex.id, PageParams(limit=9, cursor=None))["items"]
        assert [(item["status"], item["reason"]) for item in items] == [("signed", str(number)), ("draft", None)]


def test_there_is_no_history_of_what_is_not_there(context):
    ctx = context("operator")
    with pytest.raises(NotFound, match="agreement"):
        HISTORY.read_page(ctx, Agreement, Agreement.ID.new(ctx.now), PageParams(limit=9, cursor=None))


def test_an_interval_knows_its_length(context):
    ctx = context("operator")
    agreement = create(ctx, Agreement)
    ctx.now += timedelta(hours=14, seconds=1, milliseconds=900)  # past midnight of the firm
    interval = HISTORY.interval(ctx, agreement)
    assert (interval.state, interval.days, interval.seconds) == ("draft", 1, 14 * 3600 + 1)


def test_several_histories_of_one_entity_stand_apart(context):
    other = StateHistory(IntervalView, prefix="HE#")
    ctx = context("operator")
    agreement = create(ctx, Agreement)
    ranges = (HISTORY.range(agreement), other.range(agreement))
    assert [(one.low, one.high) for one in ranges] == [("H#0", "H#9~"), ("HE#0", "HE#9~")]


def test_the_stages_of_a_pipeline_fit(context):
    """The attributes and the view of wholesale's pipelines are those that the kit takes."""
    history = StateHistory(StageIntervalView, "stage")
    ctx = context("operator")
    attributes = Pipeline.get_attributes()
    assert history.entry(ctx, "lead").keys() <= attributes.keys()
    pipeline = Pipeline.from_values(**history.entry(ctx, "lead", note="By phone"))
    assert history.current_view(ctx, pipeline) == {
        "stage": "lead",
        "entered_at": "2026-11-24T18:00:00.000Z",
        "entered_by": "user_someone",
        "reason": None,
        "note": "By phone",
        "left_at": None,
        "left_by": None,
        "days": 0,
        "terms": {},
    }
