"""Opening many pipelines in one request (foundation.bulk): each row is checked by itself and has its own result."""

from collections.abc import Iterable, Mapping

from chalicelib.foundation import access, bulk
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem
from chalicelib.foundation.http.handlers import validate
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.schemas import BulkQuery, PipelineBulkCreate, PipelineBulkView, PipelineCreate
from chalicelib.packs.wholesale.service import pipelines


class _CreatePipelines(bulk.BulkOperation[Pipeline]):
    """A row is a body of POST /wholesale; one whose `external_ref` exists is the pipeline that has it."""

    reference = repository.EXTERNAL_REF

    def parse(self, ctx: Context, item: Mapping[str, object]) -> Pipeline:
        return pipelines.build_pipeline(ctx, validate(PipelineCreate, item))

    def id_of(self, row: Pipeline) -> str:
        return row.id

    def reference_of(self, row: Pipeline) -> str | None:
        return row.external_ref

    def keys(self, ctx: Context, row: Pipeline) -> Iterable[ItemKey]:
        return () if row.owner in (None, ctx.actor.id) else (access.user_key(str(row.owner)),)

    def check(self, ctx: Context, row: Pipeline, items: bulk.Items) -> Problem | None:
        unknown = any(not access.is_active_user(items.get(key)) for key in self.keys(ctx, row))
        return access.unknown_user_error() if unknown else None

    def add(self, ctx: Context, tx: Transaction, row: Pipeline) -> None:
        repository.add_create(ctx, tx, row, owner_known=True)


def create_many(ctx: Context, body: PipelineBulkCreate, query: BulkQuery) -> PipelineBulkView:
    """Open up to 100 pipelines. Each row has its own result; valid rows are written even where others fail."""
    return {"results": bulk.run(ctx, body.items, _CreatePipelines(), dry_run=query.dry_run)}
