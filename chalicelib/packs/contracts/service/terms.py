"""What time does to contracts: what isn't signed in time expires; of what is signed deadlines, renewals and ends are told, once each.

A contract's due key is the day of what comes next, and its claim moves it: so runs may be late, repeated, or several at once.
"""

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import DueItems, commit_claim, process_due
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.contracts import repository
from chalicelib.packs.contracts.entities import Contract
from chalicelib.packs.contracts.rules import deadlines
from chalicelib.packs.contracts.rules.deadlines import ENDED, ENDING, NOTICE_DUE, RENEWED, Telling
from chalicelib.packs.contracts.rules.statuses import EXPIRED, SENT, SIGNED
from chalicelib.packs.contracts.service.notifications import event_of
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import DealGate

_WORDS = {NOTICE_DUE: "Notice must be received in time", ENDING: "Its term ends", RENEWED: "Renewed", ENDED: "It has ended"}


def run_due(ctx: Context, run: RunStats) -> None:
    """Do what is due of every contract. Two round trips for fifty contracts, and one for each."""
    process_due(ctx, run, Contract.TERMS.until(ctx.today), _handle, keys=_keys)


def _keys(id: str) -> tuple[ItemKey, ...]:
    return deals.with_gate(Contract.ID.key(id))


def _handle(ctx: Context, id: str, items: DueItems) -> bool:
    key, gate_key = _keys(id)
    contract, gate = parse_live(Contract, items.get(key)), deals.parse_gate(items.get(gate_key))
    if contract is None or gate is None or contract.due_on is None or contract.due_on > ctx.today:
        return False  # the index lags: another run has done it, or there is nothing to do any more
    return _expire(ctx, contract, gate) if contract.status == SENT else _tell(ctx, contract, gate)


def _expire(ctx: Context, before: Contract, gate: DealGate) -> bool:
    after = before.with_changes(ctx, **repository.HISTORY.entry(ctx, EXPIRED))
    sign_by = before.sign_by or ctx.today

    def claim(tx: Transaction) -> None:
        repository.add_move(ctx, tx, before, after, deal_statuses=deals.ANY_STATUS)

    told = event_of(ctx, after, gate, "expired", "Not signed in time", occasion=str(before.sending), on=sign_by, due_on=sign_by)
    return commit_claim(ctx, claim, [told])


def _tell(ctx: Context, before: Contract, gate: DealGate) -> bool:
    assert before.status == SIGNED, "nothing else has a due key"
    tellings, told = deadlines.due(before.terms, before.told, ctx.today)
    after = before.with_changes(ctx, terms_told=told.terms, reminded_for=told.reminded_for, reminded=told.reminded)
    return commit_claim(ctx, lambda tx: tx.save(after), [_event(ctx, before, gate, telling) for telling in tellings])


def _event(ctx: Context, contract: Contract, gate: DealGate, telling: Telling) -> Notification:
    data: dict[str, object] = {"renews": contract.auto_renew}
    occasion = telling.on.isoformat()
    if telling.event in (NOTICE_DUE, ENDING):
        data |= {"days_left": telling.days_left, "late": telling.late, "skipped": list(telling.skipped)}
        occasion += f"/{telling.days_before}"
    return event_of(
        ctx, contract, gate, telling.event, _WORDS[telling.event], occasion=occasion, on=telling.on, due_on=telling.on, data=data
    )
