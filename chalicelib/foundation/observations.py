"""What one pack observes and another keeps as a finding, for packs that can't import it.

observations.add(ctx, tx, Observation("SELF_APPROVAL", "user", user.id, "…"))    # in the transaction of what is observed
observations.report(ctx, Observation("CHAIN_BROKEN", …, stands=chain.is_broken))  # by itself
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.foundation.manifest import import_string
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context


@dataclass(frozen=True)
class Observation:
    """That something is wrong with a subject (`stands`), or isn't any more. `root_id` is the partition in which the subject lies.

    `code` is the rule's. The message names nobody. `particulars` tell this cause from another one of the same rule and subject.
    """

    code: str
    subject_type: str
    subject_id: str
    message: str
    stands: bool = True
    root_id: str | None = None
    particulars: tuple[str, ...] = ()


def add(ctx: "Context", tx: Transaction, observation: Observation) -> None:
    """Add to the transaction what the observation changes of the findings: a few actions, none where it is known. One round trip.

    Where somebody else was first, the transaction fails with VersionConflict.
    """
    for pack in ctx.packs:
        if pack.observations:
            import_string(pack.observations)(ctx, tx, observation)


@retry_on_conflict
def report(ctx: "Context", observation: Observation) -> None:
    """Write what the observation changes of the findings. One round trip where it is known, else two."""
    tx = Transaction(ctx.store)
    add(ctx, tx, observation)
    if len(tx):
        tx.commit()
