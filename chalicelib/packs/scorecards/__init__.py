"""J, scorecards: the professionals whom the firm works with, and how well they did."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, SubjectEntry

_READ, _WRITE = "scorecards:read", "scorecards:write"
_PROFESSIONALS, _PROFESSIONAL = "/pros/scorecard/professionals", "/pros/scorecard/professionals/{id}"
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
    ),
    subjects=(SubjectEntry("professional", "pro", f"{__name__}.subjects.PROFESSIONAL"),),
    entities={"professional": f"{__name__}.entities.Professional"},
    rows=(
        f"{__name__}.entities.ProfessionalCounter",
        f"{__name__}.entities.ProfessionalTag",
        f"{__name__}.entities.ProfessionalCard",
    ),
    key_prefixes=("PROCARD",),
)
