"""Q: who changed what. The trail of every change, chained by hashes, and its verifier."""

from chalicelib.foundation.manifest import Endpoint, Pack

PACK = Pack(
    letter="Q",
    name="trail",
    title="Internal auditor",
    package=__name__,
    endpoints=(
        Endpoint(
            "GET",
            "/audit/trail/{entity_id}",
            "entity_trail",
            "trail:read",
            "Who changed what of one entity, field by field, newest first. The reading is itself on the trail.",
            errors=("bad-request", "not-found"),
        ),
        Endpoint(
            "GET",
            "/audit/trail",
            "trail",
            "trail:read",
            "What was changed between two moments, by anybody or by one actor, newest first. The reading is itself on the trail.",
            errors=("bad-request", "forbidden"),
        ),
        Endpoint(
            "GET",
            "/audit/verify/{entity_id}",
            "verify",
            "trail:admin",
            "Whether the chain of an entity's records is whole: each hash, each number, and the last one against the entity itself.",
            errors=("bad-request", "not-found"),
        ),
    ),
    entities={"trail_access": f"{__name__}.entities.TrailAccess"},
)
