"""S: notifications to users: reminders, follow-ups, alarms."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, Schedule
from chalicelib.foundation.roles import ROLES

PACK = Pack(
    letter="S",
    name="events",
    title="System Integration / Debug",
    package=__name__,
    permissions=(PermissionRow("events", dict.fromkeys(ROLES, "r")),),
    endpoints=(
        Endpoint("GET", "/events", "list_events", "events:read", "List the caller's events, newest first"),
        Endpoint("GET", "/events/{id}", "get_event", "events:read", "Read an event with its data", errors=("not-found",)),
        Endpoint("POST", "/events/{id}/seen", "mark_seen", "events:read", "Mark an event as seen", errors=("not-found",)),
    ),
    schedules=(
        Schedule(
            "events-forward",
            "cron(20 * * * ? *)",
            f"{__name__}.schedules.forward",
            "Addresses unread events of users who left to the operators, too",
        ),
    ),
    entities={"event": "chalicelib.foundation.events.Notification"},
)
