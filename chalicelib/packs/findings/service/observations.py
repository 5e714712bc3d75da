"""What others observe (foundation.observations): a broken chain, a right that somebody granted to themselves.

It is on the deal in whose partition its subject lies, else on none. No scan can tell whether it is over; who observes it says so.
"""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.observations import Observation
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import Deal
from chalicelib.packs.findings import repository
from chalicelib.packs.findings.entities import Finding, finding_id
from chalicelib.packs.findings.rules import scans
from chalicelib.packs.findings.rules.checks import BY_CODE
from chalicelib.packs.findings.rules.issues import Cause
from chalicelib.packs.findings.rules.scans import Step
from chalicelib.packs.findings.rules.statuses import OPEN
from chalicelib.packs.findings.service.scanning import add_to


def add_observation(ctx: Context, tx: Transaction, observation: Observation) -> None:
    """Add to the transaction what an observation changes. One round trip."""
    deal_id = observation.root_id if observation.root_id is not None and Deal.ID.is_id(observation.root_id) else None
    id = finding_id(deal_id, observation.code, observation.subject_id)
    key = Finding.ID.key(id)
    gate_key = None if deal_id is None else deals.gate_key(deal_id)
    items = ctx.store.batch_get([key, *([gate_key] if gate_key else [])])
    gate = deals.parse_gate(items.get(gate_key)) if gate_key else None
    known = parse_live(Finding, items.get(key))
    if deal_id is not None and gate is None:
        return  # the deal is gone, and its findings with it
    cause = Cause(observation.subject_type, observation.subject_id, observation.message, observation.particulars)
    issue = BY_CODE[observation.code].issue(cause) if observation.stands else None
    step = scans.step(known, issue, ctx.today)
    if step is not None:
        add_to(ctx, tx, deal_id, [repository.changed(ctx, id, deal_id, known, step, None)], gate)


@retry_on_conflict
def open_again(ctx: Context, id: str) -> None:
    """Open a finding of no deal whose risk was accepted until a day that has passed: nobody has said that its cause is gone."""
    finding = ctx.store.find(Finding, id)
    if finding is None:
        raise NotFound(Finding.ID.name)
    if scans.is_over(finding, ctx.today):
        tx = Transaction(ctx.store)
        add_to(ctx, tx, None, [repository.changed(ctx, id, None, finding, Step(OPEN, None), None)], None)
        tx.commit()
