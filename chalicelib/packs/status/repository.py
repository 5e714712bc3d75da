"""The row of the completion: the only module of the pack that knows the store."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.idempotency import idempotent_transaction, read_or_replay
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.codec import DynamoItem, decode_item
from chalicelib.foundation.store.expressions import ROW_ABSENT, attribute
from chalicelib.foundation.store.keys import config_row

_COMPLETION = config_row("completion")


def find_completion(ctx: Context) -> JsonObject:
    """The completion as it was set last; empty where it never was. One round trip."""
    return _values(ctx.store.get_item(_COMPLETION))


def find_completion_or_replay(ctx: Context) -> JsonObject:
    """`find_completion`, together with the request's idempotency record: a repeated request gets its first answer."""
    return _values(read_or_replay(ctx, [_COMPLETION]).get(_COMPLETION))


def save_completion(ctx: Context, before: JsonObject, after: JsonObject, response: object) -> None:
    """Write the completion where it is still as it was read, and remember the response. VersionConflict. One round trip."""
    tx = idempotent_transaction(ctx, response)
    tx.put_values(_COMPLETION, after, attribute("revision") == before["revision"] if before else ROW_ABSENT)
    tx.commit()


def _values(row: DynamoItem | None) -> JsonObject:
    return decode_item(row) if row else {}
