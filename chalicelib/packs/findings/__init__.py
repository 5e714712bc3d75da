"""Q, findings: what is wrong with deals, found by rules, kept once each, and what people have done about it."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, Projection, Schedule, SubjectEntry

_READ, _DEAL = "findings:read", "findings:deal"
_ONE = "/audit/events/{id}"
_MOVE_ERRORS = ("conflict", "invalid-transition", "precondition-failed")
_AT_NIGHT = "cron(15 9-11 * * ? *)"  # UTC: after midnight on the American west coast; the later runs do what one had no time for

PACK = Pack(
    letter="Q",
    name="findings",
    title="Internal Auditor",
    package=__name__,
    permissions=(
        PermissionRow(
            "findings",
            {
                "admin": "rwa all deal rules scan acknowledge resolve",
                "operator": "r all deal scan acknowledge",
                "dealmaker": "r own-deals deal",
                "counsel": "r all deal acknowledge",
                "auditor": "rw all deal scan acknowledge resolve accept export verify",
                "viewer": "r",
            },
            governed=("deal", "all"),
        ),
    ),
    endpoints=(
        Endpoint(
            "POST",
            "/audit/scan/deal/{deal_id}",
            "scan_deal",
            "findings:scan",
            "Check a deal against the rules",
            errors=("not-found",),
        ),
        Endpoint("GET", "/audit/summary", "read_summary", _READ, "Count the findings that are open", composite=True),
        Endpoint("GET", "/audit/rules", "list_rules", _READ, "List the rules", composite=True),
        Endpoint("GET", "/audit/events/open", "list_open_findings", "findings:all", "List the findings that are open, newest first"),
        Endpoint("GET", "/audit/events/deal/{deal_id}", "list_deal_findings", _DEAL, "List all findings on a deal, newest first"),
        Endpoint("GET", _ONE, "get_finding", _DEAL, "Read a finding", composite=True),
        Endpoint(
            "POST",
            f"{_ONE}/acknowledge",
            "acknowledge_finding",
            "findings:acknowledge",
            "Acknowledge a finding",
            composite=True,
            errors=_MOVE_ERRORS,
        ),
        Endpoint(
            "POST", f"{_ONE}/resolve", "resolve_finding", "findings:resolve", "Resolve a finding", composite=True, errors=_MOVE_ERRORS
        ),
        Endpoint(
            "POST",
            f"{_ONE}/accept",
            "accept_finding",
            "findings:accept",
            "Accept the risk of a finding",
            composite=True,
            errors=_MOVE_ERRORS,
        ),
    ),
    schedules=(
        Schedule(
            "findings-scan",
            _AT_NIGHT,
            f"{__name__}.schedules.scans",
            "Checks the deals that are worked on, and those finalized within a week, against the rules",
        ),
    ),
    projections=(Projection("finding", f"{__name__}.projections.contribute", writes=("FINDINGS",), tracked=True),),
    subjects=(SubjectEntry("finding", "find", f"{__name__}.subjects.FINDING"),),
    entities={"finding": f"{__name__}.entities.Finding"},
    rows=(f"{__name__}.entities.LastScan",),
    key_prefixes=("FINDINGS",),
    observations=f"{__name__}.public.add_observation",
)
