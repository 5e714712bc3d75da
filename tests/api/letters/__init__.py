"""A pack of one link, as those that people without an account get."""

from chalicelib.foundation.manifest import PUBLIC, Endpoint, Pack

PACK = Pack(
    "Ä",
    "letters",
    "letters",
    __name__,
    endpoints=(
        Endpoint("GET", "/letters/{token}", "show_letter", PUBLIC, "Show", formats=("text/html",)),
        Endpoint(
            "POST",
            "/letters/{token}/answer",
            "answer_letter",
            PUBLIC,
            "Answer",
            formats=("text/html",),
            forms=True,
            idempotent=False,
            errors=("conflict",),
        ),
        Endpoint("POST", "/letters/{token}/plain", "answer_letter", PUBLIC, "Answer by JSON only", idempotent=False),
    ),
)
