"""Faults that no local engine produces, injected between the store and its client.

`FaultInjectingClient(client, Throttles(0.2, seed=1), LostResponses(0.1, seed=2))` replaces the client. Each fault wraps the
calls that follow it, the first one outermost; each has its own seeded chance, so a failure can be run again.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

Arguments = dict[str, Any]
Answer = dict[str, Any]
Send = Callable[[Arguments], Answer]

READS = frozenset({"get_item", "query", "scan", "batch_get_item", "transact_get_items"})
WRITES = frozenset({"put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items"})
_CLASSES = {operation: "".join(part.title() for part in operation.split("_")) for operation in READS | WRITES}


class Fault(Protocol):
    """Something that happens around a call."""

    def __call__(self, operation: str, arguments: Arguments, send: Send) -> Answer: ...


class FaultInjectingClient:
    """A DynamoDB client whose item operations meet faults; `calls` counts what was asked, by operation."""

    def __init__(self, client: Any, *faults: Fault) -> None:
        self.client = client
        self.faults = list(faults)
        self.calls: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.client, name)
        if name not in _CLASSES:
            return real

        def send(arguments: Arguments) -> Answer:
            return real(**arguments)

        for fault in reversed(self.faults):
            send = _around(fault, name, send)

        def call(**arguments: Any) -> Answer:
            self.calls[name] = self.calls.get(name, 0) + 1
            return send(arguments)

        return call


def _around(fault: Fault, operation: str, send: Send) -> Send:
    return lambda arguments: fault(operation, arguments, send)


def client_error(operation: str, code: str, **members: Any) -> ClientError:
    """The error that DynamoDB answers with."""
    return ClientError({"Error": {"Code": code, "Message": "injected"}, **members}, _CLASSES[operation])


class _RandomFault:
    """A fault that happens with a probability, or exactly the first `times` times, for some operations."""

    def __init__(self, rate: float = 1.0, *, times: int | None = None, seed: int = 0, only: frozenset[str] | None = None) -> None:
        self._rate, self._left, self._only = rate, times, only
        self._random = random.Random(seed)
        self.occurrences = 0

    def occurs(self, operation: str) -> bool:
        if (self._only is not None and operation not in self._only) or self._left == 0 or self._random.random() >= self._rate:
            return False
        if self._left is not None:
            self._left -= 1
        self.occurrences += 1
        return True


class Throttles(_RandomFault):
    """The table is busy: refused before anything happens."""

    code = "ProvisionedThroughputExceededException"

    def __call__(self, operation: str, arguments: Arguments, send: Send) -> Answer:
        if self.occurs(operation):
            raise client_error(operation, self.code)
        return send(arguments)


class ServerErrors(Throttles):
    """DynamoDB's own 500, before anything happens."""

    code = "InternalServerError"


class Unreachable(_RandomFault):
    """The request never arrives."""

    def __call__(self, operation: str, arguments: Arguments, send: Send) -> Answer:
        if self.occurs(operation):
            raise ConnectTimeoutError(endpoint_url="https://dynamodb")
        return send(arguments)


class LostResponses(_RandomFault):
    """The effect lands, its answer is lost (refusals too)."""

    def __call__(self, operation: str, arguments: Arguments, send: Send) -> Answer:
        if not self.occurs(operation):
            return send(arguments)
        with suppress(ClientError):
            send(arguments)
        raise ReadTimeoutError(endpoint_url="https://dynamodb")


class Conflicts(_RandomFault):
    """Another transaction holds one of the items: TransactionConflict at a place by chance, nothing happens."""

    def __call__(self, operation: str, arguments: Arguments, send: Send) -> Answer:
        if operation not in ("transact_write_items", "put_item", "update_item", "delete_item") or not self.occurs(operation):
            return send(arguments)
        if operation != "transact_write_items":
            raise client_error(operation, "TransactionConflictException")
        reasons = [{"Code": "None"} for _ in arguments["TransactItems"]]
        self._random.choice(reasons)["Code"] = "TransactionConflict"
        raise client_error(operation, "TransactionCanceledException", CancellationReasons=reasons)


class Unprocessed(_RandomFault):
    """A batch is done in part: all but the first of its keys or writes come back unprocessed."""

    def __call__(self, operation: str, arguments: Arguments, send: Send) -> Answer:
        if operation not in ("batch_get_item", "batch_write_item") or not self.occurs(operation):
            return send(arguments)
        ((table, asked),) = arguments["RequestItems"].items()
        if operation == "batch_write_item":
            answer = send({**arguments, "RequestItems": {table: asked[:1]}})
            return {**answer, "UnprocessedItems": {table: asked[1:]} if asked[1:] else {}}
        answer = send({**arguments, "RequestItems": {table: {**asked, "Keys": asked["Keys"][:1]}}})
        rest = asked["Keys"][1:]
        return {**answer, "UnprocessedKeys": {table: {**asked, "Keys": rest}} if rest else {}}


class ShortPages(_RandomFault):
    """Pages end early, as they do at 1 MB: at most `most` items each, with a place to go on from."""

    def __init__(self, most: int = 1, rate: float = 1.0, *, seed: int = 0) -> None:
        super().__init__(rate, seed=seed)
        self._most = most

    def __call__(self, operation: str, arguments: Arguments, send: Send) -> Answer:
        if operation in ("query", "scan") and self.occurs(operation):
            arguments = {**arguments, "Limit": min(self._most, arguments.get("Limit", self._most))}
        return send(arguments)


class LaggingIndexes:
    """Indexes lag behind the table: what is written through this client isn't in their answers until `catch_up` is called.

    An index shows a row as it was when the lag began, in its old partition, or not at all where it is new. It reads a row
    before it is written, so keep it innermost and out of tests that count calls. It evaluates the conditions that pages use:
    one partition, with BETWEEN :low AND :high or begins_with :prefix on the sort key.
    """

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], dict[str, Any] | None] = {}

    def catch_up(self) -> None:
        """The indexes have seen everything."""
        self._before.clear()

    def __call__(self, operation: str, arguments: Arguments, send: Send) -> Answer:
        if operation == "query" and "IndexName" in arguments:
            return self._as_before(arguments, send(arguments))
        return send(arguments)

    def attach(self, faulty: FaultInjectingClient) -> "LaggingIndexes":
        """Watch the writes of `faulty`, innermost."""
        real = faulty.client

        def watch(operation: str, arguments: Arguments, send: Send) -> Answer:
            if operation in WRITES:
                for table, key in _touched(operation, arguments):
                    place = (key["pk"]["S"], key["sk"]["S"])
                    if place not in self._before:
                        self._before[place] = real.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
            return self(operation, arguments, send)

        faulty.faults.append(watch)
        return self

    def _as_before(self, arguments: Arguments, answer: Answer) -> Answer:
        index, forward = arguments["IndexName"], arguments.get("ScanIndexForward", True)
        pk, sk = f"{index}pk", f"{index}sk"
        values = {name: value["S"] for name, value in arguments["ExpressionAttributeValues"].items()}
        start, last = arguments.get("ExclusiveStartKey"), answer.get("LastEvaluatedKey")

        def order(row: dict[str, Any]) -> tuple[str, str, str]:
            return row[sk]["S"], row["pk"]["S"], row["sk"]["S"]

        def here(row: dict[str, Any]) -> bool:
            if row.get(pk, {}).get("S") != values[":pk"] or sk not in row:
                return False
            if ":prefix" in values and not row[sk]["S"].startswith(values[":prefix"]):
                return False
            if ":low" in values and not values[":low"] <= row[sk]["S"] <= values[":high"]:
                return False
            after = start is None or (order(row) > order(start) if forward else order(row) < order(start))
            within = last is None or (order(row) <= order(last) if forward else order(row) >= order(last))
            return after and within

        rows = [row for row in answer["Items"] if (row["pk"]["S"], row["sk"]["S"]) not in self._before]
        rows += [old for old in self._before.values() if old is not None and here(old)]
        rows.sort(key=order, reverse=not forward)
        shown = {**answer, "Items": rows, "Count": len(rows)}
        if (limit := arguments.get("Limit")) and len(rows) > limit:
            shown["Items"] = rows[:limit]
            shown["LastEvaluatedKey"] = {name: rows[limit - 1][name] for name in (pk, sk, "pk", "sk")}
        return shown


def _touched(operation: str, arguments: Arguments) -> list[tuple[str, dict[str, Any]]]:
    """Table and key of everything that a write touches."""
    if operation == "batch_write_item":
        bodies = [(table, next(iter(one.values()))) for table, asked in arguments["RequestItems"].items() for one in asked]
    elif operation == "transact_write_items":
        bodies = [(body["TableName"], body) for one in arguments["TransactItems"] for body in one.values()]
    else:
        bodies = [(arguments["TableName"], arguments)]
    return [(table, {name: (body.get("Item") or body["Key"])[name] for name in ("pk", "sk")}) for table, body in bodies]
