"""I, alignment: professionals compared with ideals, matched with work, and checked for conflicts of interest."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow

_READ, _WRITE = "alignment:read", "alignment:write"
_MATCH, _MATCHES = "alignment:match", "/pros/match"
_PROFILES, _PROFILE = "/pros/profiles", "/pros/profiles/{id}"
_ALIGNMENT, _MADE = "/pros/{id}/alignments/{alignment_id}", "/pros/{professional_id}/alignments/{id}"
_NO_SUCH, _STATE = ("not-found",), ("conflict",)

PACK = Pack(
    letter="I",
    name="alignment",
    title="Professional alignment engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "alignment",
            {
                "admin": "rwa match conflict-check",
                "operator": "rw match conflict-check",
                "dealmaker": "r match",
                "counsel": "r conflict-check",
                "auditor": "r",
                "viewer": "r",
                "professional": "r own",  # its own alignments, and nothing else of the pack
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint("POST", "/pros/align_profile", "compare_signals", _READ, "Compare signals with an ideal", idempotent=False),
        Endpoint("POST", _PROFILES, "create_profile", _WRITE, "Add a profile of what is looked for", status=201, location=_PROFILE),
        Endpoint("GET", _PROFILES, "list_profiles", _READ, "List profiles, newest first"),
        Endpoint("GET", _PROFILE, "get_profile", _READ, "Read a profile"),
        Endpoint("PATCH", _PROFILE, "edit_profile", _WRITE, "Change a profile"),
        Endpoint("DELETE", _PROFILE, "delete_profile", _WRITE, "Delete a profile", status=204),
        Endpoint(
            "POST", "/pros/{id}/align", "align_professional", _WRITE, "Compare a professional with a profile", 201, _MADE, errors=_STATE
        ),
        Endpoint("GET", "/pros/{id}/alignments", "list_alignments", _READ, "List a professional's alignments, newest first"),
        Endpoint("GET", _ALIGNMENT, "get_alignment", _READ, "Read an alignment"),
        Endpoint(
            "POST", _MATCHES, "match_professionals", _MATCH, "Find the professionals who fit best", 201, "/pros/match/{id}", errors=_NO_SUCH
        ),
        Endpoint("GET", "/pros/match/{id}", "get_match", _MATCH, "Read a match"),
        Endpoint(
            "POST",
            "/pros/conflict-check",
            "check_conflicts",
            "alignment:conflict-check",
            "Check names for conflicts of interest",
            errors=_NO_SUCH,
            idempotent=False,
        ),
    ),
    entities={
        "alignment_profile": f"{__name__}.entities.AlignmentProfile",
        "alignment": f"{__name__}.entities.Alignment",
        "professional_match": f"{__name__}.entities.ProfessionalMatch",
    },
    rows=(f"{__name__}.entities.ProfessionalMatchContent",),
    held=f"{__name__}.held.held_alignments",
)
