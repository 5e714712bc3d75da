"""X: the wholesale pipeline, from a lead to a contract that is assigned and closed."""

from ...foundation.manifest import Endpoint, Pack

PACK = Pack(
    letter="X",
    name="wholesale",
    title="Wholesaling engine",
    package=__name__,
    endpoints=(
        Endpoint(
            "POST",
            "/wholesale",
            "create_pipeline",
            "wholesale:write",
            "Open a pipeline",
            status=201,
            location="/wholesale/{id}",
            errors=("conflict",),
        ),
        Endpoint("GET", "/wholesale", "list_pipelines", "wholesale:read", "List pipelines by stage, owner, source, market, creation"),
        Endpoint("GET", "/wholesale/{id}", "get_pipeline", "wholesale:read", "Read a pipeline with its latest activities", composite=True),
        Endpoint(
            "PATCH", "/wholesale/{id}", "edit_pipeline", "wholesale:write", "Change a pipeline", errors=("conflict", "invalid-transition")
        ),
        Endpoint("DELETE", "/wholesale/{id}", "delete_pipeline", "wholesale:write", "Delete a pipeline", status=204, errors=("conflict",)),
        Endpoint(
            "POST",
            "/wholesale/{id}/activities",
            "log_activity",
            "wholesale:write",
            "Log what happened",
            status=201,
            location="/wholesale/{pipeline_id}/activities",
        ),
        Endpoint("GET", "/wholesale/{id}/activities", "list_activities", "wholesale:read", "List a pipeline's activities, newest first"),
        Endpoint(
            "POST",
            "/wholesale/{id}/stage",
            "move_pipeline",
            "wholesale:write",
            "Move a pipeline to another stage",
            errors=("conflict", "invalid-transition"),
        ),
        Endpoint("GET", "/wholesale/{id}/history", "read_history", "wholesale:read", "Read the stages a pipeline went through"),
        Endpoint(
            "POST",
            "/wholesale/calculate",
            "calculate",
            "wholesale:read",
            "Work out ceiling, offer and spread, and how they bend",
            idempotent=False,
        ),
    ),
    entities={"pipeline": f"{__name__}.entities.Pipeline", "activity": f"{__name__}.entities.Activity"},
)
