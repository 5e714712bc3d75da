"""Rows that end: the attribute `ttl` says when, in seconds since 1970, and from then on they count as gone.

DynamoDB removes an expired row some time later, days at the worst, and serves it until then. So nothing but this module looks at `ttl`.
"""

from datetime import datetime

from pynamodb.expressions.condition import Condition

from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT, any_of, attribute
from chalicelib.foundation.store.store import Store
from chalicelib.foundation.store.table import TTL_ATTRIBUTE


def has_ended(ttl: int | None, now: datetime) -> bool:
    """Whether what ends at `ttl` is gone; None never ends."""
    return ttl is not None and ttl <= int(now.timestamp())


def live_row(row: DynamoItem | None, now: datetime) -> DynamoItem | None:
    """A row as it was read; None where there was none, or where it has ended."""
    if row is None or (TTL_ATTRIBUTE in row and has_ended(int(row[TTL_ATTRIBUTE]["N"]), now)):
        return None
    return row


def find_live_row(store: Store, key: ItemKey, now: datetime) -> DynamoItem | None:
    """The row at a key; None where there is none, or where it has ended. One round trip."""
    return live_row(store.get_item(key), now)


def is_live(now: datetime) -> Condition:
    """That a row is there which ends, and has not ended."""
    return attribute(TTL_ATTRIBUTE) > int(now.timestamp())


def is_free(now: datetime) -> Condition:
    """That there is no row, or one that has ended."""
    return any_of(ROW_ABSENT, attribute(TTL_ATTRIBUTE) <= int(now.timestamp()))
