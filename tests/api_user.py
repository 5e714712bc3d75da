"""Somebody who works by the API alone: what the clients of the packs' tests are made of; and all that the table holds."""

from typing import Any


class ApiUser:
    """What is refused fails the test; `expect_error` expects it."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, body, **more)
        assert answer.status < 300, answer.text
        return answer.json() if answer.text else None

    def expect_error(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, body, **more)
        assert answer.status == status, answer.text
        return answer.json()


def all_rows(runtime: Any) -> list[dict[str, Any]]:
    """Everything in the table."""
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        answer = runtime.dynamodb.scan(TableName=runtime.settings.table, ConsistentRead=True, **start)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
