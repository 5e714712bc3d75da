"""W: system status: the status of each pack, and whether the backend is complete."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow

PACK = Pack(
    letter="W",
    name="status",
    title="System Completion Metadata",
    package=__name__,
    permissions=(
        PermissionRow(
            "status",
            {
                "admin": "rwa",
                "operator": "r",
                "auditor": "r",
                "viewer": "r",
            },
        ),
    ),
    endpoints=(
        Endpoint("GET", "/system/status", "get_status", "status:read", "Version, every pack's status, and whether the backend is complete"),
        Endpoint("GET", "/system/status/summary", "get_summary", "status:read", "How many packs are installed, pending, degraded"),
        Endpoint("GET", "/system/status/packs", "list_packs", "status:read", "All 26 packs with their status"),
        Endpoint("GET", "/system/status/packs/{id}", "get_pack", "status:read", "One pack, by its letter", errors=("not-found",)),
        Endpoint("POST", "/system/status/complete", "complete", "status:admin", "Mark the backend as complete"),
        Endpoint("POST", "/system/status/incomplete", "incomplete", "status:admin", "Mark the backend as not complete"),
    ),
)
