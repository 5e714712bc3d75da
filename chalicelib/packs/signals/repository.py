"""Reads and writes of signals, and of which of them count."""

from collections.abc import Mapping

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.idempotency import claimed_transaction, idempotent_transaction, read_or_replay
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT, any_of, attribute
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.signals.entities import CurrentSignals, Signal

_PAGE = 10  # signals that are looked at at once for the newest that count


class _NewerExist(VersionConflict):
    """Newer signals of the professional count by now."""


def require_usable_professional(ctx: Context, professional_id: str) -> None:
    """Raise NotFound where there is no such professional, Conflict where they aren't active. One round trip."""
    scorecards.ProfessionalCounter.require(ctx.store.get_item(scorecards.counter_key(professional_id))).require_active()


def create_signal(ctx: Context, signal: Signal, response: object) -> None:
    """Write new signals, which count from now on, unless newer ones do. One round trip."""

    def write(*, is_newest: bool) -> None:
        tx = claimed_transaction(ctx, response)
        scorecards.require_usable(tx, signal.professional_id)
        tx.create(signal)
        if is_newest:
            shown = attribute("signal_id")
            tx.update(
                CurrentSignals.key_of(signal.professional_id),
                set={"kind": CurrentSignals.KIND, **_current(signal)},
                add={"changes": 1},
                when=any_of(shown.does_not_exist(), shown < signal.id),
                on_conflict=_NewerExist(),
            )
        tx.commit()

    try:
        write(is_newest=True)
    except _NewerExist:
        write(is_newest=False)


def find_signal(ctx: Context, professional_id: str, signal_id: str) -> Signal:
    """Signals of a professional who isn't deleted. Raises NotFound. One round trip."""
    return _signal_in(ctx.store.batch_get(_keys(professional_id, signal_id)), professional_id, signal_id)


def remove_current(ctx: Context, tx: Transaction, professional_id: str, limit: int) -> int:  # noqa: ARG001 - the form of `cancels`
    """Remove the row of the signals that count, with the professional whose they are: one action."""
    tx.delete(CurrentSignals.key_of(professional_id))
    return 1


def find_disputable(ctx: Context, professional_id: str, signal_id: str) -> tuple[Signal, CurrentSignals | None]:
    """Signals of a professional, and those that count. One round trip; raises NotFound, IdempotentReplay where this request ran before."""
    current_key = CurrentSignals.key_of(professional_id)
    items = read_or_replay(ctx, [*_keys(professional_id, signal_id), current_key])
    current = items.get(current_key)
    return _signal_in(items, professional_id, signal_id), None if current is None else CurrentSignals.from_item(current)


def _keys(professional_id: str, signal_id: str) -> list[ItemKey]:
    return [scorecards.key(professional_id), Signal.ID.key(signal_id)]


def _signal_in(items: Mapping[ItemKey, DynamoItem], professional_id: str, signal_id: str) -> Signal:
    professional_key, signal_key = _keys(professional_id, signal_id)
    signal = parse_live(Signal, items.get(signal_key))
    if signal is None or signal.professional_id != professional_id or scorecards.parse_professional(items.get(professional_key)) is None:
        raise NotFound(Signal.ID.name)
    return signal


def save_dispute(
    ctx: Context, signal: Signal, current: CurrentSignals | None, response: object, notification: Notification | None = None
) -> None:
    """Write signals whose dispute has changed, and which signals count then.

    One round trip, and one to find the newest others where those that counted do so no more. Disputes of one professional are written
    one after the other, so that what counts is right whichever are disputed at once.
    """
    tx = idempotent_transaction(ctx, response)
    tx.save(signal)
    changes = 0 if current is None else current.changes
    counting = _counting_after(ctx, signal, None if current is None else current.signal_id)
    after = CurrentSignals.at(CurrentSignals.key_of(signal.professional_id), changes=changes + 1, **_counting_values(current, counting))
    tx.put(after, ROW_ABSENT if current is None else attribute("changes") == changes)
    if notification is not None:
        add_notifications(ctx, tx, [notification])
    tx.commit()


def _counting_after(ctx: Context, signal: Signal, current_id: str | None) -> Signal | str | None:
    """The signals that count once these are as they are now: themselves, what counted before (by id), or others."""
    if signal.counts:
        return signal if current_id is None or current_id <= signal.id else current_id
    return current_id if current_id != signal.id else _newest_counting(ctx, signal)


def _counting_values(current: CurrentSignals | None, counting: Signal | str | None) -> dict[str, object]:
    """The values of the row of what counts."""
    if isinstance(counting, Signal):
        return _current(counting)
    if counting is None or current is None:
        return {}
    return {"signal_id": current.signal_id, "signals": current.signals, "created_at": current.attribute_values.get("created_at")}


def _current(signal: Signal) -> dict[str, object]:
    return {"signal_id": signal.id, "signals": signal.signals, "created_at": signal.created_at}


def _newest_counting(ctx: Context, without: Signal) -> Signal | None:
    """The newest signals of the professional that count, other than these. One round trip for each ten that are looked at."""
    rows = ctx.store.query_all(Signal.children_of(without.professional_id), newest_first=True, page_size=_PAGE)
    others = (parse_live(Signal, row) for row in rows)
    return next((other for other in others if other and other.id != without.id and other.counts), None)
