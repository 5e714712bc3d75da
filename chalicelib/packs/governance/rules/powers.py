"""Who may decide what (domain rule A13, and the matrix of governance roles, which is data in foundation.roles)."""

from collections.abc import Collection, Iterable

from chalicelib.foundation.errors import Conflict, Forbidden
from chalicelib.foundation.roles import GOVERNANCE
from chalicelib.packs.governance.rules.acts import APPROVE, DENY, OVERRIDE
from chalicelib.packs.governance.rules.verdicts import DecisionRecord

FINAL, FINAL_DENIAL = "final", "final-denial"  # powers
KING, QUEEN, ODIN = "King", "Queen", "Odin"
RULERS = (KING, QUEEN)


def check_power(role: str, action: str, subject_type: str, *, is_final: bool) -> None:
    """Raise Forbidden where a role may not do this to a subject of this type."""
    powers, types = GOVERNANCE[role]
    if action not in powers:
        raise Forbidden(f"{role} may not {action}.")
    if types is not None and subject_type not in types:
        raise Forbidden(f"{role} does not decide on a {subject_type}.")
    if is_final and FINAL not in powers and not (action == DENY and FINAL_DENIAL in powers):
        raise Forbidden(f"{role} may not make this final.")


def check_not_barred(people: Collection[str], responsible: Collection[str], askers: Collection[str]) -> None:
    """Raise Forbidden for who created or owns the subject, or asked for the decision. `people` are the ids by which the caller is known."""
    if not set(people).isdisjoint(responsible):
        raise Forbidden("Who created or owns it does not decide on it.")
    if not set(people).isdisjoint(askers):
        raise Forbidden("Who asked for it does not decide on it.")


def check_finals(role: str, person: str, action: str, finals: Iterable[DecisionRecord]) -> None:
    """Raise Conflict `final` where finals stand and this is no override, Forbidden for an override that isn't this role's or person's."""
    for final in finals:
        if action != OVERRIDE:
            raise Conflict("A final decision stands; only an override ends it.", code="final", decision_id=final.id)
        if final.person == person:
            raise Forbidden("Nobody overrides their own final decision.")
        if final.role == KING and role != KING:
            raise Forbidden("Only another King overrides the King's final decision.")


def check_resolution(decision: DecisionRecord | None, flags: Collection[str], action: str, person: str) -> None:
    """Raise Conflict unless what is resolved is a standing flag on the same subject, by another person's approval or override."""
    if action not in (APPROVE, OVERRIDE):
        raise Conflict("A flag is resolved by an approval or an override.", code="not_resolving")
    if decision is None:
        raise Conflict("What it resolves is no flag on this subject.", code="not_a_flag")
    if decision.id not in flags:
        raise Conflict("What it resolves is no flag that stands.", code="not_a_flag")
    if decision.person == person:
        raise Conflict("A flag is resolved by another person than who raised it.", code="own_flag")
