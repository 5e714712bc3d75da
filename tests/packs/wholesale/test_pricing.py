from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.money import MINOR_UNITS
from chalicelib.packs.wholesale.rules.explanations import explain
from chalicelib.packs.wholesale.rules.pricing import PricingInputs, compute_pricing, rule_pct_error
from chalicelib.packs.wholesale.rules.sensitivity import grid


def inputs(arv, repairs, fee, **more):
    def amount(value):
        return None if value is None else Decimal(value)

    exact = {
        name: value if isinstance(value, str | dict) and name in ("exit_strategy", "costs", "currency") else amount(value)
        for name, value in more.items()
    }
    return PricingInputs(
        **{
            "currency": "USD",
            "arv_estimate": amount(arv),
            "repair_estimate": amount(repairs),
            "assignment_fee_target": amount(fee),
            **exact,
        }
    )


def shown(amount):
    return None if amount is None else str(amount)


HOUSE = ("250000", "35000", "15000")
COSTS = {"closing_ab": Decimal(1850), "closing_bc": Decimal(2400), "points_pct": Decimal("1.5"), "lender_fee": Decimal(495)}


@pytest.mark.parametrize(
    ("given_", "ceiling", "mao", "spread", "basis", "counted", "missing", "warnings"),
    [
        (inputs("120000", "20000", "10000"), "64000.00", "54000.00", "10000.00", "mao", "0.00", (), ()),
        (inputs("150000", "25000", "15000"), "80000.00", "65000.00", "15000.00", "mao", "0.00", (), ()),
        (inputs("127000", "10000", "8000"), "78900.00", "70900.00", "8000.00", "mao", "0.00", (), ()),
        (inputs(*HOUSE), "140000.00", "125000.00", "15000.00", "mao", "0.00", (), ()),
        (inputs(*HOUSE, rule_pct="65"), "127500.00", "112500.00", "15000.00", "mao", "0.00", (), ()),
        (inputs(*HOUSE, offer_price="120000"), "140000.00", "125000.00", "20000.00", "offer", "20000.00", (), ()),
        (
            inputs(*HOUSE, offer_price="120000", contract_price="118000"),
            "140000.00",
            "125000.00",
            "22000.00",
            "contract",
            "22000.00",
            (),
            (),
        ),
        (
            inputs(*HOUSE, offer_price="120000", contract_price="118000", assignment_price="131000"),
            "140000.00",
            "125000.00",
            "13000.00",
            "assignment",
            "13000.00",
            (),
            (),
        ),
        (
            inputs(*HOUSE, contract_price="145000"),
            "140000.00",
            "125000.00",
            "-5000.00",
            "contract",
            "-5000.00",
            (),
            ("contract_above_ceiling",),
        ),
        (inputs("60000", "45000", "8000"), "-3000.00", "-11000.00", "8000.00", "mao", "0.00", (), ("negative_mao",)),
        (inputs("120000", None, "10000"), None, None, None, None, "0.00", ("repair_estimate",), ()),
        (
            inputs("120000", "20000", None, contract_price="50000"),
            "64000.00",
            None,
            "14000.00",
            "contract",
            "14000.00",
            ("assignment_fee_target",),
            (),
        ),
        (inputs(None, None, None), None, None, None, None, "0.00", ("arv_estimate", "repair_estimate", "assignment_fee_target"), ()),
        # What was sold and bought needs no estimate.
        (
            inputs(None, "35000", None, contract_price="118000", assignment_price="131000"),
            None,
            None,
            "13000.00",
            "assignment",
            "13000.00",
            ("arv_estimate", "assignment_fee_target"),
            (),
        ),
        # A price for the assignment of a contract whose own price isn't known says nothing yet.
        (inputs(*HOUSE, assignment_price="131000"), "140000.00", "125000.00", "15000.00", "mao", "0.00", (), ()),
        (inputs("120000", "20000", "64000"), "64000.00", "0.00", "64000.00", "mao", "0.00", (), ("negative_mao",)),
        (inputs(*HOUSE, offer_price="125000.01"), "140000.00", "125000.00", "14999.99", "offer", "14999.99", (), ("offer_above_mao",)),
        (inputs(*HOUSE, offer_price="125000", contract_price="140000"), "140000.00", "125000.00", "0.00", "contract", "0.00", (), ()),
    ],
)
def test_ceiling_offer_and_spread(given_, ceiling, mao, spread, basis, counted, missing, warnings):
    numbers = compute_pricing(given_)
    assert shown(numbers.ceiling) == ceiling
    assert shown(numbers.max_allowable_offer) == shown(numbers.mao_computed) == mao
    assert shown(numbers.expected_spread) == shown(numbers.spread_computed) == spread
    assert numbers.spread_basis == basis
    assert shown(numbers.counted_spread) == counted
    assert numbers.missing == missing
    assert numbers.warnings == warnings
    expected = [name for name, value in (("max_allowable_offer", mao), ("expected_spread", spread)) if value is not None]
    assert list(numbers.computed_fields) == expected


@pytest.mark.parametrize(
    ("kept", "differs"),
    [("126250.00", False), ("126250.01", True), ("123750.00", False), ("123749.99", True), ("125000", False)],
)
def test_a_given_mao_is_kept_with_a_warning_above_one_percent_difference(kept, differs):
    numbers = compute_pricing(inputs(*HOUSE, max_allowable_offer=kept))
    assert numbers.max_allowable_offer == Decimal(kept)
    assert shown(numbers.mao_computed) == "125000.00"
    assert numbers.computed_fields == ("expected_spread",)
    assert ("mao_differs" in numbers.warnings) is differs
    assert numbers.spread_basis == "mao"
    assert numbers.expected_spread == Decimal(140000) - Decimal(kept)
    assert numbers.counted_spread == 0


def test_warnings_use_the_returned_mao():
    assert compute_pricing(inputs(*HOUSE, max_allowable_offer="100000", offer_price="110000")).warnings == (
        "mao_differs",
        "offer_above_mao",
    )
    assert compute_pricing(inputs("60000", "45000", "8000", max_allowable_offer="5000")).warnings == ("mao_differs",)
    assert compute_pricing(inputs("120000", "20000", "64000", max_allowable_offer="1")).warnings == ("mao_differs",)


def test_a_given_mao_without_estimates_has_no_difference_warning():
    numbers = compute_pricing(inputs(None, None, None, max_allowable_offer="54000"))
    assert shown(numbers.max_allowable_offer) == "54000.00"
    assert numbers.mao_computed is None
    assert numbers.computed_fields == ()
    assert numbers.warnings == ()


def test_a_given_spread_is_kept_but_the_board_counts_the_computed_one():
    numbers = compute_pricing(inputs(*HOUSE, contract_price="118000", expected_spread="30000"))
    assert shown(numbers.expected_spread) == "30000.00"
    assert shown(numbers.spread_computed) == "22000.00"
    assert numbers.spread_basis == "contract"
    assert shown(numbers.counted_spread) == "22000.00"
    assert numbers.computed_fields == ("max_allowable_offer",)
    wished = compute_pricing(inputs(*HOUSE, expected_spread="30000"))
    assert shown(wished.expected_spread) == "30000.00"
    assert wished.counted_spread == 0


def test_a_double_close_subtracts_its_costs():
    house = inputs(*HOUSE, contract_price="118000", exit_strategy="double_close", costs=COSTS)
    numbers = compute_pricing(house)
    assert (shown(numbers.ceiling), shown(numbers.mao_computed)) == ("140000.00", "118485.00")
    assert (shown(numbers.expected_spread), numbers.spread_basis) == ("15485.00", "contract")
    sold = compute_pricing(replace(house, assignment_price=Decimal(131000)))
    assert (shown(sold.expected_spread), sold.spread_basis, shown(sold.counted_spread)) == ("6485.00", "assignment", "6485.00")


def test_a_double_close_with_a_missing_cost_has_neither_mao_nor_spread():
    costs = {name: value for name, value in COSTS.items() if name != "lender_fee"}
    numbers = compute_pricing(inputs(*HOUSE, contract_price="118000", assignment_price="131000", exit_strategy="double_close", costs=costs))
    assert shown(numbers.ceiling) == "140000.00"
    assert (numbers.mao_computed, numbers.expected_spread, numbers.spread_basis, numbers.counted_spread) == (None, None, None, 0)
    assert numbers.missing == ("lender_fee",)
    unpriced = compute_pricing(inputs(*HOUSE, exit_strategy="double_close", costs=COSTS))
    assert unpriced.missing == ("contract_price",)
    assert unpriced.expected_spread is None


@pytest.mark.parametrize(
    ("exit_strategy", "price", "costs", "spread"),
    [
        ("novation", "185000", {"retail_price": 239000, "commission_pct": 5, "closing_pct": "1.5", "make_ready": 6500}, "31965.00"),
        (
            "wholetail",
            "150000",
            {"resale_price": 210000, "rehab": 12000, "buying_pct": "2.5", "selling_pct": 7, "holding_months": 4, "holding_pct": 1},
            "23550.00",
        ),
    ],
)
def test_retail_exits_have_a_net_and_no_ceiling(exit_strategy, price, costs, spread):
    known = {name: Decimal(value) for name, value in costs.items()}
    numbers = compute_pricing(inputs(*HOUSE, contract_price=price, exit_strategy=exit_strategy, costs=known))
    assert (numbers.ceiling, numbers.max_allowable_offer) == (None, None)
    assert (shown(numbers.expected_spread), numbers.spread_basis, shown(numbers.counted_spread)) == (spread, "contract", spread)
    assert (numbers.missing, numbers.warnings, numbers.computed_fields) == ((), (), ("expected_spread",))
    bare = compute_pricing(inputs(*HOUSE, exit_strategy=exit_strategy, costs={**known, next(iter(known)): None}))
    assert set(bare.missing) == {next(iter(known)), "contract_price"}
    assert (bare.expected_spread, bare.spread_basis, bare.counted_spread) == (None, None, 0)


def test_the_sensitivity_grid():
    cells = grid(inputs("120000", "20000", "10000", max_allowable_offer="1", expected_spread="1"))
    assert [str(cell.mao) for cell in cells] == [
        *("49600.00", "45600.00", "41600.00", "37600.00"),
        *("53800.00", "49800.00", "45800.00", "41800.00"),
        *("58000.00", "54000.00", "50000.00", "46000.00"),
        *("62200.00", "58200.00", "54200.00", "50200.00"),
        *("66400.00", "62400.00", "58400.00", "54400.00"),
    ]
    assert [str(cell.arv) for cell in cells[::4]] == ["108000.00", "114000.00", "120000.00", "126000.00", "132000.00"]
    assert [str(cell.repairs) for cell in cells[:4]] == ["16000.00", "20000.00", "24000.00", "28000.00"]
    assert str(cells[0].ceiling) == "59600.00"
    assert {str(cell.spread) for cell in cells} == {"10000.00"}


def test_the_grid_rounds_each_cell_once():
    # 90 % of 0.05 is 0.045, printed 0.05; 70 % of 0.045 is 0.0315, printed 0.03. Of the printed 0.05 it would be 0.04.
    cell = grid(inputs("0.05", "0", "0"))[0]
    assert (str(cell.arv), str(cell.ceiling)) == ("0.05", "0.03")


def test_the_grid_with_unknown_repairs_has_the_known_figures():
    cells = grid(inputs("120000", None, "10000"))
    assert len(cells) == 20
    assert {(cell.repairs, cell.ceiling, cell.mao, cell.spread) for cell in cells} == {(None, None, None, None)}
    assert str(cells[0].arv) == "108000.00"


@pytest.mark.parametrize("pct", ["50", "50.00", "70", "65.25", "95", "7E+1", "70.000"])
def test_a_rule_in_range(pct):
    assert rule_pct_error(Decimal(pct)) is None


@pytest.mark.parametrize("pct", ["49.99", "95.01", "0.7", "70.125", "-70", "1E+30", "1E-30"])
def test_a_rule_out_of_range(pct):
    assert rule_pct_error(Decimal(pct))


@pytest.mark.parametrize(
    ("currency", "ceiling"),
    [("USD", "86419.75"), ("JPY", "86420"), ("KWD", "86419.748"), ("CLF", "86419.7480")],
)
def test_figures_are_in_the_currencys_minor_unit(currency, ceiling):
    assert shown(compute_pricing(inputs("123456.783", "0.0001", "0", currency=currency)).ceiling) == ceiling


def test_halves_are_rounded_up():
    assert shown(compute_pricing(inputs("0.05", "0", "0", rule_pct="50")).ceiling) == "0.03"
    assert shown(compute_pricing(inputs("0.05", "0.05", "0", rule_pct="50")).ceiling) == "-0.03"


def test_an_explanation_has_inputs_formula_time_and_missing_inputs():
    lead = inputs("120000", None, "10000", offer_price="1")
    assert explain(lead, "max_allowable_offer", "2026-03-01T00:00:00.000Z") == {
        "inputs": {
            "currency": "USD",
            "arv_estimate": Decimal(120000),
            "repair_estimate": None,
            "rule_pct": Decimal(70),
            "assignment_fee_target": Decimal(10000),
        },
        "formula": {"id": "wholesale.mao.assignment", "version": 1},
        "as_of": "2026-03-01T00:00:00.000Z",
        "missing": ["repair_estimate"],
    }
    spread = explain(lead, "expected_spread", "now")
    assert spread["formula"]["id"] == "wholesale.spread.assignment"
    assert spread["missing"] == ["repair_estimate"]
    assert spread["inputs"]["offer_price"] == 1
    assert spread["inputs"]["contract_price"] is None


def test_an_explanation_of_a_spread_has_its_basis_and_only_required_inputs_missing():
    sold = explain(inputs(None, None, None, contract_price="118000", assignment_price="131000"), "expected_spread", "now")
    assert sold["formula"]["id"] == "wholesale.spread.assignment.assignment"
    assert sold["missing"] == []
    assert sold["inputs"]["assignment_price"] == 131000


def test_explanations_of_other_exit_strategies():
    double = inputs(*HOUSE, contract_price="118000", exit_strategy="double_close", costs=COSTS)
    mao = explain(double, "max_allowable_offer", "now")
    assert mao["formula"]["id"] == "wholesale.mao.double_close"
    assert (mao["inputs"]["points_pct"], mao["inputs"]["contract_price"], mao["missing"]) == (Decimal("1.5"), 118000, [])
    novation = inputs(*HOUSE, exit_strategy="novation", costs={"retail_price": Decimal(239000)})
    net = explain(novation, "expected_spread", "now")
    assert net["formula"]["id"] == "wholesale.net.novation"
    assert net["inputs"] == {"currency": "USD", "offer_price": None, "contract_price": None, "retail_price": 239000}
    assert net["missing"] == ["contract_price", "commission_pct", "closing_pct", "make_ready"]
    assert explain(novation, "max_allowable_offer", "now")["inputs"] == {"currency": "USD"}


CURRENCIES = st.sampled_from(sorted(MINOR_UNITS))


@st.composite
def pipelines(draw):
    currency = draw(CURRENCIES)
    amount = st.none() | st.integers(0, 10**15 - 1).map(lambda units: Decimal(units).scaleb(-MINOR_UNITS[currency]))
    pct = Decimal(draw(st.integers(5000, 9500))).scaleb(-2)
    names = ["arv_estimate", "repair_estimate", "assignment_fee_target", "offer_price", "contract_price", "assignment_price"]
    names += ["max_allowable_offer", "expected_spread"]
    return PricingInputs(currency=currency, rule_pct=pct, **{name: draw(amount) for name in names})


def half_up(exact, currency):
    """An independent rounding, in whole minor units by fractions."""
    if exact is None:
        return None
    units = abs(exact) * 10 ** MINOR_UNITS[currency]
    whole = (2 * units.numerator + units.denominator) // (2 * units.denominator)
    return Decimal(whole if exact >= 0 else -whole).scaleb(-MINOR_UNITS[currency])


def fraction(amount):
    return None if amount is None else Fraction(amount)


@given(pipelines())
def test_every_figure_is_the_fraction_rounded_once(given_):
    numbers = compute_pricing(given_)
    arv, repairs, fee = fraction(given_.arv_estimate), fraction(given_.repair_estimate), fraction(given_.assignment_fee_target)
    ceiling = None if arv is None or repairs is None else arv * Fraction(given_.rule_pct) / 100 - repairs
    mao = None if ceiling is None or fee is None else ceiling - fee
    contract, offer, sold = fraction(given_.contract_price), fraction(given_.offer_price), fraction(given_.assignment_price)
    limit = mao if given_.max_allowable_offer is None else fraction(given_.max_allowable_offer)
    spread, basis = None, None
    for name, high, low in [
        ("assignment", sold, contract),
        ("contract", ceiling, contract),
        ("offer", ceiling, offer),
        ("mao", ceiling, limit),
    ]:
        if high is not None and low is not None:
            spread, basis = high - low, name
            break
    assert numbers.ceiling == half_up(ceiling, given_.currency)
    assert numbers.mao_computed == half_up(mao, given_.currency)
    assert numbers.spread_computed == half_up(spread, given_.currency)
    assert numbers.spread_basis == basis
    assert numbers.counted_spread == (numbers.spread_computed if basis in ("assignment", "contract", "offer") else 0)
    unknown = [name for name in ("arv_estimate", "repair_estimate", "assignment_fee_target") if getattr(given_, name) is None]
    assert list(numbers.missing) == unknown
    for figure in (numbers.ceiling, numbers.max_allowable_offer, numbers.expected_spread, numbers.counted_spread):
        assert figure is None or (type(figure) is Decimal and figure.as_tuple().exponent == -MINOR_UNITS[given_.currency])
    if given_.max_allowable_offer is not None:
        assert numbers.max_allowable_offer == given_.max_allowable_offer
    if given_.expected_spread is not None:
        assert numbers.expected_spread == given_.expected_spread
