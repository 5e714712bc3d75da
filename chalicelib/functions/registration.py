"""Registration of every Lambda function other than the API, so that Chalice packages them. Used by app.py when packaging only.

In Lambda the handler is `module.function`, imported without app.py. Chalice takes the module from the blueprint and the
function's name from what is decorated, so a placeholder of that name suffices, and nothing heavy is imported.
The settings of streams and queues that Chalice lacks are generated from the same declarations and merged into its template.
"""

from collections.abc import Callable

from chalice import Blueprint, Chalice

from chalicelib.functions.outbox import OUTBOX_WORKER
from chalicelib.functions.schedules import SCHEDULES
from chalicelib.functions.streams import CONSUMERS

# Chalice requires an ARN when packaging; the template replaces it.
_STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/made-by-the-template/stream/0"
_QUEUE = "arn:aws:sqs:us-east-1:000000000000:made-by-the-template"
QUEUE_CONSUMERS = (OUTBOX_WORKER,)


def register(app: Chalice) -> None:
    """Register schedules, stream consumers and queue consumers on the app."""
    for schedule in SCHEDULES:
        blueprint, placeholder = _placeholder(schedule.function)
        blueprint.schedule(schedule.expression, name=schedule.name, description=schedule.summary)(placeholder)
        app.register_blueprint(blueprint)
    for consumer in CONSUMERS:
        blueprint, placeholder = _placeholder(consumer.function)
        blueprint.on_dynamodb_record(_STREAM, consumer.batch_size, name=consumer.name)(placeholder)
        app.register_blueprint(blueprint)
    for worker in QUEUE_CONSUMERS:
        blueprint, placeholder = _placeholder(worker.function)
        blueprint.on_sqs_message(batch_size=worker.batch_size, name=worker.name, queue_arn=_QUEUE)(placeholder)
        app.register_blueprint(blueprint)


def _placeholder(path: str) -> tuple[Blueprint, Callable[[object], None]]:
    module, _, name = path.rpartition(".")

    def placeholder(event: object) -> None:  # pragma: no cover - Lambda calls the function itself
        raise NotImplementedError(path)

    placeholder.__name__ = name
    return Blueprint(module), placeholder
