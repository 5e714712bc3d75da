"""Root and health."""

from typing import Annotated

from typing_extensions import TypedDict

from chalicelib import __version__
from chalicelib.foundation.context import Context
from chalicelib.foundation.http.answers import Reply


class Root(TypedDict):
    """Where to go from here."""

    name: str
    version: str
    stage: str
    links: dict[str, str]


class Live(TypedDict):
    """That the process answers."""

    status: str


def root(ctx: Context) -> Root:
    """Name, version, and links to the documentation."""
    links = {"docs": "/docs", "redoc": "/redoc", "openapi": "/openapi.json", "health": "/health/ready", "status": "/system/status"}
    links = {name: ctx.base_path + path for name, path in links.items()}
    return {"name": "valhalla", "version": __version__, "stage": ctx.settings.stage, "links": links}


def live(ctx: Context) -> Live:  # noqa: ARG001 - every handler takes a context
    """200 as long as the process runs."""
    return {"status": "ok"}


class Ready(TypedDict):
    """What was looked at, and how it is."""

    status: str
    checks: dict[str, str]


def ready(ctx: Context) -> Annotated[Reply, Ready]:
    """200 where everything is well, 503 with what failed otherwise."""
    from chalicelib.foundation.system.readiness import checks

    found = checks(ctx)
    well = all(state == "ok" for state in found.values())
    body: Ready = {"status": "ok" if well else "unavailable", "checks": found}
    return Reply(body, status=200 if well else 503)
