"""Markets, and how a buyer and a house fit."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.postal_codes import delivery_code
from chalicelib.packs.dispositions.rules import markets, matches
from chalicelib.packs.dispositions.rules.markets import (
    Area,
    CityMarket,
    Location,
    PostalMarket,
    areas_for,
    buyer_partitions,
    parse,
    partitions_for,
)
from chalicelib.packs.dispositions.rules.proof_of_funds import ProofOfFunds

# -- markets


@pytest.mark.parametrize(
    ("text", "market", "written"),
    [
        ("98103", PostalMarket("US", "98103"), "98103"),
        (" 98103-1234 ", PostalMarket("US", "98103"), "98103"),
        ("981*", PostalMarket("US", "981", is_prefix=True), "981*"),
        ("9*", PostalMarket("US", "9", is_prefix=True), "9*"),
        ("98103*", PostalMarket("US", "98103"), "98103"),
        ("us:981*", PostalMarket("US", "981", is_prefix=True), "981*"),
        ("CA:v6b*", PostalMarket("CA", "V6B", is_prefix=True), "CA:V6B*"),
        ("GB:SW1A 1AA", PostalMarket("GB", "SW1A1AA"), "GB:SW1A1AA"),
        ("Seattle/WA", CityMarket("Seattle", "WA"), "Seattle/WA"),
        ("  saint  paul / mn ", CityMarket("saint paul", "MN"), "saint paul/MN"),
    ],
)
def test_a_market_is_read_and_written(text, market, written):
    assert parse(text) == market
    assert str(market) == written
    assert parse(written) == market


@pytest.mark.parametrize(
    "text", ["", "*", "981", "9810", "V6B*", "Seattle", "Seattle/", "/WA", "a/b/c", "Seattle*/WA", "98-*-1", "981**", "98_1*", "１２３*"]
)
def test_what_isnt_a_market(text):
    with pytest.raises(ValueError, match=r"a (market|city|postal code)"):
        parse(text)


SEATTLE = Location("98103-4455", "SEATTLE", "wa")


@pytest.mark.parametrize(
    ("patterns", "place", "expected"),
    [
        (["98103"], SEATTLE, True),
        (["981*"], SEATTLE, True),
        (["982*", "98103"], SEATTLE, True),
        (["982*", "98104"], SEATTLE, False),
        (["seattle/WA"], SEATTLE, True),
        (["Seattle/OR", "Tacoma/WA"], SEATTLE, False),
        (["98104", "Seattle/WA"], SEATTLE, True),
        ([], SEATTLE, None),
        (["981*"], Location(), None),
        (["Seattle/WA"], Location("98103"), None),
        (["982*", "Seattle/WA"], Location("98103"), None),  # the postal code is outside, the city can't be told
        (["Seattle/WA"], Location(city="Seattle"), None),
        (["Seattle/WA"], Location(city="Tacoma"), False),
        (["Seattle/WA"], Location(region="OR"), False),
        (["CA:V6B*"], Location("v6b 1a1", "Vancouver", "BC", "CA"), True),
        (["981*"], Location("98103", country="DE"), False),
        (["981*"], Location(country="DE"), False),
        (["DE:98103"], Location("98103", country="DE"), True),
        (["DE:981*"], Location("98103", country="DE"), True),
        (["DE:98103*"], Location("98103", country="DE"), True),
    ],
)
def test_whether_a_place_lies_in_a_market(patterns, place, expected):
    assert markets.contains([parse(pattern) for pattern in patterns], place) is expected


def test_a_house_reads_seven_partitions_and_a_buyer_stands_in_one_a_market():
    reading = partitions_for(SEATTLE)
    assert reading.partitions == (
        ("US", "98103"),
        *(("US", f"{beginning}*") for beginning in ("9810", "981", "98", "9")),
        ("CITY", "wa", "seattle"),
        ("*",),
    )
    assert reading.complete
    assert buyer_partitions([parse("981*"), parse("981*"), parse("Seattle/WA")]) == [("US", "981*"), ("CITY", "wa", "seattle")]
    assert buyer_partitions([]) == [("*",)]


@pytest.mark.parametrize("place", [Location(), Location("98103"), Location(city="Seattle", region="WA"), Location("98103", "Seattle")])
def test_a_house_whose_address_is_short_says_that_its_list_is_cut(place):
    assert not partitions_for(place).complete
    assert ("*",) in partitions_for(place).partitions


digits = st.text("0123456789", min_size=5, max_size=5)
prefixes = st.builds(lambda code, length: f"{code[:length]}*", digits, st.integers(1, 4))
cities = st.sampled_from(["Seattle/WA", "seattle/wa", "Tacoma/WA", "Portland/OR"])
patterns = st.lists(st.one_of(digits, prefixes, cities, st.sampled_from(["DE:98103", "DE:981*"])), max_size=5)
places = st.builds(
    Location, digits, st.sampled_from(["Seattle", "TACOMA", "Bend"]), st.sampled_from(["WA", "or"]), st.sampled_from(["US", "DE"])
)


@settings(deadline=None)
@given(patterns, places)
def test_a_house_finds_exactly_the_buyers_that_arent_outside(written, place):
    found = [parse(pattern) for pattern in written]
    meet = set(buyer_partitions(found)) & set(partitions_for(place).partitions)
    assert bool(meet) == (markets.contains(found, place) is not False)


def test_a_buyer_reads_houses_by_area():
    reading = areas_for([parse(text) for text in ("98103", "981*", "97*", "9*", "Seattle/WA", "CA:V6B 1A1", "CA:V6*")])
    tens = tuple(Area("US", f"97{digit}", f"97{digit}") for digit in range(10))
    assert set(reading.areas) == {Area("US", "981", "981"), *tens, Area("CA", "V6B", "V6B1A1")}
    assert reading.uncovered == (parse("9*"), parse("Seattle/WA"), parse("CA:V6*"))
    assert areas_for([]).areas == ()


@settings(deadline=None)
@given(patterns, places)
def test_a_buyer_finds_every_house_of_the_covered_markets_once(written, place):
    found = [parse(pattern) for pattern in written]
    reading = areas_for(found)
    covered = [market for market in found if market not in reading.uncovered]
    code = delivery_code(place.postal_code, place.country)
    reached = [area for area in reading.areas if (area.country, area.area) == (place.country, code[:3]) and code.startswith(area.prefix)]
    assert len(reached) == (1 if markets.contains(covered, place) else 0)


# -- the criteria

TODAY = date(2026, 3, 10)
HOUSE = matches.PropertyProfile(
    "pipe_1",
    SEATTLE,
    type="single_family",
    price=Decimal(131000),
    repairs=Decimal(35000),
    arv=Decimal(250000),
    bedrooms=Decimal(3),
    bathrooms=Decimal("1.5"),
    sqft=Decimal(1400),
    year_built=Decimal(1962),
    suited_for=("flip", "rental"),
)
BOX = matches.BuyBox(
    property_types=("Single_Family", "duplex"),
    markets=(parse("981*"),),
    price_min=Decimal(50000),
    price_max=Decimal(131000),
    bedrooms_min=Decimal(3),
    bathrooms_min=Decimal("1.5"),
    sqft_min=Decimal(1400),
    year_built_min=Decimal(1962),
    max_repairs=Decimal(35000),
    max_pct_of_arv=Decimal(70),
    strategies=("brrrr", "rental"),
)
PROOF = ProofOfFunds(Decimal(131000), "USD", TODAY, TODAY)
BUYER = matches.BuyerProfile("buyer_1", BOX, PROOF, tier="B")


def boxed(**change):
    return replace(BUYER, box=replace(BOX, **change))


def expired():
    return replace(PROOF, expires_on=date(2026, 3, 9))


@pytest.mark.parametrize(
    ("buyer", "score", "coverage", "missed", "unknown"),
    [
        (BUYER, "100.0", 100, [], []),
        (boxed(bedrooms_min=Decimal(4)), "96.0", 100, ["bedrooms"], []),
        (replace(boxed(bedrooms_min=Decimal(4)), proof=expired()), "90.0", 100, ["proof_of_funds", "bedrooms"], []),
        (boxed(markets=(), price_min=None, price_max=None), "66.3", 55, [], ["market", "price"]),
        (matches.BuyerProfile("buyer_1"), "25.0", 0, [], list(matches.WEIGHTS)),
    ],
)
def test_scores(buyer, score, coverage, missed, unknown):
    found = matches.evaluate_match(buyer, HOUSE, TODAY)
    assert (str(found.score), found.coverage, found.exclusions) == (score, coverage, ())
    assert (found.criteria("missed"), found.criteria("unknown")) == (missed, unknown)
    assert sorted([*found.criteria("met"), *missed, *unknown]) == sorted(matches.WEIGHTS)


def test_weights_make_a_hundred():
    assert sum(matches.WEIGHTS.values()) == 100


MISSES = {
    "market": {"markets": (parse("982*"),)},
    "price": {"price_max": Decimal("130999.99")},
    "type": {"property_types": ("condo",)},
    "max_repairs": {"max_repairs": Decimal("34999.99")},
    "pct_of_arv": {"max_pct_of_arv": Decimal("66.39")},
    "strategy": {"strategies": ("development",)},
    "bedrooms": {"bedrooms_min": Decimal(4)},
    "bathrooms": {"bathrooms_min": Decimal(2)},
    "sqft": {"sqft_min": Decimal(1401)},
    "year_built": {"year_built_min": Decimal(1963)},
}
NOT_ASKED = {
    "market": {"markets": ()},
    "price": {"price_min": None, "price_max": None},
    "type": {"property_types": ()},
    "max_repairs": {"max_repairs": None},
    "pct_of_arv": {"max_pct_of_arv": None},
    "strategy": {"strategies": ()},
    "bedrooms": {"bedrooms_min": None},
    "bathrooms": {"bathrooms_min": None},
    "sqft": {"sqft_min": None},
    "year_built": {"year_built_min": None},
}
NOT_KNOWN = {
    "market": {"location": Location()},
    "type": {"type": None},
    "max_repairs": {"repairs": None},
    "pct_of_arv": {"arv": None},
    "strategy": {"suited_for": ()},
    "bedrooms": {"bedrooms": None},
    "bathrooms": {"bathrooms": None},
    "sqft": {"sqft": None},
    "year_built": {"year_built": None},
}


@pytest.mark.parametrize("criterion", MISSES)
def test_a_criterion_that_is_missed(criterion):
    found = matches.evaluate_match(boxed(**MISSES[criterion]), HOUSE, TODAY)
    assert found.criteria("missed") == [criterion]
    assert found.score == 100 - matches.WEIGHTS[criterion]
    assert found.exclusions == ((criterion,) if criterion in ("market", "price", "type") else ())


@pytest.mark.parametrize("criterion", NOT_ASKED)
def test_a_criterion_that_the_buyer_doesnt_state_is_unknown(criterion):
    found = matches.evaluate_match(boxed(**NOT_ASKED[criterion]), HOUSE, TODAY)
    assert (found.criteria("unknown"), found.exclusions) == ([criterion], ())
    assert found.coverage == 100 - matches.WEIGHTS[criterion]


@pytest.mark.parametrize("criterion", NOT_KNOWN)
def test_a_criterion_that_the_house_doesnt_state_is_unknown(criterion):
    found = matches.evaluate_match(BUYER, replace(HOUSE, **NOT_KNOWN[criterion]), TODAY)
    assert criterion in found.criteria("unknown")
    assert (found.criteria("missed"), found.exclusions) == ([], ())


def test_a_house_without_a_price_leaves_open_what_hangs_on_it():
    found = matches.evaluate_match(BUYER, replace(HOUSE, price=None), TODAY)
    assert found.criteria("unknown") == ["price", "pct_of_arv", "proof_of_funds"]
    assert "proof_of_funds" in matches.evaluate_match(replace(BUYER, proof=expired()), replace(HOUSE, price=None), TODAY).criteria("missed")


def test_a_price_range_may_be_open_on_one_side():
    for change in ({"price_min": None}, {"price_max": None}):
        assert "price" in matches.evaluate_match(boxed(**change), HOUSE, TODAY).criteria("met")
    assert matches.evaluate_match(boxed(price_max=None, price_min=Decimal("131000.01")), HOUSE, TODAY).exclusions == ("price",)


def test_the_share_of_the_arv_counts_the_repairs():
    # (131,000 + 35,000) / 250,000 is 66.4 %; the price alone would read 52.4 %.
    assert "pct_of_arv" in matches.evaluate_match(boxed(max_pct_of_arv=Decimal("66.4")), HOUSE, TODAY).criteria("met")
    assert "pct_of_arv" in matches.evaluate_match(boxed(max_pct_of_arv=Decimal("66.3")), HOUSE, TODAY).criteria("missed")
    assert "pct_of_arv" in matches.evaluate_match(BUYER, replace(HOUSE, arv=Decimal(0)), TODAY).criteria("unknown")


def test_amounts_of_another_currency_cant_be_compared():
    found = matches.evaluate_match(BUYER, replace(HOUSE, currency="CAD"), TODAY)
    assert (found.criteria("unknown"), found.exclusions) == (["price", "max_repairs", "proof_of_funds"], ())


@pytest.mark.parametrize(
    ("tier", "faults", "verdict"), [("A", 0, "met"), ("B", 2, "met"), ("C", 1, "unknown"), ("C", 2, "missed"), ("C", 0, "unknown")]
)
def test_the_record(tier, faults, verdict):
    assert matches.evaluate_match(replace(BUYER, tier=tier, recent_buyer_faults=faults), HOUSE, TODAY).verdicts["record"] == verdict


def test_who_isnt_to_be_dealt_with_is_out():
    assert matches.evaluate_match(replace(BUYER, is_active=False), HOUSE, TODAY).exclusions == ("inactive",)
    assert matches.evaluate_match(replace(BUYER, do_not_contact=True), HOUSE, TODAY).exclusions == ("do_not_contact",)
    assert matches.ranked([matches.evaluate_match(replace(BUYER, is_active=False), HOUSE, TODAY)]) == []


@pytest.mark.parametrize(
    ("assignment", "contract", "fee", "expected"),
    [("131000", "118000", "9000", 131000), (None, "118000", "13000", 131000), (None, "118000", None, None), (None, None, "13000", None)],
)
def test_the_price_that_a_buyer_would_pay(assignment, contract, fee, expected):
    amounts = [None if each is None else Decimal(each) for each in (assignment, contract, fee)]
    assert matches.offered_price(*amounts) == expected


# -- the order, and the best


def at(day):
    return datetime(2026, 1, day, tzinfo=UTC)


def test_ties_go_by_tier_then_the_oldest_offer_then_id():
    def found(id, tier, last=None, **verdicts):
        return matches.Match(id, "pipe_1", {**dict.fromkeys(matches.WEIGHTS, "unknown"), **verdicts}, (), tier, last)

    order = [
        found("buyer_9", "C", market="met"),
        found("buyer_8", "A", at(9)),
        found("buyer_7", "B"),
        found("buyer_6", "C"),
        found("buyer_4", "C", at(1)),
        found("buyer_5", "C", at(1)),
        found("buyer_3", "C", at(2)),
        found("buyer_2", "A", strategy="missed"),
    ]
    for start in range(len(order)):
        assert matches.ranked(order[start:] + order[:start]) == order


def test_of_equal_scores_the_better_known_comes_first():
    verdicts = dict.fromkeys(matches.WEIGHTS, "unknown")
    # To miss 15 costs a fourth of it, to meet 5 wins three fourths of it: 3.75 either way.
    known = {**verdicts, "type": "missed", "strategy": "met"}
    rumoured = matches.Match("buyer_1", "pipe_1", verdicts, (), "A")
    seen = matches.Match("buyer_2", "pipe_1", known, (), "C")
    assert rumoured.score == seen.score
    assert matches.ranked([rumoured, seen]) == [seen, rumoured]


def test_the_best_leave_out_who_has_it_live_or_declined_it_and_who_fits_badly():
    fit = [matches.evaluate_match(replace(BUYER, id=f"buyer_{number}"), HOUSE, TODAY) for number in range(6)]
    poor = matches.evaluate_match(matches.BuyerProfile("buyer_x"), HOUSE, TODAY)
    earlier = [
        matches.PriorAssignment("buyer_0", "offered"),
        matches.PriorAssignment("buyer_1", "assigned"),
        matches.PriorAssignment("buyer_2", "fallout", "buyer_withdrew"),
        matches.PriorAssignment("buyer_3", "fallout", "expired"),
        matches.PriorAssignment("buyer_4", "fallout", "title"),
    ]
    assert [each.buyer_id for each in matches.best([*fit, poor], earlier, 25)] == ["buyer_3", "buyer_4", "buyer_5"]
    assert len(matches.best(fit, [], 2)) == 2
    many = [matches.evaluate_match(replace(BUYER, id=f"buyer_{number}"), HOUSE, TODAY) for number in range(40)]
    assert len(matches.best(many, [], 40)) == 25


def test_forty_points_are_enough():
    verdicts = dict.fromkeys(matches.WEIGHTS, "missed")
    enough = matches.Match("buyer_1", "pipe_1", {**verdicts, "price": "met", "type": "met", "strategy": "met"})
    short = matches.Match("buyer_2", "pipe_1", {**verdicts, "price": "met", "type": "met", "bedrooms": "met", "year_built": "unknown"})
    assert (enough.score, short.score) == (Decimal("40.0"), Decimal("39.3"))
    assert matches.best([enough, short], [], 25) == [enough]


def test_a_score_explains_itself():
    explained = matches.explain_match(matches.evaluate_match(boxed(bedrooms_min=Decimal(4), markets=()), HOUSE, TODAY), "2026-03-10")
    assert explained["formula"] == {"id": "dispositions.match", "version": 1}
    assert explained["inputs"]["bedrooms"] == {"weight": 4, "verdict": "missed"}
    assert (explained["missing"], explained["as_of"]) == (["market"], "2026-03-10")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(matches.WEIGHTS)), st.sampled_from(["met", "missed", "unknown"])))
def test_more_knowledge_never_leaves_the_bounds(known):
    verdicts = {**dict.fromkeys(matches.WEIGHTS, "unknown"), **known}
    low = matches.score({name: "missed" if verdict == "unknown" else verdict for name, verdict in verdicts.items()})
    high = matches.score({name: "met" if verdict == "unknown" else verdict for name, verdict in verdicts.items()})
    assert 0 <= low <= matches.score(verdicts) <= high <= 100
