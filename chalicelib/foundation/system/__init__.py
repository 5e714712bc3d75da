"""A: the root of the API, and its health checks."""

from chalicelib.foundation.manifest import PUBLIC, Endpoint, Pack

PACK = Pack(
    letter="A",
    name="system",
    title="Foundation layer",
    package=__name__,
    endpoints=(
        Endpoint("GET", "/", "root", PUBLIC, "Name, version and where to go from here"),
        Endpoint("GET", "/health/live", "live", PUBLIC, "Whether the process answers; touches nothing"),
        Endpoint("GET", "/health/ready", "ready", PUBLIC, "Whether everything that requests need is there", extra_statuses=(503,)),
    ),
)
