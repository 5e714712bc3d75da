"""Opening, reading, listing, changing and deleting buyers, with their rows of the market index."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Forbidden, NotFound, ValidationFailed
from chalicelib.foundation.explanations import Formula
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.projections import live_aggregates as aggregates
from chalicelib.foundation.schema_types import check_money
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.keys import escape_key_part, join_key
from chalicelib.foundation.store.pagination import CursorSigner, decode_view, paginate
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import (
    STATISTICS_SORT_KEY,
    Buyer,
    activity_key,
    buyer_key,
    email_key,
    market_key,
    name_key,
    parse_proof,
)
from chalicelib.packs.dispositions.presenters import assignment_summary, buyer_summary, buyer_view, statistics_view
from chalicelib.packs.dispositions.rules import markets, proof_of_funds
from chalicelib.packs.dispositions.rules.buyer_statistics import Counts
from chalicelib.packs.dispositions.schemas import (
    AssignmentPage,
    BuyerCreate,
    BuyerPage,
    BuyerPatch,
    BuyerQuery,
    BuyerStatisticsView,
    BuyerView,
)
from chalicelib.packs.dispositions.service.seen import get_pipelines

DUPLICATE_EMAIL = "duplicate_email"
_NESTED = ("buy_box", "proof_of_funds")
_BOX_AMOUNTS = ("price_min", "price_max", "max_repairs")

Records = Mapping[str, Counts]


def create(ctx: Context, body: BuyerCreate) -> BuyerView:
    """A new buyer. Two round trips; one without an email, whose like would have to be looked for."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    values |= {name: _to_storable(values[name]) for name in _NESTED if name in values}
    buyer = Buyer.new(
        ctx, **{"tags": [], "do_not_contact": body.do_not_contact, "is_active": body.is_active, **_with_defaults(ctx, values)}
    )
    view = buyer_view(ctx, buyer, {}, _warnings(ctx, buyer))
    tx = idempotency.idempotent_transaction(ctx, view)
    tx.create(buyer)
    references.add_counter(tx, buyer.id, ctx.now)
    _sync_market_rows(tx, None, buyer)
    tx.commit()
    return view


def get(ctx: Context, id: str) -> BuyerView:
    """A buyer with its record: one query, from the record to the end of its partition."""
    buyer, records = _get_or_404(ctx, id)
    return buyer_view(ctx, buyer, records, [])


def stats(ctx: Context, id: str, *, explain: bool) -> BuyerStatisticsView:
    """A buyer's record. One round trip."""
    buyer, records = _get_or_404(ctx, id)
    counts = records.get(STATISTICS_SORT_KEY, {})
    view = cast(BuyerStatisticsView, {"buyer_id": buyer.id, **statistics_view(counts)})
    if explain:
        missing = ["closed"] if view["close_rate"] is None else []
        formula: Formula = {"id": "dispositions.record", "version": 1}
        view["explain"] = {"inputs": dict(counts), "formula": formula, "as_of": format_timestamp(ctx.now), "missing": missing}
    return view


def edit(ctx: Context, id: str, body: BuyerPatch) -> BuyerView:
    """Change a buyer; what is left out stays. Two round trips, one more for a new email."""

    def step() -> BuyerView:
        before, records = _get_or_404(ctx, id)
        ctx.check_if_match(before.revision)
        after = _apply_patch(ctx, before, body)
        warnings = _warnings(ctx, after) if after.email != before.email else []
        if after is not before:
            save(ctx, before, after)
        return buyer_view(ctx, after, records, warnings)

    return ctx.store.retry_on_conflict(step)


def delete(ctx: Context, id: str) -> None:
    """Mark a buyer deleted; refused (409) while an assignment that didn't fall out is theirs. Two round trips."""

    def step() -> None:
        before, _ = _get_or_404(ctx, id)
        ctx.check_if_match(before.revision)
        tx = Transaction(ctx.store)
        references.close_if_unreferenced(tx, Buyer.ID, id, ctx.now)
        _sync_market_rows(tx, before, None)
        tx.save(before.soft_deleted(ctx))
        tx.commit()

    ctx.store.retry_on_conflict(step)


def save(ctx: Context, before: Buyer, after: Buyer) -> None:
    """Write a changed buyer, with its rows of the market index where they hold anything of the change."""
    if (before.market_keys, _market_row(before)) == (after.market_keys, _market_row(after)):
        ctx.store.save(after)
        return
    tx = Transaction(ctx.store)
    tx.save(after)
    _sync_market_rows(tx, before, after)
    tx.commit()


# -- lists


def list_buyers(ctx: Context, query: BuyerQuery) -> BuyerPage:
    """Buyers: of a market, else by the beginning of name or email, else all; one query for each partition that this takes."""
    if query.q is not None and not ctx.actor.can("dispositions:contacts"):
        raise Forbidden("Names and emails are looked for by those who may see them.")
    filters = query.model_dump(exclude={"limit", "cursor"})
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, filters, ctx.actor.id)
    prefix = None if query.q is None else markets.fold_name(query.q)
    if prefix == "":
        raise ValidationFailed.field("q", "a letter or digit is needed")
    by_alphabet = prefix is not None and query.market is None
    page = paginate(
        ctx.store,
        _key_ranges(query, prefix),
        seal,
        limit=query.limit,
        cursor=query.cursor,
        predicate=_predicate(query, prefix),
        newest_first=not by_alphabet,
        decode=_search_view(prefix) if by_alphabet else decode_view,
    )
    return {"items": [buyer_summary(ctx, view) for view in page.rows], "next_cursor": page.next_cursor}


def _key_ranges(query: BuyerQuery, prefix: str | None) -> list[KeyRange]:
    if query.market is not None:
        reading = markets.partitions_for(markets.Location(postal_code=query.market, country=query.country))
        homes = [home for home in reading.partitions if home != markets.EVERYWHERE]
        if not homes:
            raise ValidationFailed.field("market", "a postal code is needed")
        return [KeyRange(None, market_key(home)) for home in homes]
    if prefix is not None:
        return [
            KeyRange("gsi2", name_key(prefix), prefix=escape_key_part(prefix)),
            KeyRange("gsi4", email_key(prefix), prefix=escape_key_part(prefix)),
        ]
    activities = (True,) if query.active_only else (True, False)
    return [KeyRange("gsi1", activity_key(active)) for active in activities]


def _predicate(query: BuyerQuery, prefix: str | None) -> Callable[[dict[str, Any]], bool]:
    def keep(view: dict[str, Any]) -> bool:
        if query.active_only and not view["is_active"]:
            return False
        if view.pop("_shown_by_name", False):
            return False
        return query.market is None or prefix is None or _matches_prefix(view, prefix)

    return keep


def _matches_prefix(view: dict[str, Any], prefix: str) -> bool:
    return markets.fold_name(view["name"]).startswith(prefix[:80]) or markets.fold_name(view.get("email", "")).startswith(prefix)


def _search_view(prefix: str | None) -> Callable[[DynamoItem], dict[str, Any]]:
    """What the list shows; who is found by the email and by the name, too, is marked where the email found them."""

    def shown(raw: DynamoItem) -> dict[str, Any]:
        view = decode_view(raw)
        if prefix and "gsi4sk" in raw and "gsi2sk" not in raw and markets.fold_name(view["name"]).startswith(prefix[:80]):
            view["_shown_by_name"] = True
        return view

    return shown


def list_assignments(ctx: Context, id: str, limit: int, cursor: str | None) -> AssignmentPage:
    """A buyer's assignments, newest first, without those that went with their pipeline when it was deleted.

    Three round trips: the buyer, the list, the pipelines of the page.
    """
    if ctx.store.find(Buyer, id) is None:
        raise NotFound("buyer")
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    page = paginate(ctx.store, [KeyRange("gsi1", buyer_key(id))], seal, limit=limit, cursor=cursor, decode=decode_view)
    pipelines = get_pipelines(ctx, {view["pipeline_id"] for view in page.rows})
    items = [assignment_summary(view, pipelines[view["pipeline_id"]]) for view in page.rows if view["pipeline_id"] in pipelines]
    return {"items": items, "next_cursor": page.next_cursor}


# -- what it becomes


def _apply_patch(ctx: Context, before: Buyer, body: BuyerPatch) -> Buyer:
    sent = body.model_dump(exclude_unset=True)
    values = {name: _merge_patch(before, name, value) for name, value in sent.items()}
    values = _with_defaults(ctx, values)
    values = {name: value for name, value in values.items() if value != before.attribute_values.get(name)}
    return before.with_changes(ctx, **values) if values else before


def _merge_patch(before: Buyer, name: str, sent: Any) -> Any:
    if name == "tags":
        return sent or []
    if name not in _NESTED or sent is None:
        return sent
    current = dict(before.attribute_values.get(name) or {})
    if name == "proof_of_funds" and "issued_on" in sent and "expires_on" not in sent:
        current.pop("expires_on", None)
    merged = {**current, **_to_storable(sent, keep_nulls=True)}
    return {field: value for field, value in merged.items() if value is not None} or None


def _with_defaults(ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
    """The values with what follows from them, checked."""
    if box := values.get("buy_box"):
        _check_buy_box(ctx, box)
    if proof := values.get("proof_of_funds"):
        values = {**values, "proof_of_funds": _complete_proof(ctx, proof)}
    return values


def _check_buy_box(ctx: Context, box: dict[str, Any]) -> None:
    currency = box.get("currency") or ctx.settings.default_currency
    amounts = {f"buy_box.{name}": Decimal(box[name]) for name in _BOX_AMOUNTS if box.get(name) is not None}
    check_money(currency, dict(amounts))
    low, high = amounts.get("buy_box.price_min"), amounts.get("buy_box.price_max")
    if low is not None and high is not None and low > high:
        raise ValidationFailed.field("buy_box.price_max", "is below price_min")


def _complete_proof(ctx: Context, proof: dict[str, Any]) -> dict[str, Any]:
    if missing := [name for name in ("amount", "issued_on") if proof.get(name) is None]:
        raise ValidationFailed([{"loc": ["proof_of_funds", name], "message": "it is needed", "type": "missing"} for name in missing])
    issued_on = date.fromisoformat(proof["issued_on"])
    proof = {"currency": ctx.settings.default_currency, "expires_on": proof_of_funds.default_expiry(issued_on).isoformat(), **proof}
    check_money(proof["currency"], {"proof_of_funds.amount": Decimal(proof["amount"])})
    if proof["expires_on"] < proof["issued_on"]:
        raise ValidationFailed.field("proof_of_funds.expires_on", "is before its issue")
    assert parse_proof(proof)
    return proof


def _to_storable(values: dict[str, Any], *, keep_nulls: bool = False) -> dict[str, Any]:
    """Nested values as the table holds them: days as text."""
    storable = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
    return storable if keep_nulls else {name: value for name, value in storable.items() if value is not None}


# -- the table


def _get_or_404(ctx: Context, id: str) -> tuple[Buyer, Records]:
    """A buyer with its record, strongly. One round trip."""
    key = Buyer.ID.key(id)
    response = ctx.store.query(
        KeyConditionExpression="pk = :pk AND sk BETWEEN :record AND :root",
        ExpressionAttributeValues={":pk": {"S": key.pk}, ":record": {"S": STATISTICS_SORT_KEY}, ":root": {"S": ROOT_SORT_KEY}},
        ConsistentRead=True,
    )
    rows = response["Items"]
    buyer = parse_live(Buyer, rows[-1]) if rows and rows[-1]["sk"]["S"] == ROOT_SORT_KEY else None
    if buyer is None:
        raise NotFound("buyer")
    return buyer, aggregates(ctx.store, rows)


def _market_row(buyer: Buyer) -> dict[str, Any]:
    """What a row of the market index holds of a buyer."""
    return {**buyer.market_row, "view": buyer.to_item()["view"]["S"]}


def _sync_market_rows(tx: Transaction, before: Buyer | None, after: Buyer | None) -> None:
    """The rows of the market index of after, and none that were of before only."""
    keys: list[ItemKey] = after.market_keys if after else []
    for key in before.market_keys if before else []:
        if key not in keys:
            tx.delete_by_expression(key)
    if after:
        row = _market_row(after)
        for key in keys:
            tx.put_values_by_expression(key, row)


def _warnings(ctx: Context, buyer: Buyer) -> list[str]:
    """Whether another buyer has the same email. One round trip, none without an email."""
    if not buyer.email:
        return []
    email = markets.fold_name(buyer.email)
    response = ctx.store.query(
        IndexName="gsi4",
        KeyConditionExpression="gsi4pk = :pk AND begins_with(gsi4sk, :email)",
        ExpressionAttributeValues={":pk": {"S": email_key(email)}, ":email": {"S": join_key(escape_key_part(email), "")}},
        Limit=2,
    )
    others = [row for row in response["Items"] if row["pk"]["S"] != buyer.id]
    return [DUPLICATE_EMAIL] if others else []
