"""Opening, reading, listing, changing and deleting buyers, with their rows of the market index."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, Invalid, NotFound
from chalicelib.foundation.ids import ROOT, Key
from chalicelib.foundation.models import check_money
from chalicelib.foundation.projections import shown as aggregates
from chalicelib.foundation.store import gates
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.keys import joined, part
from chalicelib.foundation.store.pages import CursorSeal, Partition, page, view_of
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import (
    RECORD,
    Buyer,
    by_activity,
    by_buyer,
    by_email,
    by_name,
    in_market,
    proof_of,
)
from chalicelib.packs.dispositions.rules import markets, proofs
from chalicelib.packs.dispositions.rules.statistics import Counts
from chalicelib.packs.dispositions.schemas import (
    AssignmentPage,
    BuyerCreate,
    BuyerPage,
    BuyerPatch,
    BuyerQuery,
    BuyerStatistics,
    BuyerView,
    Formula,
)
from chalicelib.packs.dispositions.service.seen import pipelines_of
from chalicelib.packs.dispositions.service.shown import assignment_summary, buyer_summary, buyer_view, statistics_view

DUPLICATE_EMAIL = "duplicate_email"
_NESTED = ("buy_box", "proof_of_funds")
_BOX_AMOUNTS = ("price_min", "price_max", "max_repairs")

Records = Mapping[str, Counts]


def create(ctx: Context, body: BuyerCreate) -> BuyerView:
    """A new buyer. Two round trips; one without an email, whose like would have to be looked for."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    values |= {name: _plain(values[name]) for name in _NESTED if name in values}
    buyer = Buyer.fresh(ctx, **{"tags": [], "do_not_contact": body.do_not_contact, "is_active": body.is_active, **_whole(ctx, values)})
    answer = buyer_view(ctx, buyer, {}, _warnings(ctx, buyer))
    tx = idempotency.transaction(ctx, answer)
    tx.create(buyer)
    gates.opened(tx, buyer.id, ctx.now)
    _index(tx, None, buyer)
    tx.commit()
    return answer


def get(ctx: Context, id: str) -> BuyerView:
    """A buyer with its record: one query, from the record to the end of its partition."""
    buyer, records = _read(ctx, id)
    return buyer_view(ctx, buyer, records, [])


def stats(ctx: Context, id: str, *, explain: bool) -> BuyerStatistics:
    """A buyer's record. One round trip."""
    buyer, records = _read(ctx, id)
    counts = records.get(RECORD, {})
    view = cast(BuyerStatistics, {"buyer_id": buyer.id, **statistics_view(counts)})
    if explain:
        missing = ["closed"] if view["close_rate"] is None else []
        formula: Formula = {"id": "dispositions.record", "version": 1}
        view["explain"] = {"inputs": dict(counts), "formula": formula, "as_of": instant(ctx.now), "missing": missing}
    return view


def edit(ctx: Context, id: str, body: BuyerPatch) -> BuyerView:
    """Change a buyer; what is left out stays. Two round trips, one more for a new email."""

    def step() -> BuyerView:
        before, records = _read(ctx, id)
        ctx.expect_revision(before.revision)
        after = _edited(ctx, before, body)
        warnings = _warnings(ctx, after) if after.email != before.email else []
        if after is not before:
            save(ctx, before, after)
        return buyer_view(ctx, after, records, warnings)

    return ctx.store.settle(step)


def delete(ctx: Context, id: str) -> None:
    """Mark a buyer deleted; refused (409) while an assignment that didn't fall out is theirs. Two round trips."""

    def step() -> None:
        before, _ = _read(ctx, id)
        ctx.expect_revision(before.revision)
        tx = Transaction(ctx.store)
        gates.closed(tx, Buyer.ID, id, ctx.now)
        _index(tx, before, None)
        tx.save(before.deleted(ctx))
        tx.commit()

    ctx.store.settle(step)


def save(ctx: Context, before: Buyer, after: Buyer) -> None:
    """Write a changed buyer, with its rows of the market index where they hold anything of the change."""
    if (before.market_keys, _row(before)) == (after.market_keys, _row(after)):
        ctx.store.save(after)
        return
    tx = Transaction(ctx.store)
    tx.save(after)
    _index(tx, before, after)
    tx.commit()


# -- lists


def list_page(ctx: Context, query: BuyerQuery) -> BuyerPage:
    """Buyers: of a market, else by the beginning of name or email, else all; one query for each partition that this takes."""
    if query.q is not None and not ctx.actor.may("dispositions:contacts"):
        raise Forbidden("Names and emails are looked for by those who may see them.")
    filters = query.model_dump(exclude={"limit", "cursor"})
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, filters, ctx.actor.id)
    begins = None if query.q is None else markets.folded(query.q)
    if begins == "":
        raise Invalid.field("q", "a letter or digit is needed")
    by_alphabet = begins is not None and query.market is None
    found = page(
        ctx.store,
        _partitions(query, begins),
        seal,
        limit=query.limit,
        cursor=query.cursor,
        keep=_filter(query, begins),
        newest_first=not by_alphabet,
        shown=_found_by(begins) if by_alphabet else view_of,
    )
    return {"items": [buyer_summary(ctx, view) for view in found.rows], "next_cursor": found.next_cursor}


def _partitions(query: BuyerQuery, begins: str | None) -> list[Partition]:
    if query.market is not None:
        reading = markets.buyers_of(markets.Place(postal_code=query.market, country=query.country))
        homes = [home for home in reading.partitions if home != markets.EVERYWHERE]
        if not homes:
            raise Invalid.field("market", "a postal code is needed")
        return [Partition(None, in_market(home)) for home in homes]
    if begins is not None:
        return [
            Partition("gsi2", by_name(begins), prefix=part(begins)),
            Partition("gsi4", by_email(begins), prefix=part(begins)),
        ]
    activities = (True,) if query.active_only == "true" else (True, False)
    return [Partition("gsi1", by_activity(active)) for active in activities]


def _filter(query: BuyerQuery, begins: str | None) -> Callable[[dict[str, Any]], bool]:
    def keep(view: dict[str, Any]) -> bool:
        if query.active_only == "true" and not view["is_active"]:
            return False
        if view.pop("_shown_by_name", False):
            return False
        return query.market is None or begins is None or _begins(view, begins)

    return keep


def _begins(view: dict[str, Any], begins: str) -> bool:
    return markets.folded(view["name"]).startswith(begins[:80]) or markets.folded(view.get("email", "")).startswith(begins)


def _found_by(begins: str | None) -> Callable[[Raw], dict[str, Any]]:
    """What the list shows; who is found by the email and by the name, too, is marked where the email found them."""

    def shown(raw: Raw) -> dict[str, Any]:
        view = view_of(raw)
        if begins and "gsi4sk" in raw and "gsi2sk" not in raw and markets.folded(view["name"]).startswith(begins[:80]):
            view["_shown_by_name"] = True
        return view

    return shown


def assignments_page(ctx: Context, id: str, limit: int, cursor: str | None) -> AssignmentPage:
    """A buyer's assignments, newest first, without those that went with their pipeline when it was deleted.

    Three round trips: the buyer, the list, the pipelines of the page.
    """
    if ctx.store.find(Buyer, id) is None:
        raise NotFound("buyer")
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
    found = page(ctx.store, [Partition("gsi1", by_buyer(id))], seal, limit=limit, cursor=cursor)
    pipelines = pipelines_of(ctx, {view["pipeline_id"] for view in found.rows})
    items = [assignment_summary(view, pipelines[view["pipeline_id"]]) for view in found.rows if view["pipeline_id"] in pipelines]
    return {"items": items, "next_cursor": found.next_cursor}


# -- what it becomes


def _edited(ctx: Context, before: Buyer, body: BuyerPatch) -> Buyer:
    sent = body.model_dump(exclude_unset=True)
    values = {name: _merged(before, name, value) for name, value in sent.items()}
    values = _whole(ctx, values)
    values = {name: value for name, value in values.items() if value != before.attribute_values.get(name)}
    return before.changed(ctx, **values) if values else before


def _merged(before: Buyer, name: str, sent: Any) -> Any:
    if name == "tags":
        return sent or []
    if name not in _NESTED or sent is None:
        return sent
    kept = dict(before.attribute_values.get(name) or {})
    if name == "proof_of_funds" and "issued_on" in sent and "expires_on" not in sent:
        kept.pop("expires_on", None)
    merged = {**kept, **_plain(sent, keep_nulls=True)}
    return {field: value for field, value in merged.items() if value is not None} or None


def _whole(ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
    """The values with what follows from them, checked."""
    if box := values.get("buy_box"):
        _check_box(ctx, box)
    if proof := values.get("proof_of_funds"):
        values = {**values, "proof_of_funds": _whole_proof(ctx, proof)}
    return values


def _check_box(ctx: Context, box: dict[str, Any]) -> None:
    currency = box.get("currency") or ctx.settings.default_currency
    amounts = {f"buy_box.{name}": Decimal(box[name]) for name in _BOX_AMOUNTS if box.get(name) is not None}
    check_money(currency, dict(amounts))
    low, high = amounts.get("buy_box.price_min"), amounts.get("buy_box.price_max")
    if low is not None and high is not None and low > high:
        raise Invalid.field("buy_box.price_max", "is below price_min")


def _whole_proof(ctx: Context, proof: dict[str, Any]) -> dict[str, Any]:
    if missing := [name for name in ("amount", "issued_on") if proof.get(name) is None]:
        raise Invalid([{"loc": ["proof_of_funds", name], "message": "it is needed", "type": "missing"} for name in missing])
    issued_on = date.fromisoformat(proof["issued_on"])
    proof = {"currency": ctx.settings.default_currency, "expires_on": proofs.default_expiry(issued_on).isoformat(), **proof}
    check_money(proof["currency"], {"proof_of_funds.amount": Decimal(proof["amount"])})
    if proof["expires_on"] < proof["issued_on"]:
        raise Invalid.field("proof_of_funds.expires_on", "is before its issue")
    assert proof_of(proof)
    return proof


def _plain(values: dict[str, Any], *, keep_nulls: bool = False) -> dict[str, Any]:
    """Nested values as the table holds them: days as text."""
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
    return plain if keep_nulls else {name: value for name, value in plain.items() if value is not None}


# -- the table


def _read(ctx: Context, id: str) -> tuple[Buyer, Records]:
    """A buyer with its record, strongly. One round trip."""
    key = Buyer.ID.key(id)
    answer = ctx.store.query(
        KeyConditionExpression="pk = :pk AND sk BETWEEN :record AND :root",
        ExpressionAttributeValues={":pk": {"S": key.pk}, ":record": {"S": RECORD}, ":root": {"S": ROOT}},
        ConsistentRead=True,
    )
    rows = answer["Items"]
    buyer = alive(Buyer, rows[-1]) if rows and rows[-1]["sk"]["S"] == ROOT else None
    if buyer is None:
        raise NotFound("buyer")
    return buyer, aggregates(ctx.store, rows)


def _row(buyer: Buyer) -> dict[str, Any]:
    """What a row of the market index holds of a buyer."""
    return {**buyer.card, "view": buyer.to_item()["view"]["S"]}


def _index(tx: Transaction, before: Buyer | None, after: Buyer | None) -> None:
    """The rows of the market index of after, and none that were of before only."""
    wanted: list[Key] = after.market_keys if after else []
    for key in before.market_keys if before else []:
        if key not in wanted:
            tx.delete(key)
    if after:
        row = _row(after)
        for key in wanted:
            tx.put_row(key, row)


def _warnings(ctx: Context, buyer: Buyer) -> list[str]:
    """Whether another buyer has the same email. One round trip, none without an email."""
    if not buyer.email:
        return []
    email = markets.folded(buyer.email)
    answer = ctx.store.query(
        IndexName="gsi4",
        KeyConditionExpression="gsi4pk = :pk AND begins_with(gsi4sk, :email)",
        ExpressionAttributeValues={":pk": {"S": by_email(email)}, ":email": {"S": joined(part(email), "")}},
        Limit=2,
    )
    others = [row for row in answer["Items"] if row["pk"]["S"] != buyer.id]
    return [DUPLICATE_EMAIL] if others else []
