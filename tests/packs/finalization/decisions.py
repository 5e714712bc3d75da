"""Decisions on a subject, made without the requests that people make them by, and critical findings on a deal."""

from datetime import timedelta
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.findings.entities import Finding, finding_id
from chalicelib.packs.findings.rules.checks import BY_CODE
from chalicelib.packs.findings.rules.issues import Cause
from chalicelib.packs.governance import repository
from chalicelib.packs.governance.entities import Decision, partition_of


def decide(
    ctx: Context, subject_id: str, action: str = "approve", requested_action: str = "finalize", role: str = "King", **values: Any
) -> str:
    """Decide on a subject as it is now, as the user of the context: the decision's id."""
    subject = SubjectRegistry(ctx.packs).load(ctx, subject_id)
    head, partition = repository.read_head(ctx, subject_id), partition_of(subject_id)
    decision = Decision.new(
        ctx,
        Decision.ID.new(ctx.now, partition),
        subject_type=subject.type,
        subject_id=subject_id,
        number=head.ver + 1,
        role=role,
        action=action,
        requested_action=requested_action,
        person=ctx.actor.id,
        is_final=values.pop("is_final", False),
        subject_hash=subject.content_hash,
        policy_version=1,
        **values,
    )
    tx = Transaction(ctx.store)
    tx.create(decision)
    repository.add_head(tx, subject_id, head, head.with_decision(decision))
    repository.add_reference(ctx, tx, partition, ctx.store.get_item(reference_counter(partition)))
    tx.commit()
    return decision.id


def raise_finding(ctx: Context, deal: str, code: str = "CHAIN_BROKEN", subject: str | None = None, **values: Any) -> str:
    """A critical finding on a deal, raised now: its id."""
    subject = subject or deal
    issue = BY_CODE[code].issue(Cause("deal", subject, "A chain is broken."))
    finding = Finding.new(
        ctx,
        finding_id(deal, code, subject),
        deal_id=deal,
        code=code,
        severity=issue.severity,
        message=issue.message,
        subject_type=issue.subject_type,
        subject_id=subject,
        fingerprint=issue.fingerprint,
        rule_version=issue.rule_version,
        status="open",
        status_entered_at=ctx.now,
        status_entered_by="system:x",
        first_seen=ctx.now,
        last_seen=ctx.now,
        reopened=0,
    )
    return _write(ctx, None, finding.with_values(**values))


def accept_finding(ctx: Context, deal: str, id: str, days: int = 30) -> None:
    """Accept the risk of a finding for so many days."""
    before = ctx.store.require(Finding, id)
    after = before.with_changes(ctx, status="accepted_risk", until=ctx.today + timedelta(days=days))
    _write(ctx, before, after)


def _write(ctx: Context, before: Finding | None, after: Finding) -> str:
    tx = Transaction(ctx.store)
    deals.raise_version(ctx, tx, after.deal_id or "", any_deal=None, statuses=deals.ANY_STATUS)
    tx.create(after) if before is None else tx.save(after)
    tx.commit()
    return after.id
