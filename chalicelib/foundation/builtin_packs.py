"""Manifests of the parts of the foundation that have no endpoints: what the system's status checks of them, and what they write."""

from typing import TYPE_CHECKING

from chalicelib.foundation.manifest import EVERY_ENTITY, Pack, Schedule, import_string

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

BUILTIN_PACKS = (
    Pack("B", "models", "Data models", "chalicelib.foundation.schema_types", probe=f"{__name__}.probe_models"),
    Pack(
        "E",
        "store",
        "Database abstraction",
        "chalicelib.foundation.store",
        probe=f"{__name__}.probe_table",
        schedules=(
            Schedule(
                "outbox-requeue",
                "rate(15 minutes)",
                "chalicelib.foundation.outbox_requeue.requeue",
                "Queues mail again that should have been sent by now",
                writes=("MAIL",),
                queues=True,
            ),
            Schedule(
                "ops-retention",
                "cron(30 9 * * ? *)",
                "chalicelib.foundation.retention.purge_deleted",
                "Purges what was deleted 30 days ago, with all that belongs to it",
                writes=(EVERY_ENTITY, "PARK"),
            ),
        ),
        rows=(
            "chalicelib.foundation.store.references.ReferenceCounter",
            "chalicelib.foundation.party_rows.PartyRow",
            "chalicelib.foundation.suppression.Suppression",
        ),
        key_prefixes=("UNIQ", "IDEM", "CFG", "MAIL", "LINK", "SUPPRESS", "PARK", "RUN", "SEEN", "PASS", "PARTY", "PENDING", "SHARED"),
    ),
    Pack("G", "telemetry", "Logging", "chalicelib.foundation.telemetry", probe=f"{__name__}.probe_redaction"),
)


def probe_models(ctx: "Context") -> None:  # noqa: ARG001 - every probe takes a context
    """Check that request bodies refuse an unknown field."""
    try:
        import_string("chalicelib.foundation.schema_types.RequestBody").model_validate({"unknown": 1})
    except ValueError:
        return
    raise RuntimeError("an unknown field was accepted")


def probe_table(ctx: "Context") -> None:
    """Check that an index of the table can be queried; its content does not matter."""
    ctx.store.query(IndexName="gsi1", KeyConditionExpression="gsi1pk = :pk", ExpressionAttributeValues={":pk": {"S": "PROBE"}}, Limit=1)


def probe_redaction(ctx: "Context") -> None:  # noqa: ARG001
    """Check that passwords are redacted in logs."""
    if "hunter2" in str(import_string("chalicelib.foundation.telemetry.redact")({"password": "hunter2"})):
        raise RuntimeError("a password was not redacted")
