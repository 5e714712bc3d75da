"""The quick evaluation of key conditions answers as ministack's own does, byte for byte."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.store.table import table_definition
from local import quick_query
from tests.local.conftest import ROOT

TABLE = "table-quick"


@pytest.fixture(scope="module")
def dynamodb() -> Any:
    """ministack's table module in this process, with two partitions of mixed sort keys."""
    from ministack.services import dynamodb

    call(dynamodb, "CreateTable", table_definition(TABLE))
    for pk in ("P", "Q"):
        for sk in KEYS:
            item = {"pk": {"S": pk}, "sk": {"S": sk}, "gsi1pk": {"S": "G"}, "gsi1sk": {"S": sk[::-1] + pk}}
            call(dynamodb, "PutItem", {"TableName": TABLE, "Item": item})
    return dynamodb


KEYS = sorted({"~", "!", "A", "a", "é", "Y#1", "Y#10", "Y#2", "H#0001", "H#0002", "z" * 20, "0", "\U0001f3e0"})


def call(dynamodb: Any, operation: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
    running = dynamodb.handle_request("POST", "/", headers, json.dumps(arguments).encode(), {})
    with pytest.raises(StopIteration) as done:
        running.send(None)
    status, _, body = done.value.value
    return status, body


VALUES = st.one_of(
    st.sampled_from([{"S": key} for key in ("P", "G", "none", *KEYS)]),
    st.sampled_from([{"N": "5"}, {"S": ""}, {"B": "QQ=="}, {"BOOL": True}]),
)
NAMES = st.sampled_from(["pk", "sk", "gsi1pk", "gsi1sk", "#p", "#s", "text", "#missing", "name"])
PARTITION = st.sampled_from(["pk = :p", "#p = :p", "gsi1pk=:p", ":p = pk", "(pk = :p)", "pk <> :p"])
SORT = st.one_of(
    st.just(""),
    st.builds("{} {} :a".format, NAMES, st.sampled_from(["=", "<", "<=", ">", ">=", "<>"])),
    st.builds("{} BETWEEN :a AND :b".format, NAMES),
    st.builds("{} between :a and :b".format, NAMES),
    st.builds("begins_with({}, :a)".format, NAMES),
    st.builds("BEGINS_WITH ( {} , :a )".format, NAMES),
    st.builds("contains({}, :a)".format, NAMES),
    st.builds("{} = :a AND sk = :b".format, NAMES),
    st.builds("({} > :a)".format, NAMES),
    st.builds("NOT {} = :a".format, NAMES),
)


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    partition, sort = draw(PARTITION), draw(SORT)
    parts = [part for part in draw(st.permutations([partition, sort])) if part]
    expression = draw(st.sampled_from([" AND ", " and ", "  AND  "])).join(parts)
    named = {name: value for name, value in {"#p": "pk", "#s": "sk"}.items() if name in expression}
    values = {name: draw(VALUES) for name in (":p", ":a", ":b") if name in expression}
    if draw(st.integers(0, 9)) > 1:
        values[":p"] = {"S": "G" if "gsi" in expression else "P"}
    query: dict[str, Any] = {"TableName": TABLE, "KeyConditionExpression": expression, "ExpressionAttributeValues": values}
    if named:
        query["ExpressionAttributeNames"] = named
    if "gsi" in expression or draw(st.integers(0, 9)) == 0:
        query["IndexName"] = "gsi1"
    query["Limit"] = draw(st.sampled_from([1, 3, 50]))
    query["ScanIndexForward"] = draw(st.booleans())
    return query


@settings(max_examples=600, deadline=None)
@given(queries())
def test_it_answers_as_the_original_does(dynamodb: Any, query: dict[str, Any]) -> None:
    original = dynamodb._evaluate_condition
    expected = call(dynamodb, "Query", query)
    try:
        assert quick_query.install()
        assert call(dynamodb, "Query", query) == expected
    finally:
        dynamodb._evaluate_condition = original


def test_it_is_the_quick_way_that_is_taken_and_conditions_of_writes_are_left_alone(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = dynamodb._evaluate_condition
    slots: list[str] = []

    def counted(expr: Any, item: Any, values: Any, names: Any, slot: str = "ConditionExpression") -> Any:
        slots.append(slot)
        return original(expr, item, values, names, slot)

    monkeypatch.setattr(dynamodb, "_evaluate_condition", counted)
    quick_query.install()
    values = {":p": {"S": "P"}, ":a": {"S": "Y#"}}
    query = {"TableName": TABLE, "KeyConditionExpression": "pk = :p AND begins_with(sk, :a)", "ExpressionAttributeValues": values}
    assert json.loads(call(dynamodb, "Query", query)[1])["Count"] == 3
    assert slots == []
    put = {"TableName": TABLE, "Item": {"pk": {"S": "P"}, "sk": {"S": "!"}}, "ConditionExpression": "attribute_not_exists(pk)"}
    assert call(dynamodb, "PutItem", put)[0] == 400
    assert slots == ["ConditionExpression"]


def test_another_version_is_left_as_it_is(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    original = dynamodb._evaluate_condition
    monkeypatch.setattr(quick_query, "WRITTEN_AGAINST", "1.5.32")
    assert not quick_query.install()
    assert dynamodb._evaluate_condition is original


def test_the_pinned_version_is_the_one_it_was_written_against() -> None:
    pins = (ROOT / "requirements-dev.txt").read_text().splitlines()
    assert f"ministack=={quick_query.WRITTEN_AGAINST}" in pins


def test_the_engine_process_installs_it() -> None:
    script = (
        "import local.engine_process, local.quick_query as q, sys; q.install = lambda: sys.exit('installed'); local.engine_process.main()"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False).stderr.strip() == "installed"
    )
