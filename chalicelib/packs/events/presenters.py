"""Events as answers show them."""

from chalicelib.foundation.events import Notification
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present, present_row
from chalicelib.packs.events.schemas import EventSummary, EventView


def event_summary(row: JsonObject) -> EventSummary:
    """An event of a list, from its list view."""
    return present_row(EventSummary, row)


def event_view(event: Notification) -> EventView:
    """An event with its data."""
    return present(EventView, event, kind=event.event)
