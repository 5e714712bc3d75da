"""S: what the system has to tell a person: reminders, follow-ups, alarms."""

from chalicelib.foundation.manifest import Endpoint, Pack

PACK = Pack(
    letter="S",
    name="events",
    title="System Integration / Debug",
    package=__name__,
    endpoints=(
        Endpoint("GET", "/events", "list_events", "events:read", "What the system has to tell the caller, newest first"),
        Endpoint("GET", "/events/{id}", "get_event", "events:read", "One event with its data", errors=("not-found",)),
        Endpoint("POST", "/events/{id}/seen", "mark_seen", "events:read", "Say that an event has been seen", errors=("not-found",)),
    ),
    entities={"event": "chalicelib.foundation.events.Event"},
)
