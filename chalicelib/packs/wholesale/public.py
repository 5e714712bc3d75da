"""The interface of this pack to other packs: reference a pipeline, change its stage along with an assignment, find properties.

Other packs use nothing else of it, and depend on neither its keys nor its indexes.
"""

from collections.abc import Iterable
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import codec, references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import Pipeline, market_key, stage_key
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.service import changes
from chalicelib.packs.wholesale.service.due import display_name, notification_target, process_due
from chalicelib.packs.wholesale.service.pipeline_transitions import add_transition

__all__ = [
    "Pipeline",
    "add_price_change",
    "add_reference",
    "add_transition",
    "check_unchanged",
    "display_name",
    "key",
    "list_ids_in_area",
    "list_newest_ids",
    "notification_target",
    "parse_pipeline",
    "process_due",
    "remove_reference",
]

_PAGE = 200
_SALEABLE = (stages.UNDER_CONTRACT, stages.ASSIGNED, stages.OFFER_MADE, stages.LEAD)


def key(id: str) -> ItemKey:
    """The key of a pipeline; NotFound for an id of another format."""
    return Pipeline.ID.key(id)


def parse_pipeline(raw: DynamoItem | None) -> Pipeline | None:
    """The pipeline of an item; None where there is no item or it is soft-deleted."""
    return parse_live(Pipeline, raw)


def add_reference(tx: Transaction, pipeline_id: str, count: int = 1) -> None:
    """Add `count` references, which prevent deletion; the transaction fails where the pipeline doesn't exist."""
    references.add_reference(tx, Pipeline.ID, pipeline_id, count)


def remove_reference(tx: Transaction, pipeline_id: str, count: int = 1) -> None:
    """Remove `count` references."""
    references.remove_reference(tx, Pipeline.ID, pipeline_id, count)


def check_unchanged(tx: Transaction, pipeline: Pipeline) -> None:
    """Condition the transaction on the pipeline's stage, currency and contract as they were read; else VersionConflict."""
    expected = {"stage": pipeline.stage, "currency": pipeline.currency, "contract_price": pipeline.contract_price}
    conditions = [f"{name} = :{name}" if value is not None else f"attribute_not_exists({name})" for name, value in expected.items()]
    ended = "contracts_ended"
    conditions.append(f"{ended} = :{ended}" if pipeline.contracts_ended else f"attribute_not_exists({ended})")
    values = {f":{name}": value for name, value in {**expected, ended: pipeline.contracts_ended or None}.items() if value is not None}
    tx.check_by_expression(pipeline.key, " AND ".join([*conditions, "attribute_not_exists(deleted_at)"]), None, values)


def add_price_change(ctx: Context, tx: Transaction, pipeline: Pipeline, values: dict[str, Any]) -> Pipeline:
    """Add a change of the current assignment's price to the transaction. Returns the changed pipeline."""
    after = pipeline.with_changes(ctx, **values)
    changes.add_update(ctx, tx, pipeline, after)
    return after


# -- properties


def list_ids_in_area(ctx: Context, country: str, area: str, postal_code_prefix: str, limit: int) -> tuple[list[str], bool]:
    """The ids of pipelines for sale with this postal code prefix, and whether the list is complete: at most `limit` items are read."""
    return _list_ids(ctx, "gsi4", market_key(country, area), postal_code_prefix, limit)


def list_newest_ids(ctx: Context, limit: int) -> tuple[list[str], bool]:
    """The ids of pipelines for sale in all markets, by stage from under contract, newest first; and whether the list is complete."""
    ids: list[str] = []
    for stage in _SALEABLE:
        stage_ids, is_complete = _list_ids(ctx, "gsi1", stage_key(stage), "", limit - len(ids))
        ids += stage_ids
        if not is_complete:
            return ids, False
    return ids, True


def _list_ids(ctx: Context, index: str, partition: str, prefix: str, limit: int) -> tuple[list[str], bool]:
    values = {":pk": {"S": partition}}
    condition = f"{index}pk = :pk"
    if prefix:
        condition, values[":prefix"] = f"{condition} AND begins_with({index}sk, :prefix)", {"S": prefix}
    ids: list[str] = []
    examined, start = 0, dict[str, Any]()
    while True:
        page_limit = min(_PAGE, limit - examined)
        if page_limit <= 0:
            return ids, False
        response = ctx.store.query(
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=page_limit,
            **start,
        )
        rows = response["Items"]
        examined += len(rows)
        ids += _saleable(rows)
        if "LastEvaluatedKey" not in response:
            return ids, True
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def _saleable(rows: Iterable[DynamoItem]) -> list[str]:
    return [codec.decode_value(row["pk"]) for row in rows if decode_view(row).get("stage") in _SALEABLE]
