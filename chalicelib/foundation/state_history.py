"""The history of an entity's state: one row for each completed interval in a state, and the current interval as the entity has it.

    HISTORY = StateHistory(StatusIntervalView)                        # the state is in `status`; STAGES = StateHistory(V, "stage")
    after = before.with_changes(ctx, **HISTORY.entry(ctx, APPROVED, reason=body.reason, note=body.note))
    HISTORY.add(tx, ctx, before, after, clears=transition.clears)     # the interval that ended, in the same transaction
    HISTORY.read_page(ctx, Contract, id, query)               # GET …/{id}/history

Of an entity whose state is in `status` the current interval is kept in its attributes `status`, `status_entered_at`,
`status_entered_by`, `status_reason`, `status_note`; of another field likewise. Completed intervals are rows of the entity's partition:
`H#<revision>` of a partition's root, `H#<id>#<revision>` of an entity in another's partition, the revision being the last one in the
state, so that they sort by their end even within a millisecond.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date, format_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.transactions import Transaction

if TYPE_CHECKING:
    from chalicelib.foundation.schema_types import PageOf, PageParams

V = TypeVar("V")


@dataclass(frozen=True)
class StateInterval:
    """The time that an entity has been in `state`, as if it were left at `left_at`. `days` are business dates, `seconds` whole ones."""

    state: str
    entered_at: datetime
    entered_by: str
    reason: str | None
    note: str | None
    left_at: datetime
    days: int

    @property
    def seconds(self) -> int:
        """Its length in whole seconds."""
        return int((self.left_at - self.entered_at).total_seconds())


def days_in_state(entered_at: datetime, left_at: datetime, zone: str) -> int:
    """How many days later, by the calendar of `zone`, it was left than entered."""
    return (business_date(left_at, zone) - business_date(entered_at, zone)).days


class StateHistory(Generic[V]):
    """The history of the state that entities keep in `field`.

    `view` is the TypedDict of one interval in answers. Of its fields are known: the state (under the name `field`), entered_at,
    entered_by, reason, note, left_at, left_by (null while it lasts), left_for, days, terms. `prefix` tells the histories of one entity
    apart where it has several states; `kind` stands in the rows.
    """

    def __init__(self, view: type[V], field: str = "status", *, prefix: str = "H#", kind: str = "stay") -> None:
        self.field = field
        self.prefix = prefix
        self.kind = kind
        self._view_fields = tuple(view.__annotations__)

    # -- writing

    def entry(self, ctx: Context, state: str, *, reason: str | None = None, note: str | None = None) -> dict[str, object]:
        """The attributes of an entity that enters `state` now, at a transition or at its creation."""
        return {
            self.field: state,
            f"{self.field}_entered_at": ctx.now,
            f"{self.field}_entered_by": ctx.actor.id,
            f"{self.field}_reason": reason,
            f"{self.field}_note": note,
        }

    def add(self, tx: Transaction, ctx: Context, before: Entity, after: Entity, *, clears: Iterable[str] = ()) -> None:
        """Add the row of the interval that ends with the change from `before` to `after`: one action.

        `clears` are the fields that the transition cleared; the row keeps their values as `terms`. Without condition: the entity is
        saved at its revision in the same transaction, and the revision is in the row's key.
        """
        interval = self.interval(ctx, before)
        terms = {name: value for name in clears if (value := before.attribute_values.get(name)) is not None}
        values: dict[str, object] = {
            "kind": self.kind,
            self.field: interval.state,
            "entered_at": interval.entered_at,
            "entered_by": interval.entered_by,
            "reason": interval.reason,
            "note": interval.note,
            "left_at": interval.left_at,
            "left_by": ctx.actor.id,
            "left_for": after.attribute_values[self.field],
            "days": interval.days,
            "terms": terms,
            "request_id": ctx.request_id,
        }
        key = ItemKey(before.key.pk, f"{self._row_prefix(before)}{before.revision:010}")
        tx.put_values(key, {name: value for name, value in values.items() if value is not None})

    def ended_stay(self, ctx: Context, before: Entity) -> dict[str, object]:
        """The interval that ends now, as an attribute of the entity itself: for a transaction that has no room for a row of it."""
        interval = self.interval(ctx, before)
        values = {
            self.field: interval.state,
            "entered_at": format_timestamp(interval.entered_at),
            "entered_by": interval.entered_by,
            "reason": interval.reason,
            "note": interval.note,
            "left_at": format_timestamp(interval.left_at),
            "left_by": ctx.actor.id,
        }
        return {name: value for name, value in values.items() if value is not None}

    # -- reading

    def interval(self, ctx: Context, entity: Entity) -> StateInterval:
        """The interval in the current state, as if it ended now."""
        values = entity.attribute_values
        entered_at: datetime = values[f"{self.field}_entered_at"]
        return StateInterval(
            state=values[self.field],
            entered_at=entered_at,
            entered_by=values[f"{self.field}_entered_by"],
            reason=values.get(f"{self.field}_reason"),
            note=values.get(f"{self.field}_note"),
            left_at=ctx.now,
            days=days_in_state(entered_at, ctx.now, ctx.settings.firm_time_zone),
        )

    def current_view(self, ctx: Context, entity: Entity) -> V:
        """The current interval in answers: its days until now, its end null, no terms."""
        interval = self.interval(ctx, entity)
        return self._view(
            {
                self.field: interval.state,
                "entered_at": format_timestamp(interval.entered_at),
                "entered_by": interval.entered_by,
                "reason": interval.reason,
                "note": interval.note,
                "days": interval.days,
                "terms": {},
            }
        )

    def read_page(self, ctx: Context, entity_class: type[Entity], id: str, query: "PageParams") -> "PageOf[V]":
        """A page of intervals, newest first: up to the limit of completed ones, on the first page after the current one.

        Two round trips. Raises NotFound where there is no such entity, BadRequest for a cursor of another list.
        """
        entity = ctx.store.find(entity_class, id)
        if entity is None:
            raise NotFound(entity_class.ID.name)
        page = ctx.paginate(self.range(entity), query, self._view, decode=codec.decode_item)
        if query.cursor is None:
            page["items"].insert(0, self.current_view(ctx, entity))
        return page

    def range(self, entity: Entity) -> KeyRange:
        """Where an entity's completed intervals lie. In a root's own range its children's, whose ids begin with a letter, are not."""
        prefix = self._row_prefix(entity)
        return KeyRange(None, entity.key.pk, low=f"{prefix}0", high=f"{prefix}9~")

    def _row_prefix(self, entity: Entity) -> str:
        return self.prefix if entity.key.sk == ROOT_SORT_KEY else f"{self.prefix}{entity.id}#"

    def _view(self, values: Mapping[str, object]) -> V:
        return cast(V, {name: values.get(name) for name in self._view_fields})
