"""J, scorecards: the professionals whom the firm works with, and how well they did."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, Projection, SubjectEntry

_READ, _WRITE = "scorecards:read", "scorecards:write"
_PROFESSIONALS, _PROFESSIONAL = "/pros/scorecard/professionals", "/pros/scorecard/professionals/{id}"
_LOGGED = "/pros/scorecard/{professional_id}/log/{id}"
_LOG, _ENTRY = "/pros/scorecard/{id}/log", "/pros/scorecard/{id}/log/{interaction_id}"
_CONFLICT = ("conflict",)

PACK = Pack(
    letter="J",
    name="scorecards",
    title="Professional Scorecard Engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "scorecards",
            {
                "admin": "rwa log any-deal dispute settle contacts",
                "operator": "rw log any-deal dispute settle contacts",
                "dealmaker": "r log contacts",  # on their own deals
                "counsel": "r log any-deal contacts",
                "auditor": "r contacts",
                "viewer": "r",
                "professional": "r own dispute contacts",
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint("POST", _PROFESSIONALS, "create_professional", _WRITE, "Add a professional", 201, _PROFESSIONAL, errors=_CONFLICT),
        Endpoint("GET", _PROFESSIONALS, "list_professionals", _READ, "List professionals by role, organization, place, field, activity"),
        Endpoint("GET", _PROFESSIONAL, "get_professional", _READ, "Read a professional"),
        Endpoint("PATCH", _PROFESSIONAL, "edit_professional", _WRITE, "Change a professional", errors=_CONFLICT),
        Endpoint("DELETE", _PROFESSIONAL, "delete_professional", _WRITE, "Delete a professional", status=204, errors=_CONFLICT),
        Endpoint("POST", _LOG, "log_interaction", "scorecards:log", "Log what a professional did", 201, _LOGGED, errors=_CONFLICT),
        Endpoint("GET", _LOG, "list_interactions", _READ, "List what a professional did, newest first"),
        Endpoint("GET", _ENTRY, "get_interaction", _READ, "Read one thing that a professional did"),
        Endpoint("POST", f"{_ENTRY}/dispute", "dispute_interaction", "scorecards:dispute", "Dispute it", errors=_CONFLICT),
        Endpoint("POST", f"{_ENTRY}/settle", "settle_interaction", "scorecards:settle", "Settle a dispute", errors=_CONFLICT),
        Endpoint("GET", "/pros/scorecard/{id}/scorecard", "read_scorecard", _READ, "Read how well a professional does", composite=True),
        Endpoint(
            "GET", "/pros/scorecard/{id}/history", "read_history", _READ, "Read how well a professional did, by month", composite=True
        ),
        Endpoint("GET", "/pros/scorecard/leaderboard", "read_leaderboard", _READ, "Rank the active professionals", composite=True),
    ),
    projections=(Projection("interaction", f"{__name__}.projections.contribute", writes=("PROSCORE", "pro")),),
    subjects=(SubjectEntry("professional", "pro", f"{__name__}.subjects.PROFESSIONAL"),),
    entities={"professional": f"{__name__}.entities.Professional", "interaction": f"{__name__}.entities.Interaction"},
    rows=(
        f"{__name__}.entities.ProfessionalCounter",
        f"{__name__}.entities.ProfessionalTag",
        f"{__name__}.entities.ProfessionalCard",
    ),
    key_prefixes=("PROCARD", "PROSCORE"),
    held=f"{__name__}.held.held_scorecards",
)
