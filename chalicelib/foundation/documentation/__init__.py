"""D: what the API says of itself. OpenAPI, the pages that show it, and what each kind of error means."""

from chalicelib.foundation.manifest import PUBLIC, Endpoint, Pack

_DAY = "public, max-age=86400"
_SOON = "no-cache"  # kept, but asked for again each time: its ETag answers 304

PACK = Pack(
    letter="D",
    name="documentation",
    title="API gateway",
    package=__name__,
    endpoints=(
        Endpoint("GET", "/openapi.json", "openapi", PUBLIC, "The description of this API, OpenAPI 3.1", cache_control=_SOON),
        Endpoint(
            "GET", "/docs", "docs", PUBLIC, "The API to look at and to try (Swagger UI)", cache_control=_SOON, content_type="text/html"
        ),
        Endpoint("GET", "/redoc", "redoc", PUBLIC, "The API to read (ReDoc)", cache_control=_SOON, content_type="text/html"),
        Endpoint("GET", "/docs/{name}", "asset", PUBLIC, "A file of the documentation pages", content_type="text/*"),
        Endpoint("GET", "/problems", "problems", PUBLIC, "Every kind of error", cache_control=_DAY, content_type="text/html"),
        Endpoint("GET", "/problems/{kind}", "problem", PUBLIC, "What a kind of error means", cache_control=_DAY, content_type="text/html"),
    ),
)
