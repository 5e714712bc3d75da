"""R, governance: who decides on what, what decisions are worth, and which acts need approval."""

from chalicelib.foundation.manifest import Pack, PermissionRow, SubjectEntry

_HOLDERS = f"{__name__}.subjects.holders_of_root"

PACK = Pack(
    letter="R",
    name="governance",
    title="Governance Integration",
    package=__name__,
    permissions=(
        PermissionRow(  # to decide takes a governance role; these are for asking, reading and naming holders
            "governance",
            {
                "admin": "rwa ask holders",
                "operator": "r ask",
                "dealmaker": "r own-deals ask",
                "counsel": "r ask",
                "auditor": "r review",
                "viewer": "r",
            },
            governed=True,
            live=True,
        ),
    ),
    subjects=(SubjectEntry("decision", "dec", f"{__name__}.subjects.DECISION"),),
    entities={
        "decision": f"{__name__}.entities.Decision",
        "override-review": f"{__name__}.entities.OverrideReview",
        "approval-request": f"{__name__}.entities.ApprovalRequest",
        "policies": f"{__name__}.entities.PolicySettings",
    },
    rows=(f"{__name__}.entities.GovernanceHead",),
    holders={"deal": _HOLDERS, "pipeline": _HOLDERS, "professional": _HOLDERS, "holding": _HOLDERS},
)
