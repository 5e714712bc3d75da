"""Events as answers show them.

A title that ends with the id of what it is about ("Quiet for 7 days: pipe_…"), since that has no public name, shows what the reader may call
it instead. It is looked up when it is read: nobody's name is kept in an event.
"""

from collections.abc import Iterable, Mapping

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.events import Notification
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.events.schemas import EventSummary, EventView


def event_summary(row: JsonObject) -> EventSummary:
    """An event of a list, from its list view."""
    return present_row(EventSummary, row)


def with_labels(ctx: Context, items: list[EventSummary]) -> list[EventSummary]:
    """The events of a page, their titles for this reader. One round trip where any ends with an id."""
    labels = _labels(ctx, (item["title"] for item in items))
    return [{**item, "title": _labelled(item["title"], labels)} for item in items]


def event_view(ctx: Context, event: Notification) -> EventView:
    """An event with its data. One round trip where its title ends with an id."""
    return present(EventView, event, kind=event.event, title=_labelled(event.title, _labels(ctx, [event.title])))


def _labels(ctx: Context, titles: Iterable[str]) -> dict[str, str]:
    ids = {_last_word(title) for title in titles if "_" in _last_word(title)}
    try:
        return SubjectRegistry(ctx.packs).labels(ctx, sorted(ids)) if ids else {}
    except NotFound:  # a word that looks like an id
        return {}


def _labelled(title: str, labels: Mapping[str, str]) -> str:
    id = _last_word(title)
    return f"{title.removesuffix(id)}{labels[id]}" if id in labels else title


def _last_word(title: str) -> str:
    return title.rpartition(" ")[2]
