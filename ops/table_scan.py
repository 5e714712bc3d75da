"""Reading a whole table by several parallel scans, each of them a part of its partitions."""

from collections.abc import Iterator
from typing import Any

from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.codec import DynamoItem

_CALL_SECONDS = 60.0


def scan_segment(runtime: Runtime, number: int, segments: int) -> Iterator[list[DynamoItem]]:
    """The rows of one of so many parts of the table, page by page, read strongly. A partition lies in one part, as a whole."""
    start: dict[str, Any] = {}
    while True:
        store = runtime.store(lambda: _CALL_SECONDS)
        response = store.call("scan", TableName=store.table, ConsistentRead=True, Segment=number, TotalSegments=segments, **start)
        yield response["Items"]
        if "LastEvaluatedKey" not in response:
            return
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}
