"""Telling Chalice of every function that isn't the API, so that it packages them. Only app.py asks for it, only then.

In Lambda the handler is `module.function`, imported without app.py. Chalice takes the module from the blueprint and the
function's name from what is decorated, so a stand-in of that name is all that it needs, and nothing heavy is imported.
What Chalice can't say of a stream or a queue is generated from the same declarations and merged into its template.
"""

from collections.abc import Callable, Iterable
from typing import Any

from chalice import Blueprint

from chalicelib.foundation.manifest import Pack
from chalicelib.functions.outbox import OUTBOX_WORKER
from chalicelib.functions.streams import CONSUMERS

# Chalice wants an address where it packages; the template puts the real one there.
_STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/made-by-the-template/stream/0"
_QUEUE = "arn:aws:sqs:us-east-1:000000000000:made-by-the-template"
QUEUE_CONSUMERS = (OUTBOX_WORKER,)


def register(app: Any, packs: Iterable[Pack]) -> None:
    """Register schedules, stream consumers and queue consumers on the app."""
    for schedule in (one for pack in packs for one in pack.schedules):
        blueprint, stand_in = _stand_in(schedule.function)
        blueprint.schedule(schedule.expression, name=schedule.name, description=schedule.summary)(stand_in)
        app.register_blueprint(blueprint)
    for consumer in CONSUMERS:
        blueprint, stand_in = _stand_in(consumer.function)
        blueprint.on_dynamodb_record(_STREAM, consumer.batch_size, name=consumer.name)(stand_in)
        app.register_blueprint(blueprint)
    for worker in QUEUE_CONSUMERS:
        blueprint, stand_in = _stand_in(worker.function)
        blueprint.on_sqs_message(batch_size=worker.batch_size, name=worker.name, queue_arn=_QUEUE)(stand_in)
        app.register_blueprint(blueprint)


def _stand_in(path: str) -> tuple[Any, Callable[[Any], None]]:
    module, _, name = path.rpartition(".")

    def stand_in(event: Any) -> None:  # pragma: no cover - Lambda calls the function itself
        raise NotImplementedError(path)

    stand_in.__name__ = name
    return Blueprint(module), stand_in
