"""Which chains there are in a table."""

from typing import Any


def list_entities(store: Any) -> list[str]:
    """The ids of all entities that have a trail or should have one."""
    found: set[str] = set()
    start: dict[str, Any] = {}
    while True:
        page = store.call("scan", TableName=store.table, ConsistentRead=True, **start)
        for raw in page["Items"]:
            if raw["pk"]["S"].startswith("AUD#"):
                found.add(raw["pk"]["S"].removeprefix("AUD#"))
            elif raw.get("t") == {"S": "e"}:
                found.add(raw["id"]["S"])
        if "LastEvaluatedKey" not in page:
            return sorted(found)
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
