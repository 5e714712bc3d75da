"""The endpoints of the wholesale pipeline."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.idempotency import Replay
from chalicelib.foundation.models import Page
from chalicelib.packs.wholesale.schemas import (
    ActivityCreate,
    ActivityPage,
    ActivityView,
    Board,
    BulkCreate,
    BulkQuery,
    BulkResults,
    Calculation,
    CalculationView,
    Explained,
    Funnel,
    FunnelQuery,
    HistoryPage,
    PipelineCreate,
    PipelinePage,
    PipelinePatch,
    PipelineQuery,
    PipelineView,
    PipelineWithActivities,
    StageMove,
    StalePage,
    StaleQuery,
)
from chalicelib.packs.wholesale.service import activities, board, bulk, calculator, moves, pipelines, quiet_ones


def create_pipeline(ctx: Context, body: PipelineCreate) -> PipelineView:
    """Open a pipeline at lead, offer_made or under_contract, with what its stage needs."""
    return pipelines.create(ctx, body)


def list_pipelines(ctx: Context, query: PipelineQuery) -> PipelinePage:
    """Pipelines, newest first; those of a market by postal code, then newest first."""
    return pipelines.list_page(ctx, query)


def get_pipeline(ctx: Context, id: str, query: Explained) -> PipelineWithActivities:
    """A pipeline with its 20 latest activities."""
    return pipelines.get(ctx, id, explain=query.explain == "true")


def edit_pipeline(ctx: Context, id: str, body: PipelinePatch) -> PipelineView:
    """Change a pipeline. What is left out stays, null clears, nested objects are merged."""
    return pipelines.edit(ctx, id, body)


def delete_pipeline(ctx: Context, id: str) -> None:
    """Delete a pipeline, unless something refers to it."""
    pipelines.delete(ctx, id)


def log_activity(ctx: Context, id: str, body: ActivityCreate) -> ActivityView:
    """Note what happened. It changes neither prices nor stage."""
    return activities.log(ctx, id, body)


def list_activities(ctx: Context, id: str, query: Page) -> ActivityPage:
    """A pipeline's activities, the latest noted first."""
    return activities.list_page(ctx, id, query)


def move_pipeline(ctx: Context, id: str, body: StageMove) -> PipelineView:
    """Move a pipeline to another stage. `assigned` and `closed` come with an assignment."""
    return moves.move(ctx, id, body)


def read_history(ctx: Context, id: str, query: Page) -> HistoryPage:
    """The stages it went through: when entered and left, for how many days, by whom."""
    return moves.history(ctx, id, query.limit, query.cursor)


def calculate(ctx: Context, body: Calculation, query: Explained) -> CalculationView:
    """Ceiling, maximum allowable offer and spread; and what becomes of them when the estimates are off."""
    return calculator.calculate(ctx, body, explain=query.explain == "true")


def create_many(ctx: Context, body: BulkCreate, query: BulkQuery) -> BulkResults:
    """Open up to 100 pipelines. Each row has its own result, and the good ones land."""
    results, replayed = bulk.create_many(ctx, body, dry_run=query.dry_run == "true")
    if replayed:
        raise Replay({"results": results})
    return {"results": results}


def read_board(ctx: Context) -> Board:
    """Each stage's count and sums. It follows a change within seconds."""
    return board.board(ctx)


def read_funnel(ctx: Context, query: FunnelQuery) -> Funnel:
    """Of the pipelines created in each month: how many reached each stage, and the median of days spent there."""
    return board.read_funnel(ctx, query)


def list_stale(ctx: Context, query: StaleQuery) -> StalePage:
    """Open pipelines without activity for so many days, the quietest first."""
    return quiet_ones.list_page(ctx, query)
