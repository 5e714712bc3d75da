"""One DynamoDB transaction, built as one ordered list, so that each refusal is known by its place.

PynamoDB's own transaction regroups its actions, and then nobody knows whose reason is whose.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from chalicelib.foundation.errors import Stale
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import Store, wire_key

Refusal = Exception | Callable[[Raw], Exception]  # what a failed condition means; given the row that stands there ({} for none)

MAX_ACTIONS = 100
_FINGERPRINT = ("request_id", "revision", "id", "owner")  # by which a row is known as the very one we sent


class Transaction:
    """Actions that land together or not at all. `commit` is one round trip.

    Each action names its refusal: the exception to raise when its condition fails (Stale where none is named).
    Of several that fail the first in order speaks.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._actions: list[dict[str, Any]] = []
        self._refusals: list[Refusal | None] = []

    def __len__(self) -> int:
        return len(self._actions)

    def create(self, entity: Entity, or_else: Refusal | None = None) -> None:
        """Put a new entity; its key must be free."""
        self.put(entity.to_item(), "attribute_not_exists(pk)", or_else)

    def save(self, entity: Entity, or_else: Refusal | None = None) -> None:
        """Put an entity that was read, if nobody wrote it since."""
        self.put(entity.to_item(), "revision = :seen", or_else, {":seen": entity.revision - 1})

    def put(
        self,
        item: Raw,
        condition: str = "",
        or_else: Refusal | None = None,
        values: dict[str, Any] | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        """Put a row under a condition. `values` are plain; they are typed here."""
        self._add("Put", {"Item": item}, condition, values, names, or_else)

    def put_row(self, key: Key, values: dict[str, Any], condition: str = "", or_else: Refusal | None = None) -> None:
        """Put a row that is no entity from plain values."""
        self.put(wire_key(key) | codec.wire(values), condition, or_else)

    def update(
        self,
        key: Key,
        expression: str,
        condition: str = "",
        or_else: Refusal | None = None,
        values: dict[str, Any] | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        """Update a row in place: counters, gates, claims."""
        self._add("Update", {"Key": wire_key(key), "UpdateExpression": expression}, condition, values, names, or_else)

    def check(
        self,
        key: Key,
        condition: str,
        or_else: Refusal | None = None,
        values: dict[str, Any] | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        """Let the transaction stand only if a row is as it should be."""
        self._add("ConditionCheck", {"Key": wire_key(key)}, condition, values, names, or_else)

    def delete(self, key: Key, condition: str = "", or_else: Refusal | None = None, values: dict[str, Any] | None = None) -> None:
        """Remove a row that is no entity."""
        self._add("Delete", {"Key": wire_key(key)}, condition, values, None, or_else)

    def commit(self) -> None:
        """Land all of it, or raise the refusal of the first action whose condition failed.

        A repetition after a lost answer is the same transaction to DynamoDB (its token), so it can't fail against itself;
        beyond the ten minutes of that token, or on an engine that has none, our own rows are known by their request id.
        """
        assert 0 < len(self._actions) <= MAX_ACTIONS, f"{len(self._actions)} actions in a transaction"
        try:
            self._store.call("transact_write_items", TransactItems=self._actions, ClientRequestToken=uuid4().hex)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            self._raise_refusal(error)

    def _add(
        self,
        kind: str,
        body: dict[str, Any],
        condition: str,
        values: dict[str, Any] | None,
        names: dict[str, str] | None,
        or_else: Refusal | None,
    ) -> None:
        body["TableName"] = self._store.table
        if condition:
            body |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if values:
            body["ExpressionAttributeValues"] = codec.wire(values)
        if names:
            body["ExpressionAttributeNames"] = names
        self._actions.append({kind: body})
        self._refusals.append(or_else)

    def _raise_refusal(self, error: ClientError) -> None:
        reasons = error.response["CancellationReasons"]
        failed = [place for place, reason in enumerate(reasons) if reason.get("Code") == "ConditionalCheckFailed"]
        if not failed:
            raise error
        if all(self._is_ours(place, reasons[place].get("Item", {})) for place in failed):
            return
        refusal = self._refusals[failed[0]] or Stale()
        raise refusal if isinstance(refusal, Exception) else refusal(reasons[failed[0]].get("Item", {}))

    def _is_ours(self, place: int, old: Raw) -> bool:
        item = self._actions[place].get("Put", {}).get("Item", {})
        return "request_id" in item and all(old.get(name) == item.get(name) for name in _FINGERPRINT)
