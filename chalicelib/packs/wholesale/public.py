"""The interface of this pack to other packs: reference a pipeline, change its stage along with an assignment, find properties.

Other packs use nothing else of it, and depend on neither its keys nor its indexes. Its rules are here too (`exit_strategies`, `stages`).
What reads the stream needs no more than these and the entity: so what writes or lists is imported at its call, since it needs the
schemas, and pydantic with them.
"""

from collections.abc import Callable, Mapping

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import all_of, attribute, unchanged
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale.entities import Pipeline as Pipeline
from chalicelib.packs.wholesale.rules import exit_strategies as exit_strategies
from chalicelib.packs.wholesale.rules import stages as stages

_SALEABLE = (stages.UNDER_CONTRACT, stages.ASSIGNED, stages.OFFER_MADE, stages.LEAD)


def key(id: str) -> ItemKey:
    """The key of a pipeline; NotFound for an id of another format."""
    return Pipeline.ID.key(id)


def parse_pipeline(item: DynamoItem | None) -> Pipeline | None:
    """The pipeline in an item; None where there is no item or it is soft-deleted."""
    return parse_live(Pipeline, item)


def display_name(pipeline: Pipeline) -> str:
    """What people call it: its address. Never the seller."""
    return pipeline.display_name


def check_unchanged(tx: Transaction, pipeline: Pipeline) -> None:
    """Condition a transaction on the pipeline's stage, currency and contract as they were read; else VersionConflict."""
    fields = ("stage", "currency", "contract_price", "contracts_ended", "deleted_at")
    values = {name: pipeline.attribute_values.get(name) for name in fields}
    tx.condition_check(pipeline.key, all_of(*unchanged(values | {"contracts_ended": values["contracts_ended"] or None})))


def add_reference(tx: Transaction, pipeline_id: str, count: int = 1) -> None:
    """Add `count` references, which prevent deletion; the transaction fails where the pipeline doesn't exist."""
    references.add_reference(tx, Pipeline.ID, pipeline_id, count)


def remove_reference(tx: Transaction, pipeline_id: str, count: int = 1) -> None:
    """Remove `count` references."""
    references.remove_reference(tx, Pipeline.ID, pipeline_id, count)


def add_transition(
    ctx: Context, tx: Transaction, pipeline: Pipeline, target: str, values: Mapping[str, object], *, initiator: str, released: int = 0
) -> Pipeline:
    """Add all writes of a transition to the transaction, and the removal of `released` references. Returns the changed pipeline.

    The transaction fails with VersionConflict where the pipeline changed since it was read: read it again.
    """
    from chalicelib.packs.wholesale import repository
    from chalicelib.packs.wholesale.service.pipeline_transitions import transitioned

    after = transitioned(ctx, pipeline, target, values, initiator=initiator)
    repository.add_update(ctx, tx, pipeline, after, refs=-released)
    return after


def add_price_change(ctx: Context, tx: Transaction, pipeline: Pipeline, values: Mapping[str, object]) -> Pipeline:
    """Add a change of the current assignment's price to the transaction. Returns the changed pipeline."""
    from chalicelib.packs.wholesale import repository

    after = pipeline.with_changes(ctx, **values)
    repository.add_update(ctx, tx, pipeline, after)
    return after


# -- deals


def add_deal(ctx: Context, tx: Transaction, pipeline: Pipeline, deal_id: str) -> None:
    """Add to the transaction that the pipeline is in this deal, which counts on it. It fails with VersionConflict as `add_transition` does."""
    _set_deal(ctx, tx, pipeline, deal_id, refs=1)


def remove_deal(ctx: Context, tx: Transaction, pipeline: Pipeline) -> None:
    """Add to the transaction that the pipeline is in no deal any more."""
    _set_deal(ctx, tx, pipeline, None, refs=-1)


def _set_deal(ctx: Context, tx: Transaction, pipeline: Pipeline, deal_id: str | None, *, refs: int) -> None:
    from chalicelib.packs.wholesale import repository

    repository.add_update(ctx, tx, pipeline, pipeline.with_changes(ctx, deal_id=deal_id), refs=refs)


def check_not_assigned(tx: Transaction, pipeline_id: str, refusal: Callable[[str], Exception]) -> None:
    """Let the transaction stand only while no assignment of the pipeline stands: `refusal` makes the error of the assignment's id."""
    free = attribute("stage") != stages.ASSIGNED
    tx.condition_check(key(pipeline_id), free, lambda row: refusal(row["assignment_id"]["S"]))


# -- properties


def list_ids_in_area(ctx: Context, country: str, area: str, postal_code_prefix: str, limit: int) -> tuple[list[str], bool]:
    """The ids of pipelines for sale with this postal code prefix, and whether the list is complete: at most `limit` items are read."""
    from chalicelib.packs.wholesale import repository

    market = Pipeline.BY_MARKET.range(market_country=country, market_area=area, prefix=postal_code_prefix)
    return repository.ids_in_stages(ctx, market, _SALEABLE, limit)


def list_newest_ids(ctx: Context, limit: int) -> tuple[list[str], bool]:
    """The ids of pipelines for sale in all markets, by stage from under contract, newest first; and whether the list is complete."""
    from chalicelib.packs.wholesale import repository

    ids: list[str] = []
    for stage in _SALEABLE:
        stage_ids, is_complete = repository.ids_in_stages(ctx, Pipeline.BY_STAGE.range(stage=stage), _SALEABLE, limit - len(ids))
        ids += stage_ids
        if not is_complete:
            return ids, False
    return ids, True
