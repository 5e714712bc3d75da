"""Root and health."""

from typing import Annotated

from typing_extensions import TypedDict

from chalicelib import __version__
from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import ApiResponse


class ApiRootView(TypedDict):
    """Where to go from here."""

    name: str
    version: str
    stage: str
    links: dict[str, str]


class LivenessView(TypedDict):
    """That the process answers."""

    status: str


def root(ctx: Context) -> ApiRootView:
    """Name, version, and links to the documentation."""
    links = {"docs": "/docs", "redoc": "/redoc", "openapi": "/openapi.json", "health": "/health/ready", "status": "/system/status"}
    links = {name: ctx.base_path + path for name, path in links.items()}
    return {"name": "valhalla", "version": __version__, "stage": ctx.settings.stage, "links": links}


def live(ctx: Context) -> LivenessView:  # noqa: ARG001 - every handler takes a context
    """200 as long as the process runs."""
    return {"status": "ok"}


class ReadinessView(TypedDict):
    """The result of each check."""

    status: str
    checks: dict[str, str]


def ready(ctx: Context) -> Annotated[ApiResponse, ReadinessView]:
    """200 where everything is is_ready, 503 with what failed otherwise."""
    from chalicelib.foundation.system.readiness import readiness_checks

    results = readiness_checks(ctx)
    is_ready = all(state == "ok" for state in results.values())
    body: ReadinessView = {"status": "ok" if is_ready else "unavailable", "checks": results}
    return ApiResponse(body, status=200 if is_ready else 503)
