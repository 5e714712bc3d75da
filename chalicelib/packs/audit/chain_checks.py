"""Telling of verifications of chains: auditors by an event, and packs that keep what was found.

A pack names in its manifest (`chain_checks`) the function that is told which chains are broken, and which are whole.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.manifest import import_string
from chalicelib.packs.audit import repository

_MAX_EVENTS = 20  # of one verification; what else is broken is known to who verified


@dataclass(frozen=True)
class BrokenChain:
    """A chain that isn't as it was recorded: from which record on, and why. `root` is in whose partition its entity lies; "" where that isn't known."""

    entity_id: str
    kind: str
    root: str
    seq: int
    reason: str


@dataclass(frozen=True)
class ChainCheck:
    """The result of verifying chains to their ends."""

    broken: Sequence[BrokenChain]
    whole: Collection[str]  # the ids of the entities whose chains are whole


def report(ctx: Context, check: ChainCheck) -> None:
    """Tell of a verification: a log line and an event for each break, once; and each pack that wants to know."""
    for chain in check.broken[:_MAX_EVENTS]:
        telemetry.log("ERROR", "CHAIN_BROKEN", entity=chain.entity_id, seq=chain.seq, reason=chain.reason)
        telemetry.emit_metric({"ChainBroken": 1}, stream="verification")
        repository.notify_broken(
            ctx,
            f"{chain.entity_id}#{chain.seq}",
            subject_type=chain.kind or "trail",
            subject_id=chain.entity_id,
            title=f"The trail of {chain.entity_id} is broken at {chain.seq}: {chain.reason}",
            data={"seq": chain.seq, "reason": chain.reason},
        )
    for pack in ctx.packs:
        if pack.chain_checks:
            import_string(pack.chain_checks)(ctx, check)
