"""D: the documentation of the API. OpenAPI, the pages that show it, and the meaning of each problem type."""

from chalicelib.foundation.manifest import PUBLIC, Endpoint, Pack

_DAY = "public, max-age=86400"
_REVALIDATE = "no-cache"  # cached, but revalidated each time by its ETag

PACK = Pack(
    letter="D",
    name="documentation",
    title="API gateway",
    package=__name__,
    endpoints=(
        Endpoint("GET", "/openapi.json", "openapi", PUBLIC, "The description of this API, OpenAPI 3.1", cache_control=_REVALIDATE),
        Endpoint(
            "GET",
            "/docs",
            "docs",
            PUBLIC,
            "The API to look at and to try (Swagger UI)",
            cache_control=_REVALIDATE,
            content_type="text/html",
        ),
        Endpoint("GET", "/redoc", "redoc", PUBLIC, "The API to read (ReDoc)", cache_control=_REVALIDATE, content_type="text/html"),
        Endpoint("GET", "/docs/{name}", "asset", PUBLIC, "A file of the documentation pages", content_type="text/*"),
        Endpoint("GET", "/problems", "problems", PUBLIC, "Every kind of error", cache_control=_DAY, content_type="text/html"),
        Endpoint("GET", "/problems/{kind}", "problem", PUBLIC, "What a kind of error means", cache_control=_DAY, content_type="text/html"),
    ),
)
