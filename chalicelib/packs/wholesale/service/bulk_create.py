"""Opening many pipelines in one request (foundation.bulk): each row is checked by itself and has its own result."""

from collections.abc import Iterable, Mapping

from chalicelib.foundation import access, bulk
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem
from chalicelib.foundation.http.handlers import validate
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schema_types import RowRemarks
from chalicelib.foundation.store import shared_values
from chalicelib.foundation.store.shared_values import Sharing
from chalicelib.foundation.store.transactions import MAX_ACTIONS, Transaction
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.presenters import row_remarks
from chalicelib.packs.wholesale.schemas import BulkQuery, PipelineBulkCreate, PipelineBulkView, PipelineCreate
from chalicelib.packs.wholesale.service import pipelines

# Of a row: its record, guard, pipeline, activity state, place in lists, marker, and what its house and its phone are found by.
_ACTIONS_OF_ROW = 8


class _CreatePipelines(bulk.BulkOperation[Pipeline]):
    """A row is a body of POST /wholesale; one whose `external_ref` exists is the pipeline that has it.

    Rows of one request with the same house or phone are duplicates of each other, too: the later ones name the earlier ones.
    """

    reference = repository.EXTERNAL_REF

    def __init__(self, *, dry_run: bool) -> None:
        self._dry_run = dry_run
        self._ids: dict[str, list[str]] = {}  # of the rows of this request so far, by digest
        self._sharing: dict[str, Sharing] = {}

    def parse(self, ctx: Context, item: Mapping[str, object]) -> Pipeline:
        return pipelines.build_pipeline(ctx, validate(PipelineCreate, item))

    def id_of(self, row: Pipeline) -> str:
        return row.id

    def reference_of(self, row: Pipeline) -> str | None:
        return row.external_ref

    def keys(self, ctx: Context, row: Pipeline) -> Iterable[ItemKey]:
        return (*self._owner_keys(ctx, row), *map(shared_values.row_key, row.digests))

    def _owner_keys(self, ctx: Context, row: Pipeline) -> Iterable[ItemKey]:
        return () if row.owner in (None, ctx.actor.id) else (access.user_key(str(row.owner)),)

    def check(self, ctx: Context, row: Pipeline, items: bulk.Items) -> Problem | None:
        unknown = any(not access.is_active_user(items.get(key)) for key in self._owner_keys(ctx, row))
        return access.unknown_user_error() if unknown else None

    def remarks(self, ctx: Context, row: Pipeline, items: bulk.Items) -> RowRemarks:  # noqa: ARG002 - as its base
        sharing = self._sharing[row.id] = shared_values.sharing(items, row.digests, row.id, self._ids)
        remarks = row_remarks(row, sharing.others)
        if self._dry_run and sharing.others:  # the rows of this request get no id that anybody could look up
            there = shared_values.sharing(items, row.digests, row.id).others
            remarks = {**remarks, "duplicate_of": there}
        for digest in row.digests:
            self._ids.setdefault(digest, []).append(row.id)
        return remarks

    def add(self, ctx: Context, tx: Transaction, row: Pipeline) -> None:
        repository.add_create(ctx, tx, row, self._sharing[row.id], owner_known=True)


def create_many(ctx: Context, body: PipelineBulkCreate, query: BulkQuery) -> PipelineBulkView:
    """Open up to 100 pipelines. Each row has its own result; valid rows are written even where others fail."""
    results = bulk.run(
        ctx, body.items, _CreatePipelines(dry_run=query.dry_run), dry_run=query.dry_run, rows_per_transaction=MAX_ACTIONS // _ACTIONS_OF_ROW
    )
    return {"results": results}
