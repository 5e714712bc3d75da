"""Prices, fees, proof of funds, earnest money, ranks."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, ValidationFailed
from chalicelib.packs.dispositions.rules import earnest_money, fees, proof_of_funds, ranking, terms
from chalicelib.packs.wholesale.rules import exit_strategies


def money(text):
    return None if text is None else Decimal(text)


def loc(problem):
    return [".".join(error["loc"]) for error in problem.value.members["errors"]]


# -- price and fee


@pytest.mark.parametrize(
    ("contract", "price", "fee", "expected"),
    [
        ("118000", "131000", None, ("131000", "13000")),
        ("118000", None, "13000", ("131000", "13000")),
        ("118000", "131000", "13000.00", ("131000", "13000")),
        ("118000", "118000", None, ("118000", "0")),
        ("118000", None, None, (None, None)),
        (None, "131000", None, ("131000", None)),
        (None, None, "13000", (None, "13000")),
        (None, "131000", "1", ("131000", "1")),
    ],
)
def test_of_price_and_fee_one_follows_from_the_other(contract, price, fee, expected):
    assert terms.resolve_terms(money(contract), money(price), money(fee)) == terms.Terms(*map(money, expected))


@pytest.mark.parametrize(
    ("contract", "price", "fee", "field"),
    [
        ("118000", "131000", "12000", "assignment_fee"),
        ("118000", "117999.99", None, "assignment_price"),
        ("118000", "117999.99", "-0.01", "assignment_fee"),
        ("118000", None, "-0.01", "assignment_fee"),
        (None, None, "-1", "assignment_fee"),
    ],
)
def test_what_contradicts_or_loses_money_is_refused(contract, price, fee, field):
    with pytest.raises(ValidationFailed) as problem:
        terms.resolve_terms(money(contract), money(price), money(fee))
    assert loc(problem) == [field]


cents = st.integers(0, 10**12).map(lambda units: Decimal(units).scaleb(-2))


@settings(deadline=None)
@given(cents, cents)
def test_either_way_round_is_the_same(contract, fee):
    from_fee = terms.resolve_terms(contract, None, fee)
    assert from_fee == terms.resolve_terms(contract, from_fee.price, None) == terms.resolve_terms(contract, from_fee.price, from_fee.fee)
    assert from_fee.fee == fee


CONTRACT = Decimal(118000)
SOLD = terms.Terms(Decimal(131000), Decimal(13000))


def test_an_offers_terms_change_freely():
    assert terms.revise_terms("offered", SOLD, CONTRACT, {"assignment_price": Decimal(130000)}) == terms.Terms(
        Decimal(130000), Decimal(12000)
    )
    assert terms.revise_terms("offered", SOLD, CONTRACT, {"assignment_fee": Decimal(9000)}) == terms.Terms(Decimal(127000), Decimal(9000))
    assert terms.revise_terms("offered", SOLD, CONTRACT, {"assignment_price": None}) == terms.Terms()
    changed = {"assignment_price": None, "assignment_fee": Decimal(1)}
    assert terms.revise_terms("offered", SOLD, CONTRACT, changed) == terms.Terms(Decimal(118001), Decimal(1))
    assert terms.revise_terms("offered", SOLD, CONTRACT, {"notes": None}) == SOLD


def test_an_assigned_ones_price_changes_by_a_retrade_only():
    lower = {"assignment_price": Decimal(125000)}
    assert terms.revise_terms("assigned", SOLD, CONTRACT, lower, "retrade") == terms.Terms(Decimal(125000), Decimal(7000))
    for reason in (None, "", "price"):
        with pytest.raises(ValidationFailed) as problem:
            terms.revise_terms("assigned", SOLD, CONTRACT, lower, reason)
        assert loc(problem) == ["reason"]
    assert terms.revise_terms("assigned", terms.Terms(), CONTRACT, lower) == terms.Terms(Decimal(125000), Decimal(7000))
    assert terms.revise_terms("assigned", SOLD, CONTRACT, {"assignment_price": Decimal(131000)}) == SOLD
    with pytest.raises(ValidationFailed) as problem:
        terms.revise_terms("assigned", SOLD, CONTRACT, {"assignment_price": None}, "retrade")
    assert loc(problem) == ["assignment_price"]
    with pytest.raises(ValidationFailed):
        terms.revise_terms("assigned", SOLD, CONTRACT, {"assignment_price": Decimal("117999.99")}, "retrade")


@pytest.mark.parametrize("status", ["closed", "fallout"])
def test_what_is_over_keeps_its_terms(status):
    with pytest.raises(Conflict):
        terms.revise_terms(status, SOLD, CONTRACT, {"assignment_price": Decimal(125000)}, "retrade")
    assert terms.revise_terms(status, SOLD, CONTRACT, {"notes": "x"}) == SOLD


# -- fees


def costs(**values):
    return {name: Decimal(value) for name, value in values.items()}


DOUBLE = costs(closing_ab="1850", closing_bc="2400", points_pct="1.5", lender_fee="495")
NOVATION = costs(commission_pct="5", closing_pct="1.5", make_ready="6500")
WHOLETAIL = costs(rehab="12000", buying_pct="2.5", selling_pct="7", holding_months="4", holding_pct="1")


@pytest.mark.parametrize(
    ("kind", "price", "contract", "terms", "gross", "net"),
    [
        ("assignment", "131000", "118000", {}, "13000.00", "13000.00"),
        ("assignment", "131000", "118000", costs(partner_split="4000", earnest_money_lost="500"), "13000.00", "8500.00"),
        ("assignment", "118000", "118000", {}, "0.00", "0.00"),
        ("assignment", "131000", "118000", {"partner_split": None}, "13000.00", "13000.00"),
        ("double_close", "131000", "118000", DOUBLE, "13000.00", "6485.00"),
        ("novation", "239000", "185000", NOVATION, "54000.00", "31965.00"),
        ("wholetail", "210000", "150000", WHOLETAIL, "60000.00", "23550.00"),
    ],
)
def test_gross_and_net_of_each_exit(kind, price, contract, terms, gross, net):
    earned = fees.compute_fees(kind, money(price), money(contract), terms, "USD")
    assert (str(earned.gross), str(earned.net), earned.missing) == (gross, net, ())
    # What the pipeline once estimated of the sale doesn't count beside what it was sold for.
    estimated = {**terms, "bc_price": Decimal(1), "retail_price": Decimal(1), "resale_price": Decimal(1), "fee": Decimal(1)}
    assert fees.compute_fees(kind, money(price), money(contract), estimated, "USD") == earned


@pytest.mark.parametrize(("kind", "terms"), [("double_close", DOUBLE), ("novation", NOVATION), ("wholetail", WHOLETAIL)])
def test_a_cost_that_isnt_known_makes_the_net_unknown(kind, terms):
    assert fees.compute_fees(kind, Decimal(131000), Decimal(118000), {}, "USD") == fees.Fees(Decimal(13000), None, tuple(terms))
    for name in terms:
        for without in ({**terms, name: None}, {other: value for other, value in terms.items() if other != name}):
            earned = fees.compute_fees(kind, Decimal(131000), Decimal(118000), without, "USD")
            assert earned == fees.Fees(Decimal(13000), None, (name,))


@pytest.mark.parametrize("kind", exit_strategies.EXITS)
def test_without_a_price_there_is_no_fee(kind):
    terms = DOUBLE | NOVATION | WHOLETAIL
    assert fees.compute_fees(kind, None, Decimal(1), terms, "USD") == fees.Fees(None, None, ("assignment_price",))
    assert fees.compute_fees(kind, Decimal(1), None, terms, "USD") == fees.Fees(None, None, ("contract_price",))


def test_fees_are_in_the_currencys_minor_unit():
    assert str(fees.compute_fees("assignment", Decimal("131000.5"), Decimal(118000), {}, "KWD").gross) == "13000.500"
    assert str(fees.compute_fees("assignment", Decimal(131000), Decimal(118000), {}, "JPY").net) == "13000"


# -- proof of funds

ISSUED = date(2026, 1, 31)
PROOF = proof_of_funds.ProofOfFunds(Decimal(131000), "USD", ISSUED, proof_of_funds.default_expiry(ISSUED))


def test_a_proof_without_an_expiry_is_good_for_thirty_days_and_its_lapse_warned_of():
    assert PROOF.expires_on == date(2026, 3, 2)
    assert proof_of_funds.reminder_date(PROOF.expires_on) == date(2026, 2, 16)


@pytest.mark.parametrize(
    ("price", "currency", "day", "code", "short"),
    [
        ("131000", "USD", date(2026, 1, 31), None, None),
        ("131000", "USD", date(2026, 3, 2), None, None),
        ("131000", "USD", date(2026, 3, 3), "pof_expired", None),
        ("131000", "USD", date(2026, 1, 30), "pof_not_yet_valid", None),
        ("131000.01", "USD", date(2026, 2, 1), "pof_insufficient", "0.01"),
        ("137000", "USD", date(2026, 2, 1), "pof_insufficient", "6000"),
        ("137000", "USD", date(2026, 3, 3), "pof_expired", None),
        ("1", "CAD", date(2026, 2, 1), "pof_currency", None),
        (None, "CAD", date(2026, 2, 1), None, None),
        (None, "USD", date(2026, 3, 3), "pof_expired", None),
    ],
)
def test_whether_a_proof_covers_a_price(price, currency, day, code, short):
    found = proof_of_funds.coverage_error(PROOF, money(price), currency, day)
    assert (found and found.code, found and found.short) == (code, money(short))
    proof_of_funds.check(found, required=False, overridden=True)
    assert proof_of_funds.warnings(found, required=False) == []
    if code is None:
        proof_of_funds.check(found, required=True)
        return
    for required in (True, False):
        with pytest.raises(Conflict) as problem:
            proof_of_funds.check(found, required=required)
        assert problem.value.members == {"code": code} | ({"short": Decimal(short)} if short else {})


def test_125_000_for_131_000_is_6_000_short():
    found = proof_of_funds.coverage_error(
        proof_of_funds.ProofOfFunds(Decimal(125000), "USD", ISSUED, PROOF.expires_on), Decimal(131000), "USD", ISSUED
    )
    assert (found.code, found.short) == ("pof_insufficient", 6000)


def test_none_at_all_warns_unless_one_is_required():
    found = proof_of_funds.coverage_error(None, Decimal(1), "USD", ISSUED)
    assert proof_of_funds.warnings(found, required=False) == ["pof_missing"]
    proof_of_funds.check(found, required=False)
    assert proof_of_funds.warnings(found, required=True) == []
    proof_of_funds.check(found, required=True, overridden=True)
    with pytest.raises(Conflict) as problem:
        proof_of_funds.check(found, required=True)
    assert problem.value.members == {"code": "pof_missing"}


def test_who_owns_the_pipeline_doesnt_override():
    proof_of_funds.check_override("user_1", "user_2")
    proof_of_funds.check_override("user_1", None)
    with pytest.raises(Forbidden):
        proof_of_funds.check_override("user_1", "user_1")


# -- earnest money

BY_PEOPLE = {
    ("due", "received"): None,
    ("received", "cleared"): None,
    ("received", "due"): "returned_unpaid",
    ("disputed", "refunded"): None,
    ("disputed", "forfeited"): None,
}
BY_CLOSING = {("cleared", "applied")}
BY_FALLOUT = {(held, end) for held in ("received", "cleared") for end in ("refunded", "forfeited", "disputed")}


@pytest.mark.parametrize("source", earnest_money.STATUSES)
@pytest.mark.parametrize("target", earnest_money.STATUSES)
def test_earnest_money_moves_by_its_table(source, target):
    move = (source, target)
    assert (move in earnest_money.MACHINE.transitions) == (move in BY_PEOPLE or move in BY_CLOSING | BY_FALLOUT)
    if move in BY_PEOPLE:
        earnest_money.MACHINE.check(source, target, reason=BY_PEOPLE[move])
        return
    with pytest.raises(InvalidTransition) as problem:
        earnest_money.MACHINE.check(source, target, reason="returned_unpaid")
    assert set(problem.value.members["allowed"]) == {to for at, to in BY_PEOPLE if at == source}
    assert problem.value.detail.startswith("The earnest money can't go from")
    assert ("Close the assignment" in problem.value.detail) == (move in BY_CLOSING)
    assert ("Fall the assignment out" in problem.value.detail) == (move in BY_FALLOUT)


def test_money_that_goes_back_unpaid_says_so():
    for reason in (None, "other"):
        with pytest.raises(ValidationFailed) as problem:
            earnest_money.MACHINE.check("received", "due", reason=reason)
        assert loc(problem) == ["reason"]


def test_earnest_money_is_due_three_days_after_the_assignment():
    assert earnest_money.default_due_on(date(2026, 2, 27)) == date(2026, 3, 2)


def test_who_works_the_pipeline_may_note_only_that_money_came():
    assert {("due", "received")} == earnest_money.WRITER_TRANSITIONS


@pytest.mark.parametrize(("before", "after"), [("received", "applied"), ("cleared", "applied"), ("due", "due"), (None, None)])
def test_a_closing_applies_what_was_received(before, after):
    assert earnest_money.status_after_closing(before) == after


def test_nothing_closes_over_disputed_money():
    with pytest.raises(Conflict) as problem:
        earnest_money.status_after_closing("disputed")
    assert problem.value.members == {"code": "earnest_money_disputed"}


@pytest.mark.parametrize("status", ["received", "cleared", "due", None])
@pytest.mark.parametrize("outcome", ["none", "refunded", "forfeited", "disputed"])
def test_a_fallout_says_what_became_of_the_money(status, outcome):
    if status in ("received", "cleared"):
        fits, after, allowed = outcome != "none", outcome, {"refunded", "forfeited", "disputed"}
    else:
        fits, after, allowed = outcome == "none", status, {"none"}
    if fits:
        assert earnest_money.status_after_fallout(status, outcome) == after
        return
    with pytest.raises(InvalidTransition) as problem:
        earnest_money.status_after_fallout(status, outcome)
    assert set(problem.value.members["allowed"]) == allowed


def test_a_fallout_without_an_outcome_is_refused():
    for outcome in (None, "", "applied", "lost"):
        with pytest.raises(ValidationFailed) as problem:
            earnest_money.status_after_fallout("due", outcome)
        assert loc(problem) == ["earnest_money_outcome"]


# -- ranks


def candidate(rank, status="offered", active=True):
    return ranking.RankedOffer(f"asgn_{rank}", f"buyer_{rank}", rank, status, active)


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ([], 1),
        ([candidate(1)], 2),
        ([candidate(1), candidate(3)], 4),
        ([candidate(1, "fallout")], 1),
        ([candidate(1, "fallout"), candidate(2)], 3),
        ([candidate(1, "assigned")], 2),
        ([candidate(2, "assigned")], 3),
    ],
)
def test_a_newcomer_comes_last(live, expected):
    assert ranking.next_free(live) == expected
    ranking.check_free(expected, live)


def test_a_newcomer_never_stands_before_an_assigned_one():
    assert ranking.next_free([candidate(0, "assigned")]) == 2


def test_a_rank_is_single_among_live_ones():
    ranking.check_free(1, [candidate(1, "fallout"), candidate(2)])
    for status in ("offered", "assigned"):
        with pytest.raises(Conflict) as problem:
            ranking.check_free(1, [candidate(1, status)])
        assert problem.value.members == {"code": "rank_taken", "assignment_id": "asgn_1"}


def test_the_next_backup_is_the_lowest_live_rank_with_an_active_buyer():
    three = candidate(3)
    assert ranking.next_backup([candidate(1, "fallout"), candidate(2, active=False), candidate(4), three]) == three
    assert ranking.next_backup([candidate(1, "assigned"), candidate(2, active=False)]) is None


def test_out_of_rank_warns_only_where_somebody_waits_who_could_be_assigned():
    one, two = candidate(1), candidate(2)
    assert ranking.warnings(two, [one, two]) == ["out_of_rank"]
    assert ranking.warnings(one, [one, two]) == []
    for gone in (candidate(1, active=False), candidate(1, "fallout")):
        assert ranking.warnings(two, [gone, two]) == []
