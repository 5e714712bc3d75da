"""F: endpoints to show this process's cache, and to invalidate the cache of every process."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow

PACK = Pack(
    letter="F",
    name="caching",
    title="Caching",
    package=__name__,
    permissions=(
        PermissionRow(
            "ops",
            {
                "admin": "rwa",
                "operator": "r",
                "auditor": "r",
            },
            live=True,
        ),
    ),
    endpoints=(
        Endpoint("GET", "/ops/cache", "get_cache", "ops:read", "What the answering process keeps: names, sizes, ages, generation"),
        Endpoint(
            "DELETE",
            "/ops/cache",
            "empty_cache",
            "ops:admin",
            "Begin a new generation: no process answers from older values after 2 seconds",
        ),
    ),
)
