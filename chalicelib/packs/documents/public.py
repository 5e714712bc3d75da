"""The interface of this pack to other packs: what ends with a deal, and what packets say of documents."""

from collections.abc import Sequence

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.packet_facts import MAX_FACTS, FactList
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.rules.statuses import RECALLED


def cancel_with_deal(ctx: Context, tx: Transaction, deal_id: str, limit: int) -> int:
    """Add that the routes of a deal which wait for somebody are recalled with it, one action each; how many they are.

    Of more than `limit` it adds nothing.
    """
    from chalicelib.packs.documents.service import moves

    return moves.cancel_with_deal(ctx, tx, deal_id, limit)


def documents(ctx: Context, professional_id: str, deal_id: str | None, rows: Sequence[DynamoItem]) -> FactList:  # noqa: ARG001
    """The documents of a deal that were sent to anybody and not recalled: those that wait for somebody first, then the newest."""
    live = (Route.from_item(row) for row in rows if row.get("kind") == {"S": Route.KIND} and "deleted_at" not in row)
    routes = sorted((route for route in live if route.status != RECALLED), key=lambda route: route.sent_at, reverse=True)
    routes.sort(key=lambda route: not route.is_waiting)
    return FactList([_fact(route) for route in routes[:MAX_FACTS]], cut=len(routes) > MAX_FACTS)


def _fact(route: Route) -> JsonObject:
    fields = ("id", "document_type", "title", "professional_id", "contract_id", "status")
    sent = {"sent_at": format_timestamp(route.sent_at), "due_on": route.due_on and route.due_on.isoformat()}
    return {**{name: route.attribute_values.get(name) for name in fields}, **sent}
