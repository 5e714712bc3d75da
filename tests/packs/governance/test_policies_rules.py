"""Which policies an act must meet (domain rule D31)."""

from decimal import Decimal
from fractions import Fraction

import pytest

from chalicelib.packs.governance.entities import DEFAULTS, decode_policy, encode_policy
from chalicelib.packs.governance.rules.policies import DEFAULT_POLICIES, Policy, approving_roles, requirement

D = Decimal
CAD = Fraction(D("1.1172")) / Fraction(D("1.5606"))  # EUR's rates of 2026-10-30


def required(amount, currency="USD", *, kind=None, policies=DEFAULT_POLICIES, act="finalize", type="deal", rate=None) -> bool:
    return requirement(policies, act, type, kind, amount, currency, lambda _: rate) is not None


@pytest.mark.parametrize(
    ("amount", "currency", "rate", "expected"),
    [
        (D("250000.00"), "USD", None, False),
        (D("250000.01"), "USD", None, True),
        (D(350_000), "CAD", CAD, True),
        (D(349_000), "CAD", CAD, False),
        (D(1), "CAD", None, True),  # no rate
        (None, "USD", None, True),  # no value
        (D(1), None, None, True),
        (D(250_000), "USD", Fraction(2), False),  # no rate between a currency and itself
        (D(-5), "USD", None, False),
        (D(0), "USD", None, False),
    ],
)
def test_the_threshold(amount, currency, rate, expected):
    assert required(amount, currency, rate=rate) is expected


def test_it_is_compared_unrounded():
    """A hair above the threshold is above it, whatever it would be printed as."""
    assert required(D("250000"), "XXX", rate=Fraction(250_000_000_001, 250_000_000_000))
    assert not required(D("250000"), "XXX", rate=Fraction(1))


def test_what_it_is_about():
    assert not required(None, act="sign")
    assert not required(None, type="contract")
    nda = (Policy("sign", "contract", ("Tyr",), 1, kind="nda"),)
    assert required(None, policies=nda, act="sign", type="contract", kind="nda")
    assert not required(None, policies=nda, act="sign", type="contract", kind="other")
    assert not required(None, policies=nda, act="sign", type="contract")


def test_all_that_are_about_it_must_be_met():
    policies = (
        *DEFAULT_POLICIES,
        Policy("finalize", "deal", ("King", "Tyr"), 1),
        Policy("finalize", "deal", ("Queen",), 3, above=D(10**6), currency="USD"),
    )
    found = requirement(policies, "finalize", "deal", None, D(300_000), "USD", lambda _: None)
    assert found is not None
    assert (found.policies, found.people, found.roles) == (policies[:2], 2, ("King", "Queen", "Tyr"))


def test_a_rate_is_asked_for_once_and_where_it_decides():
    asked: list[str] = []
    policies = tuple(
        Policy("finalize", "deal", ("King",), n, above=D(n), currency=currency) for n, currency in ((1, "EUR"), (2, "EUR"), (3, "USD"))
    )
    requirement(policies, "finalize", "deal", None, D(5), "USD", lambda currency: asked.append(currency))
    assert asked == ["EUR"]
    requirement(policies, "finalize", "deal", None, None, "USD", lambda currency: asked.append(currency))
    requirement(policies, "sign", "deal", None, D(5), "USD", lambda currency: asked.append(currency))
    assert asked == ["EUR"]


def test_who_may_approve():
    assert approving_roles("deal") == ("King", "Queen", "Tyr")
    assert approving_roles("holding") == ("King", "Queen", "Odin")
    assert approving_roles("pipeline") == ("King", "Queen")


def test_a_policy_is_stored_as_it_is():
    for policy in (*DEFAULTS.policies, Policy("sign", "contract", ("Tyr",), 1, kind="nda")):
        assert decode_policy(encode_policy(policy)) == policy
