"""Exchange rates, and the European Central Bank's file of them."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.money import MINOR_UNITS, round_money
from chalicelib.packs.holdings.rules import fx_rates
from chalicelib.packs.holdings.rules.fx_rates import Rates, convert
from ops import ecb

FRIDAY = date(2026, 10, 30)
EURO = {"USD": Decimal("1.1172"), "CAD": Decimal("1.5606"), "GBP": Decimal("0.8338"), "JPY": Decimal("175.68")}


def before(days):
    return FRIDAY - timedelta(days=days)


def pair(base, quote, rate, on=FRIDAY):
    return (base, on, {quote: Decimal(rate)})


def found(rates, source="CAD", target="USD", day=FRIDAY):
    rate = rates.find(source, target, day)
    return rate and (rate.source, rate.on, rate.stale)


@pytest.mark.parametrize(
    ("stored", "amount", "source", "target", "expected", "kind"),
    [
        ([], "400000", "CAD", "USD", "286351.40", "cross"),
        ([pair("CAD", "USD", "0.7150")], "400000", "CAD", "USD", "286000.00", "direct"),
        ([pair("USD", "CAD", "1.3990")], "400000", "CAD", "USD", "285918.51", "inverse"),
        ([pair("USD", "CAD", "1.3990"), pair("CAD", "USD", "0.7150")], "400000", "CAD", "USD", "286000.00", "direct"),
        ([], "100", "EUR", "USD", "111.72", "direct"),
        ([], "52000", "USD", "EUR", "46544.93", "inverse"),
        ([], "3333000", "JPY", "USD", "21195.51", "cross"),
        ([], "9259.25", "GBP", "USD", "12406.37", "cross"),
        ([], "100", "USD", "JPY", "15725", "cross"),
        ([], "-48000", "CAD", "USD", "-34362.17", "cross"),
        ([], "12.34", "USD", "USD", "12.34", "direct"),
    ],
)
def test_conversions(stored, amount, source, target, expected, kind):
    rate = Rates([("EUR", FRIDAY, EURO), *stored]).find(source, target, FRIDAY)
    assert str(convert(Decimal(amount), rate, target)) == expected
    assert (rate.source, rate.on, rate.stale) == (kind, FRIDAY, False)


def test_what_has_no_rate_has_none():
    rates = Rates([("EUR", FRIDAY, EURO)])
    assert rates.find("BGN", "USD", FRIDAY) is None
    assert rates.find("USD", "BGN", FRIDAY) is None
    assert Rates().find("CAD", "USD", FRIDAY) is None


def test_never_a_later_rate():
    rates = Rates([pair("CAD", "USD", "0.7", before(0)), pair("CAD", "USD", "0.6", before(3))])
    assert rates.find("CAD", "USD", before(0)).exact == Fraction(7, 10)
    assert rates.find("CAD", "USD", before(1)).exact == Fraction(6, 10)
    assert rates.find("CAD", "USD", before(4)) is None


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, False), (7, False), (8, True), (30, True), (31, None), (303, None)],
)
def test_a_rate_grows_stale_and_then_is_none(age, expected):
    for stored in (pair("CAD", "USD", "0.7", before(age)), pair("USD", "CAD", "1.4", before(age)), ("EUR", before(age), EURO)):
        rate = Rates([stored]).find("CAD", "USD", FRIDAY)
        assert (rate and (rate.stale, rate.on)) == (None if expected is None else (expected, before(age)))


def test_a_currency_that_ended_is_not_worth_what_it_was():
    ended = date(2025, 12, 31)
    rates = Rates([("EUR", ended, {"BGN": Decimal("1.9558"), "USD": Decimal("1.1")}), ("EUR", FRIDAY, EURO)], max_age=30)
    assert rates.find("BGN", "USD", FRIDAY) is None
    assert rates.find("BGN", "USD", ended + timedelta(days=30)).stale
    assert Rates([("EUR", ended, {"BGN": Decimal("1.9558")})], max_age=400).find("BGN", "EUR", FRIDAY).on == ended


def test_the_firms_own_limit():
    for limit, age, there in [(3, 3, True), (3, 4, False), (60, 60, True), (60, 61, False), (0, 0, True), (0, 1, False)]:
        assert (Rates([pair("CAD", "USD", "0.7", before(age))], max_age=limit).find("CAD", "USD", FRIDAY) is not None) == there


def test_any_fresh_way_comes_before_a_stale_direct_one():
    direct, inverse, cross = pair("CAD", "USD", "0.7", before(8)), pair("USD", "CAD", "1.4", before(8)), ("EUR", before(7), EURO)
    assert found(Rates([direct, inverse, cross])) == ("cross", before(7), False)
    assert found(Rates([direct, pair("USD", "CAD", "1.4", before(7)), cross])) == ("inverse", before(7), False)
    assert found(Rates([direct, inverse, ("EUR", before(8), EURO)])) == ("direct", before(8), True)
    assert found(Rates([inverse, ("EUR", before(8), EURO)])) == ("inverse", before(8), True)


def test_a_cross_rate_is_of_its_older_legs_day():
    legs = [("EUR", before(1), {"USD": Decimal("1.1")}), ("EUR", before(9), {"CAD": Decimal("1.5")})]
    assert found(Rates(legs)) == ("cross", before(9), True)
    assert found(Rates(legs[::-1]), "USD", "CAD") == ("cross", before(9), True)


def test_of_two_bases_the_younger_counts_and_of_one_day_the_first_by_name():
    one, other = ("EUR", FRIDAY, {"USD": Decimal(1), "CAD": Decimal(2)}), ("CHF", FRIDAY, {"USD": Decimal(1), "CAD": Decimal(4)})
    assert Rates([one, other]).find("CAD", "USD", FRIDAY).exact == Fraction(1, 4)
    older = ("CHF", before(1), other[2])
    assert Rates([one, older]).find("CAD", "USD", FRIDAY).exact == Fraction(1, 2)


def test_a_day_that_lacks_a_currency_falls_back_for_that_one_only():
    rates = Rates([("EUR", before(1), EURO), ("EUR", FRIDAY, {"USD": Decimal("1.2")})])
    assert found(rates, "EUR", "USD") == ("direct", FRIDAY, False)
    assert found(rates, "EUR", "CAD") == ("direct", before(1), False)
    assert found(rates) == ("cross", before(1), False)


def test_what_is_entered_again_corrects_what_was():
    rates = Rates([("EUR", FRIDAY, EURO), ("EUR", FRIDAY, {"USD": Decimal(2)})])
    assert rates.find("EUR", "USD", FRIDAY).exact == 2
    assert rates.find("EUR", "CAD", FRIDAY).exact == Fraction("1.5606")


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["EUR", "CHF"]), st.integers(0, 40), st.sampled_from(["CAD", "USD", "JPY", "EUR"]), st.integers(1, 9)),
        max_size=8,
    )
)
def test_what_is_in_force_on_a_day_is_enough_to_convert_on_it(entered):
    rates = Rates(pair(base, quote, rate, before(age)) for base, age, quote, rate in entered if base != quote)
    kept = Rates(rates.in_force(FRIDAY))
    for source in ("CAD", "USD", "JPY", "EUR", "CHF"):
        for target in ("CAD", "USD", "JPY", "EUR", "CHF"):
            assert kept.find(source, target, FRIDAY) == rates.find(source, target, FRIDAY)


def test_a_rate_is_shown_as_it_is_or_by_twenty_digits():
    rates = Rates([("EUR", FRIDAY, EURO)])
    assert str(rates.find("EUR", "USD", FRIDAY).display) == "1.1172"
    assert str(rates.find("CAD", "USD", FRIDAY).display) == "0.71587850826605151865"
    assert rates.find("USD", "USD", FRIDAY).display == 1


@pytest.mark.parametrize("rate", ["1.1172", "0.00000001", "20275.17", "12345678901234567890", "1.2345678901234567890"])
def test_a_rate(rate):
    assert fx_rates.rate_error(Decimal(rate)) is None


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity", "1.23456789012345678901", "1E+30", "1E-30"])
def test_what_isnt_a_rate(rate):
    assert fx_rates.rate_error(Decimal(rate))


amounts = st.integers(-(10**15), 10**15).map(lambda units: Decimal(units).scaleb(-2))
quotes = st.integers(1, 10**9).map(lambda units: Decimal(units).scaleb(-5))


@settings(deadline=None)
@given(amounts, quotes, quotes, st.sampled_from(["USD", "JPY", "KWD"]))
def test_a_conversion_is_the_fraction_rounded_once(amount, ours, theirs, target):
    rate = Rates([("XAU", FRIDAY, {"CAD": ours, target: theirs})]).find("CAD", target, FRIDAY)
    units = abs(Fraction(amount) * Fraction(theirs) / Fraction(ours)) * 10 ** MINOR_UNITS[target]
    whole = (units + Fraction(1, 2)).__floor__()
    printed = convert(amount, rate, target)
    assert printed == Decimal(whole if amount >= 0 else -whole).scaleb(-MINOR_UNITS[target])
    assert printed.as_tuple().exponent == -MINOR_UNITS[target]


@settings(deadline=None)
@given(amounts, st.sampled_from(["USD", "JPY", "KWD"]))
def test_halves_go_as_everywhere(amount, currency):
    assert fx_rates.round_fraction(Fraction(amount), currency) == round_money(amount, currency)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 40), st.sampled_from(["CAD", "USD", "both"])), st.integers(0, 5))
def test_the_legs_are_the_latest_on_or_before_the_day(days, ahead):
    """An independent search: the youngest day of each leg, nothing of later, nothing too old."""
    rates, asked = [], before(ahead)
    for age, quoted in days.items():
        names = ("CAD", "USD") if quoted == "both" else (quoted,)
        rates.append(("EUR", before(age), {name: Decimal(age + 1) if name == "CAD" else Decimal(1) for name in names}))
    legs = {
        name: [age for age, quoted in days.items() if quoted in (name, "both") and ahead <= age <= ahead + 30] for name in ("CAD", "USD")
    }
    rate = Rates(rates).find("CAD", "USD", asked)
    if not all(legs.values()):
        assert rate is None
        return
    ours, theirs = min(legs["CAD"]), min(legs["USD"])
    assert rate.exact == Fraction(1, ours + 1)
    assert rate.on == before(max(ours, theirs))
    assert rate.stale == (max(ours, theirs) - ahead > 7)


# -- the bank's file

FILE = """\
Date,USD,JPY,BGN,CYP,CAD,
2026-10-30,1.1172,175.68,N/A,N/A,1.5606,
2026-10-29,1.113,175.92,N/A,N/A,1.5577,
2025-12-31,1.175,184.09,1.9558,0.58527,1.6088,
"""


def test_the_banks_file():
    parsed = ecb.parse(FILE.splitlines())
    assert parsed.errors == []
    assert [day.on for day in parsed.days] == [FRIDAY, before(1), date(2025, 12, 31)]
    assert parsed.days[0].rates == {"USD": Decimal("1.1172"), "JPY": Decimal("175.68"), "CAD": Decimal("1.5606")}
    assert parsed.days[2].rates["BGN"] == Decimal("1.9558")
    assert "CYP" not in parsed.days[2].rates


def test_other_ends_of_line_a_mark_at_the_beginning_and_spaces_dont_matter():
    text = "\ufeff" + FILE.replace("\n", "\r\n").replace(",", " , ") + "\r\n\r\n"
    assert ecb.parse(text.splitlines(keepends=True)) == ecb.parse(FILE.splitlines())
    assert ecb.parse(FILE.replace(",\n", "\n").splitlines()) == ecb.parse(FILE.splitlines())


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("30/10/2026,1,1,1,1,1,", "no date"),
        ("2026-10-28,1,1,1,", "columns"),
        ("2026-10-28,1,1,1,1,1,1,", "columns"),
        ("2026-10-28,0,1,1,1,1,", "USD: a rate is above zero"),
        ("2026-10-28,-1,1,1,1,1,", "USD: a rate is above zero"),
        ("2026-10-28,NaN,1,1,1,1,", "USD: a rate is above zero"),
        ("2026-10-28,1.1.1,1,1,1,1,", "USD: '1.1.1' is no rate"),
        ("2026-10-29,1,1,1,1,1,", "comes twice"),
    ],
)
def test_a_wrong_line_is_named_and_gives_no_day(line, fault):
    parsed = ecb.parse(f"{FILE}{line}\n2025-12-30,1.17,184,1.9558,N/A,1.6,\n".splitlines())
    assert [number for number, _ in parsed.errors] == [5]
    assert fault in parsed.errors[0][1]
    assert len(parsed.days) == 4


@pytest.mark.parametrize("text", ["", "\n", "date;USD\n", "2026-10-30,1.1172\n", "Date,USD,USD,\n"])
def test_what_isnt_the_banks_file(text):
    with pytest.raises(ValueError, match="first line"):
        ecb.parse(text.splitlines())
