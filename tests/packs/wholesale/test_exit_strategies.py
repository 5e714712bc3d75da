from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.wholesale.rules import exit_strategies


def terms(**values):
    return {name: Decimal(value) for name, value in values.items()}


DOUBLE_CLOSE = terms(bc_price="131000", ab_price="118000", closing_ab="1850", closing_bc="2400", points_pct="1.5", lender_fee="495")
NOVATION = terms(retail_price="239000", seller_net="185000", commission_pct="5", closing_pct="1.5", make_ready="6500")
WHOLETAIL = terms(
    resale_price="210000",
    purchase_price="150000",
    rehab="12000",
    buying_pct="2.5",
    selling_pct="7",
    holding_months="4",
    holding_pct="1",
)
ASSIGNMENT = terms(fee="13000", partner_split="4000", earnest_money_lost="500")
WORKED = [
    ("double_close", DOUBLE_CLOSE, "6485.00"),
    ("novation", NOVATION, "31965.00"),
    ("wholetail", WHOLETAIL, "23550.00"),
    ("assignment", ASSIGNMENT, "8500.00"),
]


@pytest.mark.parametrize(("exit_strategy", "known", "expected"), WORKED)
def test_each_exit_has_its_own_net(exit_strategy, known, expected):
    outcome = exit_strategies.net(exit_strategy, known, "USD")
    assert str(outcome.amount) == expected
    assert outcome.missing == ()


@pytest.mark.parametrize(("exit_strategy", "known", "expected"), WORKED)
def test_a_missing_cost_makes_the_net_unknown_and_is_named(exit_strategy, known, expected):
    for name in known:
        for without in [{**known, name: None}, {other: value for other, value in known.items() if other != name}]:
            assert exit_strategies.net(exit_strategy, without, "USD") == exit_strategies.ExitNet(None, (name,))
    assert exit_strategies.net(exit_strategy, {}, "USD").missing == tuple(exit_strategies.TERMS[exit_strategy])
    assert set(exit_strategies.TERMS[exit_strategy]) == set(known)


def test_a_cost_of_zero_is_known():
    assert exit_strategies.net("assignment", terms(fee="13000", partner_split="0", earnest_money_lost="0"), "USD").amount == 13000


def test_costs_of_a_double_close():
    assert exit_strategies.double_close_costs(DOUBLE_CLOSE) == exit_strategies.ExitNet(Decimal(6515))
    assert exit_strategies.double_close_costs({**DOUBLE_CLOSE, "lender_fee": None}) == exit_strategies.ExitNet(None, ("lender_fee",))


money = st.integers(0, 10**9).map(lambda cents: Decimal(cents).scaleb(-2))
rate = st.integers(0, 10_000).map(lambda hundredths: Decimal(hundredths).scaleb(-2))


@given(money, money, money, rate, rate, st.integers(0, 60), rate)
def test_percentages_are_rounded_once(sold, bought, rehab, buying, selling, months, holding):
    known = {"resale_price": sold, "purchase_price": bought, "rehab": rehab, "buying_pct": buying}
    known |= {"selling_pct": selling, "holding_months": Decimal(months), "holding_pct": holding}
    amount = exit_strategies.net("wholetail", known, "USD").amount
    assert isinstance(amount, Decimal)
    per_cent = Fraction(1, 100)
    paid = Fraction(bought) * (1 + per_cent * Fraction(buying) + months * per_cent * Fraction(holding))
    exact = Fraction(sold) * (1 - per_cent * Fraction(selling)) - paid - Fraction(rehab)
    cents = abs(exact) * 100
    half_up = (cents + Fraction(1, 2)).__floor__()
    assert amount == Decimal(half_up if exact >= 0 else -half_up).scaleb(-2)
    assert amount == amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
