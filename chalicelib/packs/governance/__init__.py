"""R, governance: who decides on what, what decisions are worth, and which acts need approval."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, Schedule, SubjectEntry

_READ, _HOLDERS_RIGHT = "governance:read", "governance:holders"
_ONE, _SUBJECT, _REQUEST = "/governance/decisions/{id}", "/governance/decisions/subject/{type}/{id}", "/governance/requests/{id}"
_HOLDER = "/governance/roles/{role}/holders/{user_id}"
_HELD_BY_DECISIONS = f"{__name__}.subjects.holders_of_root"
_ASKING = ("not-found", "conflict")

PACK = Pack(
    letter="R",
    name="governance",
    title="Governance Integration",
    package=__name__,
    permissions=(
        PermissionRow(  # to decide takes a governance role, which is read with the subject; these are for asking, reading and naming holders
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
            live=("holders",),
        ),
    ),
    endpoints=(
        Endpoint("POST", "/governance/decisions", "create_decision", _READ, "Decide on a subject", 201, _ONE,
                 errors=("not-found", "conflict")),
        Endpoint("GET", _ONE, "get_decision", _READ, "Read a decision", composite=True),
        Endpoint("GET", _SUBJECT, "list_decisions", _READ, "List the decisions on a subject, oldest first"),
        Endpoint("GET", f"{_SUBJECT}/latest-final", "read_latest_final", _READ, "Read the last final decision on a subject", composite=True),
        Endpoint("GET", f"{_SUBJECT}/standing", "read_standing", _READ, "Read the verdict on an act"),
        Endpoint("GET", "/governance/decisions/by-role/{role}", "list_by_role", _READ, "List the decisions of a role, newest first"),
        Endpoint("GET", "/governance/overrides", "list_overrides", _READ, "List the overrides that weren't reviewed, newest first"),
        Endpoint("POST", "/governance/overrides/{id}/review", "review_override", _READ, "Review an override",
                 errors=("conflict", "precondition-failed")),
        Endpoint("GET", "/governance/roles", "list_roles", _READ, "List the governance roles with their holders"),
        Endpoint("POST", "/governance/roles/{role}/holders", "add_holder", _HOLDERS_RIGHT, "Let a user hold a governance role",
                 errors=("precondition-failed",)),
        Endpoint("DELETE", _HOLDER, "remove_holder", _HOLDERS_RIGHT, "Take a governance role from a user", status=204),
        Endpoint("GET", "/governance/pending", "list_pending", _READ, "List pending requests by role, newest first"),
        Endpoint("POST", "/governance/requests", "create_request", "governance:ask", "Ask for a decision", 201, _REQUEST,
                 errors=_ASKING, extra_statuses=(200,)),
        Endpoint("GET", _REQUEST, "get_request", _READ, "Read a request"),
        Endpoint("GET", "/governance/policies", "get_policies", _READ, "Read the policies"),
        Endpoint("PUT", "/governance/policies", "propose_policies", _READ, "Propose policies", status=202),
        Endpoint("POST", "/governance/policies/proposals/{id}/confirm", "confirm_proposal", _READ, "Confirm proposed policies"),
    ),
    schedules=(
        Schedule("governance-reviews", "cron(0 13 * * ? *)", f"{__name__}.schedules.reviews", "Tells of overrides that weren't reviewed"),
    ),
    subjects=(SubjectEntry("decision", "dec", f"{__name__}.subjects.DECISION"),),
    entities={
        "decision": f"{__name__}.entities.Decision",
        "override-review": f"{__name__}.entities.OverrideReview",
        "approval-request": f"{__name__}.entities.ApprovalRequest",
        "policies": f"{__name__}.entities.PolicySettings",
    },
    rows=(f"{__name__}.entities.GovernanceHead",),
    holders=dict.fromkeys(("deal", "pipeline", "professional", "holding"), _HELD_BY_DECISIONS),
    held=f"{__name__}.held.held_governance",
    probe=f"{__name__}.public.probe",
)  # fmt: skip
