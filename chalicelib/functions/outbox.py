"""The worker of the outbox queue. Lambda imports this module, not app.py."""

from chalicelib.foundation import lambda_context, mail_events, outbox, telemetry
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject, loads
from chalicelib.foundation.manifest import QueueConsumer, import_string
from chalicelib.foundation.outbox import DeliveryResult
from chalicelib.foundation.runtime import Runtime
from chalicelib.functions import process_runtime
from chalicelib.packs import PACKS

OUTBOX_WORKER = QueueConsumer(
    name="outbox_worker",
    function="chalicelib.functions.outbox.outbox_worker",
    summary="Sends mail that was written in a transaction, at least once, hears what became of it, and does what takes longer than a request",
    queue="outbox",
    batch_size=10,
    timeout_seconds=60,
    visibility_seconds=360,  # six times the function's time, as AWS advises
    max_receives=8,
)

# message kind → dotted path of `(ctx, key) -> outbox.DeliveryResult`
DELIVERIES = {"mail": "chalicelib.foundation.outbox.deliver_mail", **{kind: path for pack in PACKS for kind, path in pack.work.items()}}
_MARGIN = 5.0  # seconds reserved for the response


def outbox_worker(event: JsonObject, context: object) -> JsonObject:
    """Lambda handler: one batch of the queue. Returns the messages that SQS must redeliver."""
    return work(process_runtime.runtime(), event, context)


def work(runtime: Runtime, event: JsonObject, context: object = None) -> JsonObject:
    """Deliver a batch. Only messages that failed or are leased by another worker are redelivered."""
    failures: list[dict[str, str]] = []
    run_id = lambda_context.run_id(context)
    outcomes: dict[str, float] = {}
    remaining = lambda_context.remaining_seconds(context, _MARGIN)
    for record in sorted(event["Records"], key=_takes_long):
        ctx = runtime.context(request_id=f"{run_id}#{record['messageId']}", actor=system_actor("outbox"), remaining_seconds=remaining)
        try:
            outcome = _deliver(ctx, loads(record["body"])).outcome
        except Exception as error:
            telemetry.log_exception(error, ctx.request_id)
            outcome = "error"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if outcome in ("busy", "error"):
            failures.append({"itemIdentifier": record["messageId"]})
    telemetry.log("INFO", "outbox", run_id=run_id, outcomes=outcomes)
    telemetry.emit_metric(
        {"MailSent": outcomes.get("sent", 0), "MailFailed": outcomes.get("failed", 0) + outcomes.get("error", 0)}, worker="outbox"
    )
    return {"batchItemFailures": failures}


def _takes_long(record: JsonObject) -> bool:
    """Whether a message is about more than a mail or a report on one: those come first."""
    try:
        return bool(loads(record["body"]).get("kind", "mail") != "mail")
    except (ValueError, AttributeError):
        return False


def _deliver(ctx: Context, message: JsonObject) -> DeliveryResult:
    """Do what a message asks: deliver a row of the outbox, or tell a pack what became of a mail."""
    if not mail_events.is_report(message):
        kind, key = outbox.message_kind_and_key(message)
        result: DeliveryResult = import_string(DELIVERIES[kind])(ctx, key)
        return result
    told = [mail_events.deliver(ctx, reported) for reported in mail_events.parse(message)]
    return DeliveryResult("reported" if any(told) else "ignored")
