"""The worker behind the outbox queue. It stands on its own: Lambda imports this module, not app.py."""

import os
from functools import lru_cache
from typing import Any
from uuid import uuid4

from chalicelib.foundation import outbox, telemetry
from chalicelib.foundation.context import system
from chalicelib.foundation.manifest import QueueConsumer, load
from chalicelib.foundation.runtime import Runtime

OUTBOX_WORKER = QueueConsumer(
    name="outbox_worker",
    function="chalicelib.functions.outbox.outbox_worker",
    summary="Sends mail that was written in a transaction, at least once",
    queue="outbox",
    batch_size=10,
    timeout_seconds=60,
    visibility_seconds=360,  # six times the function's time, as AWS advises
    max_receives=8,
)

# kind of a message → what delivers it: `(ctx, key) -> outbox.Sent`
DELIVERIES = {"mail": "chalicelib.foundation.outbox.deliver_mail"}


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    return Runtime.from_environment(os.environ)


def outbox_worker(event: Any, context: Any) -> dict[str, Any]:
    """Lambda's entry: one batch of the queue. Answers the messages that SQS must bring again."""
    return work(_runtime(), event, context)


def work(runtime: Runtime, event: Any, context: Any = None) -> dict[str, Any]:
    """Deliver a batch; one message that fails, or is in another's hands, comes again by itself."""
    failures: list[dict[str, str]] = []
    run_id = getattr(context, "aws_request_id", None) or str(uuid4())
    outcomes: dict[str, float] = {}
    for record in event["Records"]:
        ctx = runtime.context(request_id=f"{run_id}#{record['messageId']}", actor=system("outbox"))
        try:
            kind, key = outbox.key_of(record["body"])
            outcome = load(DELIVERIES[kind])(ctx, key).outcome
        except Exception as error:
            telemetry.exception(error, ctx.request_id)
            outcome = "error"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if outcome in ("busy", "error"):
            failures.append({"itemIdentifier": record["messageId"]})
    telemetry.line("INFO", "outbox", run_id=run_id, outcomes=outcomes)
    telemetry.metric(
        {"MailSent": outcomes.get("sent", 0), "MailFailed": outcomes.get("failed", 0) + outcomes.get("error", 0)}, worker="outbox"
    )
    return {"batchItemFailures": failures}
