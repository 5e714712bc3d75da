from typing import Any

import pytest

from local.event_filters import accepts, matches

EVENT = {
    "eventName": "MODIFY",
    "dynamodb": {"Keys": {"pk": {"S": "pipe_1"}}, "NewImage": {"t": {"S": "e"}, "kind": {"S": "pipeline"}}, "SizeBytes": 120},
}


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        ({"eventName": ["MODIFY"]}, True),
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["INSERT"]}, False),
        ({"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"t": {"S": ["x"]}}}}, False),
        ({"dynamodb": {"NewImage": {"t": {"S": ["e"]}}}}, True),
        ({"dynamodb": {"OldImage": {"t": {"S": ["e"]}}}}, False),
        ({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "pipe_"}]}}}}, True),
        ({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "buyer_"}]}}}}, False),
        ({"dynamodb": {"Keys": {"pk": {"S": [{"suffix": "_1"}]}}}}, True),
        ({"eventName": [{"anything-but": ["REMOVE"]}]}, True),
        ({"eventName": [{"anything-but": "MODIFY"}]}, False),
        ({"eventName": [{"anything-but": {"prefix": "MOD"}}]}, False),
        ({"nothing": [{"anything-but": ["REMOVE"]}]}, False),
        ({"eventName": [{"equals-ignore-case": "modify"}]}, True),
        ({"dynamodb": {"NewImage": {"t": {"S": [{"exists": True}]}}}}, True),
        ({"dynamodb": {"NewImage": {"gone": {"S": [{"exists": False}]}}}}, True),
        ({"dynamodb": {"NewImage": {"t": {"S": [{"exists": False}]}}}}, False),
        ({"dynamodb": {"SizeBytes": [{"numeric": [">", 100, "<=", 120]}]}}, True),
        ({"dynamodb": {"SizeBytes": [{"numeric": ["<", 100]}]}}, False),
        ({"dynamodb": {"SizeBytes": ["120"]}}, False),
        ({"$or": [{"eventName": ["INSERT"]}, {"dynamodb": {"NewImage": {"kind": {"S": ["pipeline"]}}}}]}, True),
        ({"$or": [{"eventName": ["INSERT"]}, {"eventName": ["REMOVE"]}]}, False),
    ],
)
def test_a_pattern_holds_or_not(pattern: dict[str, Any], held: bool) -> None:
    assert matches(pattern, EVENT) is held


def test_one_of_several_patterns_is_enough_and_none_lets_all_through() -> None:
    assert accepts([{"eventName": ["INSERT"]}, {"eventName": ["MODIFY"]}], EVENT)
    assert not accepts([{"eventName": ["INSERT"]}, {"eventName": ["REMOVE"]}], EVENT)
    assert accepts([], EVENT)


def test_a_rule_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="cidr"):
        matches({"eventName": [{"cidr": "10.0.0.0/8"}]}, EVENT)
