"""The parties of a contract, and how far each of them has come.

A party is a mapping, as the contract keeps it: id, name, email, role, side, order; status and the instants at which it was notified, viewed
and signed. Ids are p1, p2, …, and none is given twice in a contract.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Party = Mapping[str, Any]

PENDING, NOTIFIED, VIEWED, SIGNED, DECLINED, VOID = STATUSES = ("pending", "notified", "viewed", "signed", "declined", "void")
PARALLEL, SEQUENTIAL = SIGNING = ("parallel", "sequential")
_PROGRESS = ("status", "notified_at", "viewed_at", "signed_at")


def named(given: Sequence[Mapping[str, Any]], before: Sequence[Party], last_number: int) -> tuple[list[dict[str, Any]], int]:
    """The parties of a list that was sent, and the number of the last id: those that name an id keep it, with how far they have come."""
    kept = {party["id"]: party for party in before}
    parties: list[dict[str, Any]] = []
    for one in given:
        values = {name: value for name, value in one.items() if value is not None}
        if "id" in values:
            progress = {name: kept[values["id"]][name] for name in _PROGRESS if name in kept[values["id"]]}
        else:
            last_number += 1
            values["id"], progress = f"p{last_number}", {"status": PENDING}
        parties.append(values | progress)
    return parties, last_number


def find(parties: Sequence[Party], id: str) -> Party | None:
    """The party with this id."""
    return next((party for party in parties if party["id"] == id), None)


def changed(parties: Sequence[Party], ids: Sequence[str], **values: object) -> list[dict[str, Any]]:
    """The parties, of which those with these ids have these values."""
    return [{**party, **values} if party["id"] in ids else dict(party) for party in parties]


def restarted(parties: Sequence[Party], status: str = PENDING) -> list[dict[str, Any]]:
    """The parties as if nothing had been sent to them."""
    return [{**{name: value for name, value in party.items() if name not in _PROGRESS}, "status": status} for party in parties]


def to_notify(parties: Sequence[Party], signing: str) -> list[str]:
    """Whose turn it is and who wasn't notified yet: in a sequence those of the lowest order that not all have signed of, else everybody."""
    waiting = [party for party in parties if party["status"] != SIGNED]
    turn = min((party["order"] for party in waiting), default=0)
    return [party["id"] for party in waiting if party["status"] == PENDING and (signing == PARALLEL or party["order"] == turn)]


def all_signed(parties: Sequence[Party]) -> bool:
    """Whether each of them has signed."""
    return all(party["status"] == SIGNED for party in parties)


def without_email(parties: Sequence[Party]) -> list[str]:
    """Those that nothing can be sent to."""
    return [party["id"] for party in parties if not party.get("email")]
