"""One DynamoDB transaction, built as one ordered list, so that each failed condition is known by its index.

PynamoDB's own transaction regroups its actions, so that cancellation reasons could not be assigned to them.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    ROW_ABSENT,
    Arguments,
    attribute,
    condition_arguments,
    difference_arguments,
)
from chalicelib.foundation.store.row import Row
from chalicelib.foundation.store.row_update import RowUpdate
from chalicelib.foundation.store.store import OnConditionFailed, Storable, Store, encode_key

MAX_ACTIONS = 100
_IDENTITY_ATTRIBUTES = ("request_id", "revision", "id", "owner")  # by which a row is known as the very one we sent


class Transaction:
    """Actions that are committed together or not at all. `commit` is one round trip.

    Each action may give the exception to raise when its condition fails, `on_conflict` (by default VersionConflict).
    Where several conditions fail, the exception of the first action is raised.

    DynamoDB takes one action a row. Updates of one row become one where that is the same: under the same condition, of different
    attributes, or of the same ones in a way that adds up (`RowUpdate.merge`). Any other second action on a row raises ValueError when it
    is added.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._actions: list[JsonObject] = []
        self._on_conflict: list[OnConditionFailed | None] = []
        self._places: dict[ItemKey, int] = {}
        self._updates: dict[ItemKey, RowUpdate] = {}

    def __len__(self) -> int:
        return len(self._actions)

    def create(self, entity: Entity, on_conflict: OnConditionFailed | None = None) -> None:
        """Put a new entity; its key must be free."""
        self.put(entity, ROW_ABSENT, on_conflict)

    def save(self, entity: Entity, on_conflict: OnConditionFailed | None = None) -> None:
        """Put an entity that was read; fails where it was written since."""
        self.put(entity, attribute("revision") == entity.revision - 1, on_conflict)

    def put(self, row: Storable, when: Condition | None = None, on_conflict: OnConditionFailed | None = None) -> None:
        """Put a row, new or not, under a condition."""
        item = row.to_item()
        self._append(ItemKey(item["pk"]["S"], item["sk"]["S"]), "Put", {"Item": item}, condition_arguments(when), on_conflict)

    def put_values(
        self, key: ItemKey, values: Mapping[str, object], when: Condition | None = None, on_conflict: OnConditionFailed | None = None
    ) -> None:
        """Put a row of plain values under a condition."""
        item = encode_key(key) | codec.encode_item(values)
        self._append(key, "Put", {"Item": item}, condition_arguments(when), on_conflict)

    def update(
        self,
        key: ItemKey,
        *,
        set: Mapping[str, object] = NOTHING,
        remove: Iterable[str] = (),
        add: Mapping[str, object] = NOTHING,
        default: Mapping[str, object] = NOTHING,
        discard: Mapping[str, object] = NOTHING,
        when: Condition | None = None,
        on_conflict: OnConditionFailed | None = None,
    ) -> None:
        """Update a row in place, under a condition: `set` values (None removes), `remove` attributes, `add` to numbers and sets,
        `discard` from sets, set a `default` where an attribute is absent.
        """
        update = RowUpdate.of(set, remove, add, default, discard, when)
        if key in self._updates:
            self._updates[key] = update = self._updates[key].merge(key, update)
            self._actions[self._places[key]] = self._action("Update", {"Key": encode_key(key)}, update.arguments())
        else:
            self._append(key, "Update", {"Key": encode_key(key)}, update.arguments(), on_conflict)
            self._updates[key] = update

    def update_row(self, before: Row, after: Row, when: Condition | None = None, on_conflict: OnConditionFailed | None = None) -> None:
        """Write what differs between two states of a row, index keys included, without touching its other attributes."""
        arguments = difference_arguments(before.to_item(), after.to_item(), when)
        self._append(after.key, "Update", {"Key": encode_key(after.key)}, arguments, on_conflict)

    def condition_check(self, key: ItemKey, when: Condition, on_conflict: OnConditionFailed | None = None) -> None:
        """Make the transaction depend on a condition of a row that it does not write."""
        self._append(key, "ConditionCheck", {"Key": encode_key(key)}, condition_arguments(when), on_conflict)

    def check_unchanged(self, entity: Entity, on_conflict: OnConditionFailed | None = None) -> None:
        """Make the transaction depend on an entity that was read and is not written: fails where it was changed or deleted since."""
        self.condition_check(entity.key, attribute("revision") == entity.revision, on_conflict)

    def delete(self, key: ItemKey, when: Condition | None = None, on_conflict: OnConditionFailed | None = None) -> None:
        """Remove a row that is no entity."""
        self._append(key, "Delete", {"Key": encode_key(key)}, condition_arguments(when), on_conflict)

    def commit(self) -> None:
        """Write all of it, or raise the refusal of the first action whose condition failed.

        A repetition after a lost answer is the same transaction to DynamoDB (its token), so it can't fail against itself;
        beyond the ten minutes of that token, or on an engine that has none, our own rows are known by their request id.
        Nothing but the put of such a row is no transaction: it costs half.
        """
        assert 0 < len(self._actions) <= MAX_ACTIONS, f"{len(self._actions)} actions in a transaction"
        only = self._actions[0].get("Put") if len(self._actions) == 1 else None
        try:
            if only and _IDENTITY_ATTRIBUTES[0] in only["Item"]:
                self._store.call("put_item", **only)
            else:
                self._store.call("transact_write_items", TransactItems=self._actions, ClientRequestToken=uuid4().hex)
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "TransactionCanceledException":
                    self._raise_conflict(error, error.response["CancellationReasons"])
                case "ConditionalCheckFailedException":
                    self._raise_conflict(error, [{"Code": "ConditionalCheckFailed", "Item": error.response.get("Item", {})}])
                case _:
                    raise

    def _append(self, key: ItemKey, kind: str, action: JsonObject, arguments: Arguments, on_conflict: OnConditionFailed | None) -> None:
        if key in self._places:
            (earlier,) = self._actions[self._places[key]]
            raise ValueError(f"A transaction has one action on a row: {earlier} and {kind} are both on {key}.")
        self._places[key] = len(self._actions)
        self._actions.append(self._action(kind, action, arguments))
        self._on_conflict.append(on_conflict)

    def _action(self, kind: str, action: JsonObject, arguments: Arguments) -> JsonObject:
        action = {"TableName": self._store.table, **action, **arguments}
        if "ConditionExpression" in arguments:
            action["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {kind: action}

    def _raise_conflict(self, error: ClientError, reasons: Sequence[JsonObject]) -> None:
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
