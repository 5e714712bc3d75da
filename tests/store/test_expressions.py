"""Conditions and updates: expressions that DynamoDB takes, from plain values."""

from datetime import UTC, date, datetime
from decimal import Decimal

from chalicelib.foundation.store.expressions import (
    ROW_ABSENT,
    all_of,
    any_of,
    attribute,
    condition_arguments,
    unchanged,
    update_arguments,
)


def test_no_condition_adds_nothing():
    assert condition_arguments(None) == {}


def test_a_condition_brings_its_placeholders():
    assert condition_arguments(ROW_ABSENT) == {
        "ConditionExpression": "attribute_not_exists (#0)",
        "ExpressionAttributeNames": {"#0": "pk"},
    }
    when = all_of(
        attribute("refs") == 0, attribute("due") <= date(2026, 3, 1), any_of(attribute("a").exists(), attribute("b") > Decimal("1.50"))
    )
    assert condition_arguments(when) == {
        "ConditionExpression": "((#0 = :0 AND #1 <= :1) AND (attribute_exists (#2) OR #3 > :2))",
        "ExpressionAttributeNames": {"#0": "refs", "#1": "due", "#2": "a", "#3": "b"},
        "ExpressionAttributeValues": {":0": {"N": "0"}, ":1": {"S": "2026-03-01"}, ":2": {"N": "1.50"}},
    }


def test_what_was_absent_must_still_be_absent():
    when = all_of(*unchanged({"owner": None, "at": datetime(2026, 3, 1, tzinfo=UTC)}))
    assert condition_arguments(when)["ConditionExpression"] == "(attribute_not_exists (#0) AND #1 = :0)"


def test_an_update_sets_removes_and_adds_and_a_none_removes():
    arguments = update_arguments({"owner": None, "status": "open"}, ("gsi1pk",), {"refs": -1}, attribute("status") == "new")
    assert arguments == {
        "UpdateExpression": "SET #0 = :0 REMOVE #1, #2 ADD #3 :1",
        "ConditionExpression": "#0 = :2",
        "ExpressionAttributeNames": {"#0": "status", "#1": "owner", "#2": "gsi1pk", "#3": "refs"},
        "ExpressionAttributeValues": {":0": {"S": "open"}, ":1": {"N": "-1"}, ":2": {"S": "new"}},
    }


def test_a_name_that_is_no_identifier_is_taken():
    assert update_arguments({}, (), {"owned:1030": 5}, None)["UpdateExpression"] == "ADD #0 :0"
