"""Q: the audit trail. Every change as a record, linked by a hash chain, sealed day by day, verified and exported."""

from chalicelib.foundation.manifest import AGGREGATES, Endpoint, FileFolder, Pack, PermissionRow, Schedule

_EXPORT = "/audit/exports/{id}"

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
                "admin": "rwa",
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
        Endpoint(
            "GET",
            "/audit/verify",
            "verify_day",
            "trail:admin",
            "Verify a day against its seal: the seal, each record, and that they are those that were sealed",
            errors=("bad-request",),
        ),
        Endpoint(
            "GET", "/audit/seals", "seals", "trail:read", "List the daily seals of the trail, newest first, and the keys that verify them"
        ),
        Endpoint(
            "POST",
            "/audit/export",
            "create_export",
            "trail:write",
            "Export the records of up to 31 days, with their seals, into a file",
            status=202,
            location=_EXPORT,
        ),
        Endpoint(
            "GET", _EXPORT, "get_export", "trail:write", "Read an export, with the URL of its file once it is done", errors=("not-found",)
        ),
    ),
    schedules=(
        Schedule(
            "trail-seal",
            "cron(20 0 * * ? *)",
            f"{__name__}.schedules.trail_seal",
            "Seals each day of the trail that is over",
            writes=("SEAL",),
            seals=True,
        ),
        Schedule(
            "stream-gaps",
            "rate(1 hour)",
            f"{__name__}.schedules.stream_gaps",
            "Retries what the stream's consumers parked, and closes gaps of the trail and the aggregates",
            writes=("AUD", "PERSON", "GAP", "PARK", "PASS", "PENDING", "SEEN", AGGREGATES),
            scans=True,
        ),
    ),
    entities={"trail_access": f"{__name__}.entities.TrailAccess", "audit_export": f"{__name__}.entities.AuditExport"},
    rows=(f"{__name__}.records.AuditRecord", f"{__name__}.entities.DailySeal"),
    key_prefixes=("AUD", "PERSON", "GAP", "SEAL"),
    files=(FileFolder("exports", written_by="outbox-worker", days=7),),
    work={"export": f"{__name__}.exporting.deliver_part"},
)
