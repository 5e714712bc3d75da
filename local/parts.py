"""The real parts of the local run: the application, its stream functions, its schedules, its administrator."""

from typing import TYPE_CHECKING

from chalicelib.foundation.manifest import Schedule, StreamConsumer, load
from local.home import Home
from local.system import Parts

if TYPE_CHECKING:
    from local.consumers import Handler
    from local.gateway import App


def real_parts() -> Parts:
    """What `python -m local` runs. Nothing of the application is imported before its environment is there."""
    from chalicelib.foundation.store.table import TTL_ATTRIBUTE, table_definition

    return Parts(
        table=table_definition("valhalla"),
        ttl_attribute=TTL_ATTRIBUTE,
        app=_app,
        consumers=_consumers,
        schedules=_schedules,
        prepare=_prepare,
    )


def _app() -> "App":
    from app import app

    app.warm_up()
    return app


def _consumers() -> "list[tuple[StreamConsumer, Handler]]":
    from chalicelib.functions.streams import CONSUMERS

    return [(consumer, load(consumer.function)) for consumer in CONSUMERS]


def _schedules() -> list[Schedule]:
    from chalicelib.packs import PACKS

    return [schedule for pack in PACKS for schedule in pack.schedules]


def _prepare(home: Home) -> None:
    raise NotImplementedError
