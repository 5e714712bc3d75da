"""Policies: which acts need whose approval (domain rule D31), and what of them one act on one subject meets."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from chalicelib.foundation.roles import GOVERNANCE
from chalicelib.packs.governance.rules.acts import APPROVE, DEAL, FINALIZE

FINDING, REFUSE = SELF_APPROVALS = ("finding", "refuse")  # what becomes of a self-approval outside of this pack


class Policy(NamedTuple):
    """An act on a type of subject needs the approval of so many people of these roles.

    Of `kind` only, where one is named; only where the amount is above `above`, in `currency`, where that is given.
    """

    requested_action: str
    subject_type: str
    roles: tuple[str, ...]
    people: int
    kind: str | None = None
    above: Decimal | None = None
    currency: str | None = None

    def is_about(self, act: str, subject_type: str, kind: str | None) -> bool:
        """Whether it is about an act on a subject of this type and kind, whatever the amount."""
        return (self.requested_action, self.subject_type) == (act, subject_type) and self.kind in (None, kind)

    def is_exceeded(self, amount: Decimal | None, rate: Fraction | None) -> bool:
        """Whether the amount is above the threshold: strictly, unrounded, by the rate to its currency. So is one that is unknown."""
        if self.above is None or amount is None or rate is None:
            return True
        return Fraction(amount) * rate > Fraction(self.above)


class Policies(NamedTuple):
    """The policies in force, and what becomes of self-approvals outside of this pack."""

    version: int
    policies: tuple[Policy, ...]
    self_approval: str = FINDING


class Requirement(NamedTuple):
    """All policies that an act on a subject must meet: at least one."""

    policies: tuple[Policy, ...]

    @property
    def people(self) -> int:
        """How many people it takes at the least."""
        return max(policy.people for policy in self.policies)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that are asked, each once."""
        return tuple(dict.fromkeys(role for policy in self.policies for role in policy.roles))


# What holds until somebody sets another: deals above 250,000 USD take two people to finalize.
DEFAULT_POLICIES = (Policy(FINALIZE, DEAL, ("King", "Queen"), 2, above=Decimal(250_000), currency="USD"),)


def requirement(
    policies: Iterable[Policy],
    act: str,
    subject_type: str,
    kind: str | None,
    amount: Decimal | None,
    currency: str | None,
    rate_to: Callable[[str], Fraction | None],
) -> Requirement | None:
    """What an act on a subject must meet; None where it needs nobody's approval.

    `rate_to` gives the rate from the amount's currency to another, None where it is unknown; it is asked for where it decides.
    """
    rates: dict[str, Fraction | None] = {}

    def exceeds(policy: Policy) -> bool:
        if amount is None or currency is None or policy.above is None or policy.currency is None:
            return True
        if policy.currency not in rates:
            rates[policy.currency] = Fraction(1) if policy.currency == currency else rate_to(policy.currency)
        return policy.is_exceeded(amount, rates[policy.currency])

    found = tuple(policy for policy in policies if policy.is_about(act, subject_type, kind) and exceeds(policy))
    return Requirement(found) if found else None


def approving_roles(subject_type: str) -> tuple[str, ...]:
    """The governance roles that may approve something of a subject of this type."""
    return tuple(role for role, (powers, types) in GOVERNANCE.items() if APPROVE in powers and (types is None or subject_type in types))
