"""The interface of this pack to other packs: what ends with a deal, and what packets say of documents."""

from itertools import islice

from chalicelib.foundation.context import Context
from chalicelib.foundation.packet_facts import MAX_FACTS, FactList
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.rules.statuses import RECALLED, WAITING

_FIELDS = ("id", "document_type", "title", "professional_id", "contract_id", "status", "sent_at")


def cancel_with_deal(ctx: Context, tx: Transaction, deal_id: str, limit: int) -> int:
    """Add that the routes of a deal which wait for somebody are recalled with it, one action each; how many they are. Of more than `limit` nothing."""
    from chalicelib.packs.documents.service import moves

    return moves.cancel_with_deal(ctx, tx, deal_id, limit)


def documents(ctx: Context, professional_id: str, deal_id: str | None) -> FactList:
    """The documents of the deal that were sent to anybody, else those that were sent to the professional: those that wait first, the newest first.

    Those that were recalled are left out. One round trip for each MB of what lists show of them.
    """
    range = Route.BY_PROFESSIONAL.range(professional_id=professional_id) if deal_id is None else Route.children_of(deal_id)
    rows = ctx.store.query_all(range, newest_first=True)
    found = [view for view in (decode_view(row) for row in rows if "view" in row) if view["status"] != RECALLED]
    found.sort(key=lambda row: row["status"] not in WAITING)
    return FactList([{name: row.get(name) for name in _FIELDS} for row in islice(found, MAX_FACTS)], cut=len(found) > MAX_FACTS)
