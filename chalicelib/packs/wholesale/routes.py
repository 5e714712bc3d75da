"""The endpoints of the wholesale pipeline."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams
from chalicelib.packs.wholesale.schemas import (
    ActivityCreate,
    ActivityView,
    BulkQuery,
    CalculationRequest,
    CalculationView,
    FunnelQuery,
    PipelineBoardView,
    PipelineBulkCreate,
    PipelineBulkView,
    PipelineCreate,
    PipelineFunnelView,
    PipelinePatch,
    PipelineQuery,
    PipelineSummary,
    PipelineView,
    PipelineWithActivitiesView,
    StageIntervalView,
    StageMoveRequest,
    StaleQuery,
    StaleSummary,
)
from chalicelib.packs.wholesale.service import activities, bulk_create, calculations, follow_ups, pipeline_transitions, pipelines, reports


def create_pipeline(ctx: Context, body: PipelineCreate) -> PipelineView:
    """Open a pipeline at lead, offer_made or under_contract, with the fields that the stage requires."""
    return pipelines.create(ctx, body)


def list_pipelines(ctx: Context, query: PipelineQuery) -> PageOf[PipelineSummary]:
    """Pipelines, newest first; those of a market by postal code, then newest first."""
    return pipelines.list_pipelines(ctx, query)


def get_pipeline(ctx: Context, id: str, query: ExplainParams) -> PipelineWithActivitiesView:
    """A pipeline with its 20 latest activities."""
    return pipelines.get(ctx, id, explain=query.explain)


def edit_pipeline(ctx: Context, id: str, body: PipelinePatch) -> PipelineView:
    """Change a pipeline. Omitted fields keep their value, null clears, nested objects are merged."""
    return pipelines.edit(ctx, id, body)


def delete_pipeline(ctx: Context, id: str) -> None:
    """Delete a pipeline, unless something refers to it."""
    pipelines.delete(ctx, id)


def log_activity(ctx: Context, id: str, body: ActivityCreate) -> ActivityView:
    """Log an activity. It changes neither prices nor stage."""
    return activities.create_activity(ctx, id, body)


def list_activities(ctx: Context, id: str, query: PageParams) -> PageOf[ActivityView]:
    """A pipeline's activities, the latest logged first."""
    return activities.list_activities(ctx, id, query)


def move_pipeline(ctx: Context, id: str, body: StageMoveRequest) -> PipelineView:
    """Move a pipeline to another stage. `assigned` and `closed` come with an assignment."""
    return pipeline_transitions.transition(ctx, id, body)


def read_history(ctx: Context, id: str, query: PageParams) -> PageOf[StageIntervalView]:
    """The stages of a pipeline: when entered and left, for how many days, by whom."""
    return pipeline_transitions.list_history(ctx, id, query)


def calculate(ctx: Context, body: CalculationRequest, query: ExplainParams) -> CalculationView:
    """Ceiling, maximum allowable offer and spread, and their sensitivity to errors in the estimates."""
    return calculations.calculate(ctx, body, explain=query.explain)


def create_many(ctx: Context, body: PipelineBulkCreate, query: BulkQuery) -> PipelineBulkView:
    """Open up to 100 pipelines. Each row has its own result; valid rows are written even where others fail."""
    return bulk_create.create_many(ctx, body, dry_run=query.dry_run)


def read_board(ctx: Context) -> PipelineBoardView:
    """Each stage's count and sums. Eventually consistent: a change appears within seconds."""
    return reports.read_board(ctx)


def read_funnel(ctx: Context, query: FunnelQuery) -> PipelineFunnelView:
    """Of the pipelines created in each month: how many reached each stage, and the median days spent in it."""
    return reports.read_funnel(ctx, query)


def list_stale(ctx: Context, query: StaleQuery) -> PageOf[StaleSummary]:
    """Open pipelines without activity for so many days, the longest inactive first."""
    return follow_ups.list_stale(ctx, query)
