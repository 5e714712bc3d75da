"""What dispositions does with a pipeline: refer to it, move it along with an assignment, look for houses of a market.

This is the whole of what another pack needs of pipelines. It never sees their keys or indexes.
"""

from collections.abc import Iterable
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store import codec, gates
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.pages import view_of
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import Pipeline, by_market, by_stage
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.service import changes
from chalicelib.packs.wholesale.service.due import addressed, name, work_off
from chalicelib.packs.wholesale.service.moves import add_move

__all__ = [
    "Pipeline",
    "add_move",
    "addressed",
    "in_area",
    "key",
    "name",
    "newest",
    "of_row",
    "refer",
    "release",
    "reprice",
    "still",
    "work_off",
]

_PAGE = 200
_SALEABLE = (stages.UNDER_CONTRACT, stages.ASSIGNED, stages.OFFER_MADE, stages.LEAD)


def key(id: str) -> Key:
    """Where a pipeline lies; NotFound for an id of another form."""
    return Pipeline.ID.key(id)


def of_row(raw: Raw | None) -> Pipeline | None:
    """The pipeline in a row, unless there is none or it is marked deleted."""
    return alive(Pipeline, raw)


def refer(tx: Transaction, pipeline_id: str, count: int = 1) -> None:
    """Count so many references more, so that it can't be deleted meanwhile; refused where it is gone."""
    gates.referred(tx, Pipeline.ID, pipeline_id, count)


def release(tx: Transaction, pipeline_id: str, count: int = 1) -> None:
    """Count so many references less."""
    gates.released(tx, Pipeline.ID, pipeline_id, count)


def still(tx: Transaction, pipeline: Pipeline) -> None:
    """Let the transaction stand only while the pipeline is in this stage, under this contract; else Stale."""
    same = {"stage": pipeline.stage, "currency": pipeline.currency, "contract_price": pipeline.contract_price}
    conditions = [f"{one} = :{one}" if value is not None else f"attribute_not_exists({one})" for one, value in same.items()]
    ended = "contracts_ended"
    conditions.append(f"{ended} = :{ended}" if pipeline.contracts_ended else f"attribute_not_exists({ended})")
    values = {f":{one}": value for one, value in {**same, ended: pipeline.contracts_ended or None}.items() if value is not None}
    tx.check(pipeline.key, " AND ".join([*conditions, "attribute_not_exists(deleted_at)"]), None, values)


def reprice(ctx: Context, tx: Transaction, pipeline: Pipeline, values: dict[str, Any]) -> Pipeline:
    """Add a change of the standing assignment's price to the transaction; the pipeline of after."""
    after = pipeline.changed(ctx, **values)
    changes.add_changed(ctx, tx, pipeline, after)
    return after


# -- houses


def in_area(ctx: Context, country: str, area: str, beginning: str, most: int) -> tuple[list[str], bool]:
    """The ids of pipelines for sale whose postal code begins so, and whether that is all of them: up to `most` are looked at."""
    return _ids(ctx, "gsi4", by_market(country, area), beginning, most)


def newest(ctx: Context, most: int) -> tuple[list[str], bool]:
    """The ids of pipelines for sale wherever they are, those under contract first, the newest first; and whether that is all."""
    found: list[str] = []
    for stage in _SALEABLE:
        ids, whole = _ids(ctx, "gsi1", by_stage(stage), "", most - len(found))
        found += ids
        if not whole:
            return found, False
    return found, True


def _ids(ctx: Context, index: str, partition: str, beginning: str, most: int) -> tuple[list[str], bool]:
    values = {":pk": {"S": partition}}
    condition = f"{index}pk = :pk"
    if beginning:
        condition, values[":prefix"] = f"{condition} AND begins_with({index}sk, :prefix)", {"S": beginning}
    found: list[str] = []
    looked_at, start = 0, dict[str, Any]()
    while True:
        limit = min(_PAGE, most - looked_at)
        if limit <= 0:
            return found, False
        answer = ctx.store.query(
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        rows = answer["Items"]
        looked_at += len(rows)
        found += _saleable(rows)
        if "LastEvaluatedKey" not in answer:
            return found, True
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _saleable(rows: Iterable[Raw]) -> list[str]:
    return [codec.decode(row["pk"]) for row in rows if view_of(row).get("stage") in _SALEABLE]
