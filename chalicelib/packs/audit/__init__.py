"""Q: the audit trail. Every change as a record, linked by a hash chain, and the verification of the chain."""

from chalicelib.foundation.manifest import AGGREGATES, Endpoint, Pack, PermissionRow, Schedule

PACK = Pack(
    letter="Q",
    name="audit",
    title="Internal auditor",
    package=__name__,
    permissions=(
        # The trail itself is written by nobody; `write` is export and verification.
        PermissionRow(
            "trail",
            {
                "admin": "ra",
                "operator": "r",
                "dealmaker": "r",
                "counsel": "r",
                "auditor": "rwa",
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint(
            "GET",
            "/audit/trail/{entity_id}",
            "entity_trail",
            "trail:read",
            "The changes of one entity, field by field, newest first. The access itself is recorded.",
            errors=("bad-request", "not-found"),
        ),
        Endpoint(
            "GET",
            "/audit/trail",
            "trail",
            "trail:read",
            "The changes between two points in time, by anybody or by one actor, newest first. The access itself is recorded.",
            errors=("bad-request", "forbidden"),
        ),
        Endpoint(
            "GET",
            "/audit/verify/{entity_id}",
            "verify",
            "trail:admin",
            "Verify the hash chain of an entity: each hash, each number, and the last record against the entity itself.",
            errors=("bad-request", "not-found"),
        ),
    ),
    schedules=(
        Schedule(
            "stream-gaps",
            "rate(1 hour)",
            f"{__name__}.schedules.stream_gaps",
            "Retries what the stream's consumers parked, and closes gaps of the trail and the aggregates",
            writes=("AUD", "PERSON", "GAP", "PARK", "PASS", "PENDING", "SEEN", AGGREGATES),
            scans=True,
        ),
    ),
    entities={"trail_access": f"{__name__}.entities.TrailAccess"},
    rows=(f"{__name__}.records.AuditRecord",),
    key_prefixes=("AUD", "PERSON", "GAP"),
)
