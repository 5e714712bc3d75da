"""The interface of this pack to other packs: the newest signals of a professional that count.

Other packs use nothing else of it, and depend on neither its keys nor its indexes.
"""

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.packs.signals.entities import CurrentSignals as CurrentSignals
from chalicelib.packs.signals.rules.markers import AGGRESSIVE as AGGRESSIVE
from chalicelib.packs.signals.rules.markers import BALANCED as BALANCED
from chalicelib.packs.signals.rules.markers import CONSERVATIVE as CONSERVATIVE

RISK_STYLES = (AGGRESSIVE, BALANCED, CONSERVATIVE)


def current_key(professional_id: str) -> ItemKey:
    """Where the newest signals of a professional that count are found, for a batch of reads."""
    return CurrentSignals.key_of(professional_id)


def parse_current(item: DynamoItem | None) -> CurrentSignals | None:
    """The signals in an item that was read at `current_key`; None where none count."""
    current = None if item is None else CurrentSignals.from_item(item)
    return current if current and current.signal_id is not None else None


def find_current(ctx: Context, professional_id: str) -> CurrentSignals | None:
    """The newest signals of a professional that count; None where none do. One round trip."""
    return parse_current(ctx.store.get_item(current_key(professional_id)))


def all_current() -> KeyRange:
    """Those of all professionals, a row each, for a query of matching; `parse_current` reads them."""
    return CurrentSignals.all()
