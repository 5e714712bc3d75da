"""The parts of the foundation that have no endpoints, as manifests: so that the system's status can ask after them too."""

from typing import TYPE_CHECKING

from chalicelib.foundation.manifest import Pack, load

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

PARTS = (
    Pack("B", "models", "Data models", "chalicelib.foundation.models", probe=f"{__name__}.models_stand"),
    Pack("E", "store", "Database abstraction", "chalicelib.foundation.store", probe=f"{__name__}.table_answers"),
    Pack("G", "telemetry", "Logging", "chalicelib.foundation.telemetry", probe=f"{__name__}.logs_hide_secrets"),
)


def models_stand(ctx: "Context") -> None:  # noqa: ARG001 - every probe takes a context
    """The vocabulary refuses what it should: an unknown field."""
    try:
        load("chalicelib.foundation.models.Input").model_validate({"unknown": 1})
    except ValueError:
        return
    raise RuntimeError("an unknown field was taken")


def table_answers(ctx: "Context") -> None:
    """An index of the table answers a query; what stands there doesn't matter."""
    ctx.store.query(IndexName="gsi1", KeyConditionExpression="gsi1pk = :pk", ExpressionAttributeValues={":pk": {"S": "PROBE"}}, Limit=1)


def logs_hide_secrets(ctx: "Context") -> None:  # noqa: ARG001
    """A password doesn't survive the way to the log."""
    if "hunter2" in str(load("chalicelib.foundation.telemetry.redact")({"password": "hunter2"})):
        raise RuntimeError("a password was not redacted")
