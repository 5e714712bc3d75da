"""X: the wholesale pipeline, from a lead to a contract that is assigned and closed."""

from chalicelib.foundation.manifest import Endpoint, OwnedEntities, Pack, PermissionRow, Projection, Schedule, SubjectEntry
from chalicelib.packs.wholesale.settings import WholesaleSettings

# Before the working day on the American west coast in summer and winter: cron expressions are in UTC.
_EACH_MORNING = "cron(0 13 * * ? *)"
_EACH_HOUR = "cron(0 * * * ? *)"
_READ, _WRITE, _BULK = "wholesale:read", "wholesale:write", "wholesale:bulk"
_ACTIVITIES = "/wholesale/{id}/activities"
_CONFLICT, _TRANSITION = ("conflict",), ("conflict", "invalid-transition")

PACK = Pack(
    letter="X",
    name="wholesale",
    title="Wholesaling engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "wholesale",
            {
                "admin": "rwa any-owner bulk reassign contacts",
                "operator": "rw any-owner bulk reassign contacts",
                "dealmaker": "rw contacts",
                "counsel": "r contacts",
                "auditor": "r contacts",
                "viewer": "r",
            },
            governed=True,
        ),
    ),
    settings=WholesaleSettings,
    endpoints=(
        Endpoint("POST", "/wholesale", "create_pipeline", _WRITE, "Open a pipeline", 201, "/wholesale/{id}", errors=_CONFLICT),
        Endpoint("GET", "/wholesale", "list_pipelines", _READ, "List pipelines by stage, owner, source, market, creation"),
        Endpoint("GET", "/wholesale/{id}", "get_pipeline", _READ, "Read a pipeline with its latest activities", composite=True),
        Endpoint("PATCH", "/wholesale/{id}", "edit_pipeline", _WRITE, "Change a pipeline", errors=_TRANSITION),
        Endpoint("DELETE", "/wholesale/{id}", "delete_pipeline", _WRITE, "Delete a pipeline", status=204, errors=_CONFLICT),
        Endpoint("POST", _ACTIVITIES, "log_activity", _WRITE, "Log an activity", 201, "/wholesale/{pipeline_id}/activities"),
        Endpoint("GET", _ACTIVITIES, "list_activities", _READ, "List a pipeline's activities, newest first"),
        Endpoint("POST", "/wholesale/{id}/stage", "move_pipeline", _WRITE, "Move a pipeline to another stage", errors=_TRANSITION),
        Endpoint("GET", "/wholesale/{id}/history", "read_history", _READ, "Read the stages a pipeline went through"),
        Endpoint(
            "POST",
            "/wholesale/calculate",
            "calculate",
            _READ,
            "Calculate ceiling, offer and spread, and their sensitivity",
            idempotent=False,
        ),
        Endpoint("POST", "/wholesale/bulk", "create_many", _BULK, "Open up to 100 pipelines, each with its own result"),
        Endpoint("GET", "/wholesale/board", "read_board", _READ, "Read the board: each stage's count and sums"),
        Endpoint("GET", "/wholesale/funnel", "read_funnel", _READ, "Read how many of each month's pipelines reached each stage"),
        Endpoint("GET", "/wholesale/next-actions", "list_next_actions", _READ, "List open pipelines by the day of their next action"),
        Endpoint("GET", "/wholesale/morning-list", "get_morning_list", _READ, "Read whether the caller gets their next actions by mail"),
        Endpoint("PUT", "/wholesale/morning-list", "set_morning_list", _READ, "Ask for next actions by mail each morning, or end it"),
        Endpoint("GET", "/wholesale/stale", "list_stale", _READ, "List open pipelines without activity, the quietest first"),
    ),
    schedules=(
        Schedule(
            "wholesale-follow-ups",
            _EACH_MORNING,
            f"{__name__}.schedules.follow_ups",
            "Raises a follow-up for each open pipeline without activity for a week, and every week after",
        ),
        Schedule(
            "wholesale-contract-alarms",
            _EACH_MORNING,
            f"{__name__}.schedules.contract_alarms",
            "Warns before earnest money is due, an inspection ends, a contract closes; reminds of next actions",
        ),
        Schedule(
            "wholesale-morning-lists",
            _EACH_HOUR,
            f"{__name__}.schedules.morning_lists",
            "Mails those who want it what is due, at six in the firm's morning",
            writes=("MORNING", "MAIL"),
        ),
    ),
    projections=(Projection("pipeline", f"{__name__}.projections.contribute", writes=("BOARD", "FUNNEL"), tracked=True),),
    subjects=(SubjectEntry("pipeline", "pipe", f"{__name__}.subjects.PIPELINE", timeline=True),),
    owned=(OwnedEntities("pipeline", "wholesale:write", "wholesale:reassign", f"{__name__}.repository.add_update"),),
    entities={"pipeline": f"{__name__}.entities.Pipeline", "activity": f"{__name__}.entities.Activity"},
    rows=(f"{__name__}.entities.PipelineActivityState", f"{__name__}.entities.PipelineListing", f"{__name__}.entities.MorningList"),
    key_prefixes=("BOARD", "FUNNEL", "MORNING"),
)
