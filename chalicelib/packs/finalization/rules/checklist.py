"""What must hold before a deal is finalized: a pure function over what was read of it.

Each key of the checklist is true where nothing blocks it. What blocks says its id and why, as a code: the status of a contract, a
document or a task that isn't over, a word of this module's, or the code of a finding.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.finalization.rules.items import Item, Surroundings, standing

KEYS = (
    HAS_SIGNED_CONTRACT, NO_UNSIGNED_CONTRACTS, DOCS_ACKNOWLEDGED, TASKS_DONE, NO_CRITICAL_FINDING, NO_OBJECTION, ITEMS_SETTLED, APPROVALS,
) = (
    "has_signed_contract", "no_unsigned_contracts", "all_required_docs_acknowledged", "all_professional_tasks_done",
    "no_open_critical_finding", "no_governance_denial_or_flag", "items_settled", "approvals",
)  # fmt: skip

# The statuses that the older API required.
SIGNED, ACKNOWLEDGED, DONE = "signed", "acknowledged", "done"
UNSIGNED = ("draft", "under_review", "approved", "sent")  # of a contract that is still to be signed, or to be archived
UNACKNOWLEDGED = ("sent", "opened", "bounced")  # of a document that somebody still has to acknowledge; a recalled one is left out
ARCHIVED = "archived"  # a contract that is none of the deal's any more
TASK_SETTLED = (DONE, "cancelled")

NONE_SIGNED, NOT_IN_FORCE, STALE_HASH, DENIED, FLAGGED = ("none_signed", "not_in_force", "stale_hash", "denied", "flagged")
MISSING_SIGNED_CONTRACT = "MISSING_SIGNED_CONTRACT"  # the finding that is the first key's


class Block(TypedDict):
    """What blocks a key, and why."""

    id: str
    why: str


Blocking = Mapping[str, Sequence[Block]]


class Part(Protocol):
    """A contract, document or task of the deal, as its pack describes it to others."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def facts(self) -> JsonObject:
        """What its pack tells of it."""


class Issue(Protocol):
    """A critical issue that the rules of findings see now, and for which nobody accepted the risk."""

    @property
    def code(self) -> str:
        """The rule that found it."""

    @property
    def subject_id(self) -> str:
        """What it is about."""


@dataclass(frozen=True)
class Findings:
    """What is read of a deal, as far as the checklist goes by it.

    `objections` are standing denials and flags of governance. `approvals` is what lacks of the approvals that policies ask for.
    """

    deal_id: str
    contracts: Sequence[Part]
    routes: Sequence[Part]
    tasks: Sequence[Part]
    items: Sequence[Item]
    surroundings: Surroundings
    issues: Sequence[Issue]
    objections: Sequence[Block]
    approvals: Sequence[Block]


def blocking(found: Findings) -> dict[str, list[Block]]:
    """What blocks each key, in the order of the checklist; a key that holds is left out."""
    whole = {
        HAS_SIGNED_CONTRACT: _lacking_signed(found),
        NO_UNSIGNED_CONTRACTS: _in_status(found.contracts, lambda status: status in UNSIGNED),
        DOCS_ACKNOWLEDGED: list(_unacknowledged(found)),
        TASKS_DONE: _in_status(found.tasks, lambda status: status not in TASK_SETTLED),
        NO_CRITICAL_FINDING: [_block(issue.subject_id, issue.code) for issue in found.issues if issue.code != MISSING_SIGNED_CONTRACT],
        NO_OBJECTION: list(found.objections),
        ITEMS_SETTLED: [_block(item.id, why) for item in found.items if (why := standing(item, found.surroundings).why)],
        APPROVALS: list(found.approvals),
    }
    return {key: blocks for key, blocks in whole.items() if blocks}


def checklist(blocks: Blocking) -> dict[str, bool]:
    """The checklist: whether each key holds."""
    return {key: not blocks.get(key) for key in KEYS}


def is_evidence(contracts: Iterable[Part], routes: Iterable[Part]) -> Callable[[str], bool]:
    """Whether a thing of the deal settles an item that names it: a contract once it is signed, a document once it is acknowledged."""
    there = {part.id for part in contracts if part.facts["status"] == SIGNED}
    there |= {part.id for part in routes if part.facts["status"] == ACKNOWLEDGED}
    return there.__contains__


def _block(id: str, why: str) -> Block:
    return {"id": id, "why": why}


def _lacking_signed(found: Findings) -> list[Block]:
    signed = [contract for contract in found.contracts if contract.facts["status"] == SIGNED]
    if any(contract.facts["in_force"] for contract in signed):
        return []
    return [_block(contract.id, NOT_IN_FORCE) for contract in signed] or [_block(found.deal_id, NONE_SIGNED)]


def _in_status(parts: Iterable[Part], blocks: Callable[[str], bool]) -> list[Block]:
    return [_block(part.id, part.facts["status"]) for part in parts if blocks(part.facts["status"])]


def _unacknowledged(found: Findings) -> Iterable[Block]:
    """Documents that nobody has acknowledged, and those whose contract has another document since: none of an archived one."""
    current = {contract.id: contract.facts["document_sha256"] for contract in found.contracts if contract.facts["status"] != ARCHIVED}
    for route in found.routes:
        status, contract = route.facts["status"], route.facts["contract_id"]
        if status in UNACKNOWLEDGED:
            yield _block(route.id, status)
        elif status == ACKNOWLEDGED and contract in current and route.facts["document_sha256"] != current[contract]:
            yield _block(route.id, STALE_HASH)
