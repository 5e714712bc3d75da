"""K, retainers: hours and fees that were agreed with professionals, month by month, to the minute and the cent."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, Projection, Schedule, SubjectEntry

_READ, _WRITE, _LOG, _ACTIVATE = "retainers:read", "retainers:write", "retainers:log", "retainers:activate"
_CANCEL, _RENEW, _REVERSE = "retainers:cancel", "retainers:renew", "retainers:reverse"
_ALL, _ONE = "/pros/retainers", "/pros/retainers/{id}"
_ENTRIES, _ENTRY = f"{_ONE}/log_hours", f"{_ONE}/log_hours/{{entry_id}}"
_CHANGE_ERRORS = ("conflict", "precondition-failed")
_MOVE_ERRORS = ("conflict", "invalid-transition", "precondition-failed")
_HOURLY = "cron(3 * * * ? *)"  # days begin at every hour of UTC, by the retainer's own time zone

_ENDPOINTS = (
    Endpoint("POST", _ALL, "create_retainer", _WRITE, "Agree on a retainer", status=201, location=_ONE, errors=("not-found", "conflict")),
    Endpoint("GET", _ALL, "list_retainers", _READ, "List retainers by status, or by renewal"),
    Endpoint("GET", f"{_ALL}/forecast", "read_forecast", _READ, "Read the hours and fees of the next three months"),
    Endpoint("GET", f"{_ALL}/professional/{{professional_id}}", "list_professional_retainers", _READ, "List a professional's retainers"),
    Endpoint("GET", _ONE, "get_retainer", _READ, "Read a retainer with its open period"),
    Endpoint("PATCH", _ONE, "edit_retainer", _WRITE, "Change a retainer", errors=_CHANGE_ERRORS),
    Endpoint("POST", f"{_ONE}/activate", "activate_retainer", _ACTIVATE, "Start a draft, or resume a paused retainer", errors=_MOVE_ERRORS),
    Endpoint("POST", f"{_ONE}/pause", "pause_retainer", _ACTIVATE, "Pause a retainer", errors=_MOVE_ERRORS),
    Endpoint("PATCH", f"{_ONE}/deactivate", "deactivate_retainer", _ACTIVATE, "Pause a retainer without a reason", errors=_MOVE_ERRORS),
    Endpoint("POST", f"{_ONE}/cancel", "cancel_retainer", _CANCEL, "Cancel a retainer", errors=_MOVE_ERRORS),
    Endpoint("POST", f"{_ONE}/renew", "renew_retainer", _RENEW, "Begin the next term now", errors=_MOVE_ERRORS),
    Endpoint("POST", _ENTRIES, "log_hours", _LOG, "Log hours", status=201, location=_ENTRY, errors=_CHANGE_ERRORS),
    Endpoint("GET", _ENTRIES, "list_entries", _READ, "List the hours that were logged, newest first"),
    Endpoint("GET", _ENTRY, "get_entry", _READ, "Read an entry of hours"),
    Endpoint(
        "POST", f"{_ENTRY}/reverse", "reverse_entry", _REVERSE, "Take an entry back by a counter-entry", status=201, location=_ENTRY,
        errors=_CHANGE_ERRORS,
    ),
    Endpoint("POST", f"{_ENTRY}/approve", "approve_entry", _REVERSE, "Approve the hours of a professional", errors=_CHANGE_ERRORS),
    Endpoint("GET", f"{_ONE}/periods", "list_periods", _READ, "List the periods, newest first"),
    Endpoint("GET", f"{_ONE}/periods/{{n}}", "get_period", _READ, "Read a period"),
    Endpoint("GET", f"{_ONE}/statement", "read_statement", _READ, "Read the statement of a period"),
)  # fmt: skip

PACK = Pack(
    letter="K",
    name="retainers",
    title="Retainer Lifecycle Engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "retainers",
            {
                "admin": "rwa log any-deal activate cancel renew reverse short-notice",
                "operator": "rw log any-deal activate cancel renew reverse",
                "dealmaker": "r log",  # on their own deals
                "counsel": "r",
                "auditor": "r",
                "viewer": "r",
                "professional": "r own log",  # marked unapproved
            },
            governed=True,
        ),
    ),
    endpoints=_ENDPOINTS,
    schedules=(
        Schedule(
            "retainers-due",
            _HOURLY,
            f"{__name__}.schedules.due",
            "Closes and opens periods, renews, ends and cancels retainers whose day has come, and reminds of renewals",
        ),
    ),
    projections=(Projection("retainer", f"{__name__}.projections.contribute", writes=("PROSCORE", "FORECAST", "OVERRUN")),),
    subjects=(SubjectEntry("retainer", "ret", f"{__name__}.subjects.RETAINER"),),
    entities={"retainer": f"{__name__}.entities.Retainer", "retainer_entry": f"{__name__}.entities.Entry"},
    rows=(f"{__name__}.entities.ClosedPeriod",),
    key_prefixes=("FORECAST", "OVERRUN"),
    holders={"professional": f"{__name__}.subjects.holders_of_professional"},
    held=f"{__name__}.held.held_retainers",
)
