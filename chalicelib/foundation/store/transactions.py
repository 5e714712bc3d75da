"""One DynamoDB transaction, built as one ordered list, so that each failed condition is known by its index.

PynamoDB's own transaction regroups its actions, so that cancellation reasons could not be assigned to them.
"""

from collections.abc import Callable, Iterable, Mapping
from uuid import uuid4

from botocore.exceptions import ClientError
from pynamodb.expressions.condition import Condition

from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.expressions import (
    NOTHING,
    Arguments,
    condition_arguments,
    difference_arguments,
    update_arguments,
)
from chalicelib.foundation.store.row import Row
from chalicelib.foundation.store.store import Store, encode_key

OnConditionFailed = Exception | Callable[[DynamoItem], Exception]  # what a failed condition means; given the existing item ({} for none)

MAX_ACTIONS = 100
_IDENTITY_ATTRIBUTES = ("request_id", "revision", "id", "owner")  # by which a row is known as the very one we sent


class Transaction:
    """Actions that are committed together or not at all. `commit` is one round trip.

    Each action may give the exception to raise when its condition fails, `on_conflict` (by default VersionConflict).
    Where several conditions fail, the exception of the first action is raised.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._actions: list[JsonObject] = []
        self._on_conflict: list[OnConditionFailed | None] = []

    def __len__(self) -> int:
        return len(self._actions)

    def create(self, entity: Entity, on_conflict: OnConditionFailed | None = None) -> None:
        """Put a new entity; its key must be free."""
        self.put_by_expression(entity.to_item(), "attribute_not_exists(pk)", on_conflict)

    def save(self, entity: Entity, on_conflict: OnConditionFailed | None = None) -> None:
        """Put an entity that was read; fails where it was written since."""
        self.put_by_expression(entity.to_item(), "revision = :seen", on_conflict, {":seen": entity.revision - 1})

    def put(self, row: Row, when: Condition | None = None, on_conflict: OnConditionFailed | None = None) -> None:
        """Put a row, new or not, under a condition."""
        self._append("Put", {"Item": row.to_item()}, condition_arguments(when), on_conflict)

    def put_values(
        self, key: ItemKey, values: Mapping[str, object], when: Condition | None = None, on_conflict: OnConditionFailed | None = None
    ) -> None:
        """Put a row of plain values under a condition."""
        self._append("Put", {"Item": encode_key(key) | codec.encode_item(values)}, condition_arguments(when), on_conflict)

    def update(
        self,
        key: ItemKey,
        *,
        set: Mapping[str, object] = NOTHING,
        remove: Iterable[str] = (),
        add: Mapping[str, object] = NOTHING,
        when: Condition | None = None,
        on_conflict: OnConditionFailed | None = None,
    ) -> None:
        """Update a row in place: `set` values (None removes), `remove` attributes, `add` to numbers, under a condition."""
        self._append("Update", {"Key": encode_key(key)}, update_arguments(set, remove, add, when), on_conflict)

    def update_row(self, before: Row, after: Row, when: Condition | None = None, on_conflict: OnConditionFailed | None = None) -> None:
        """Write what differs between two states of a row, index keys included, without touching its other attributes."""
        arguments = difference_arguments(before.to_item(), after.to_item(), when)
        self._append("Update", {"Key": encode_key(after.key)}, arguments, on_conflict)

    def condition_check(self, key: ItemKey, when: Condition, on_conflict: OnConditionFailed | None = None) -> None:
        """Make the transaction depend on a condition of a row that it does not write."""
        self._append("ConditionCheck", {"Key": encode_key(key)}, condition_arguments(when), on_conflict)

    def delete(self, key: ItemKey, when: Condition | None = None, on_conflict: OnConditionFailed | None = None) -> None:
        """Remove a row that is no entity."""
        self._append("Delete", {"Key": encode_key(key)}, condition_arguments(when), on_conflict)

    def put_by_expression(
        self,
        item: DynamoItem,
        condition: str = "",
        on_conflict: OnConditionFailed | None = None,
        values: JsonObject | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        """Put a row under a condition. `values` are plain; they are typed here."""
        self._add("Put", {"Item": item}, condition, values, names, on_conflict)

    def put_values_by_expression(
        self, key: ItemKey, values: JsonObject, condition: str = "", on_conflict: OnConditionFailed | None = None
    ) -> None:
        """Put a row that is no entity from plain values."""
        self.put_by_expression(encode_key(key) | codec.encode_item(values), condition, on_conflict)

    def update_by_expression(
        self,
        key: ItemKey,
        expression: str,
        condition: str = "",
        on_conflict: OnConditionFailed | None = None,
        values: JsonObject | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        """Update a row in place, e.g. a counter or a claim."""
        self._add("Update", {"Key": encode_key(key), "UpdateExpression": expression}, condition, values, names, on_conflict)

    def check_by_expression(
        self,
        key: ItemKey,
        condition: str,
        on_conflict: OnConditionFailed | None = None,
        values: JsonObject | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        """Make the transaction depend on a condition of a row that it does not write."""
        self._add("ConditionCheck", {"Key": encode_key(key)}, condition, values, names, on_conflict)

    def delete_by_expression(
        self, key: ItemKey, condition: str = "", on_conflict: OnConditionFailed | None = None, values: JsonObject | None = None
    ) -> None:
        """Remove a row that is no entity."""
        self._add("Delete", {"Key": encode_key(key)}, condition, values, None, on_conflict)

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
            self._raise_conflict(error)

    def _append(self, kind: str, action: JsonObject, arguments: Arguments, on_conflict: OnConditionFailed | None) -> None:
        action = {"TableName": self._store.table, **action, **arguments}
        if "ConditionExpression" in arguments:
            action["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        self._actions.append({kind: action})
        self._on_conflict.append(on_conflict)

    def _add(
        self,
        kind: str,
        body: JsonObject,
        condition: str,
        values: JsonObject | None,
        names: dict[str, str] | None,
        on_conflict: OnConditionFailed | None,
    ) -> None:
        body["TableName"] = self._store.table
        if condition:
            body |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if values:
            body["ExpressionAttributeValues"] = codec.encode_item(values)
        if names:
            body["ExpressionAttributeNames"] = names
        self._actions.append({kind: body})
        self._on_conflict.append(on_conflict)

    def _raise_conflict(self, error: ClientError) -> None:
        reasons = error.response["CancellationReasons"]
        failed = [place for place, reason in enumerate(reasons) if reason.get("Code") == "ConditionalCheckFailed"]
        if not failed:
            raise error
        if all(self._is_ours(place, reasons[place].get("Item", {})) for place in failed):
            return
        refusal = self._on_conflict[failed[0]] or VersionConflict()
        raise refusal if isinstance(refusal, Exception) else refusal(reasons[failed[0]].get("Item", {}))

    def _is_ours(self, index: int, old: DynamoItem) -> bool:
        item = self._actions[index].get("Put", {}).get("Item", {})
        return "request_id" in item and all(old.get(name) == item.get(name) for name in _IDENTITY_ATTRIBUTES)
