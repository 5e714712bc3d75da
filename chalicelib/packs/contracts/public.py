"""The interface of this pack to other packs: what packets say of contracts, and what stands against the end of a deal."""

from collections.abc import Sequence

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.packet_facts import FactList
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.references import MAX_NAMED
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.contracts.entities import Contract
from chalicelib.packs.contracts.rules.statuses import SENT


def refuse_with_deal(ctx: Context, tx: Transaction, deal_id: str, limit: int) -> int:  # noqa: ARG001 - the manifest's signature
    """Raise Conflict where a contract of the deal is sent: parties may sign it at any moment. Nothing is cancelled with the deal.

    One round trip for each MB of the deal's contracts. That none is written meanwhile is for the caller to see to.
    """
    views = (decode_view(row) for row in ctx.store.query_all(Contract.children_of(deal_id)))
    sent = [view["id"] for view in views if view and view["status"] == SENT]  # what is deleted has no view
    if sent:
        raise Conflict("Contracts of the deal are sent: recall them first.", code="contract_sent", held_by=sent[:MAX_NAMED])
    return 0


def contracts_of_deal(
    ctx: Context,
    professional_id: str,  # noqa: ARG001 - the manifest's signature
    deal_id: str | None,  # noqa: ARG001
    rows: Sequence[DynamoItem],
) -> FactList:
    """The contracts among the rows of a deal, for a packet, the newest first; without a deal there are none."""
    first = f"{Contract.ID.row}#"
    found = [Contract.from_item(row) for row in rows if row["sk"]["S"].startswith(first) and "deleted_at" not in row]
    return FactList([_fact(ctx, contract) for contract in reversed(found)])


def _fact(ctx: Context, contract: Contract) -> JsonObject:
    ends_on = contract.term_ends_on(ctx.today)
    return {
        "id": contract.id,
        "title": contract.title,
        "kind": contract.kind,
        "status": contract.status,
        "version": contract.version,
        "in_force": contract.in_force(ctx.today),
        "sign_by": contract.sign_by and contract.sign_by.isoformat(),
        "expires_on": ends_on and ends_on.isoformat(),
    }
