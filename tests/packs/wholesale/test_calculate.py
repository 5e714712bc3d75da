"""Working a deal out without keeping anything."""

from decimal import Decimal
from typing import Any

import pytest


@pytest.fixture
def calculate(client_as: Any) -> Any:
    viewer = client_as("viewer")

    def call(**body: Any) -> Any:
        response = viewer("POST", "/wholesale/calculate", body)
        assert response.status == 200, response.text
        return response.json()

    return call


@pytest.mark.parametrize(
    ("arv", "repairs", "fee", "rule", "ceiling", "mao"),
    [
        (120000, 20000, 10000, None, 64000, 54000),
        (150000, 25000, 15000, None, 80000, 65000),
        (127000, 10000, 8000, None, 78900, 70900),
        (250000, 35000, 15000, None, 140000, 125000),
        (250000, 35000, 15000, 65, 127500, 112500),
    ],
)
def test_ceiling_and_offer(calculate, arv, repairs, fee, rule, ceiling, mao):
    body = calculate(arv_estimate=arv, repair_estimate=repairs, assignment_fee_target=fee, rule_pct=rule)
    assert (body["ceiling"], body["max_allowable_offer"], body["expected_spread"]) == (ceiling, mao, fee)
    assert (body["rule_pct"], body["spread_basis"], body["warnings"]) == (rule or 70, "mao", [])


def test_the_grid_has_twenty_cells(calculate):
    body = calculate(arv_estimate=120000, repair_estimate=20000, assignment_fee_target=10000)
    assert [cell["mao"] for cell in body["sensitivity"]] == [
        *(49600, 45600, 41600, 37600),
        *(53800, 49800, 45800, 41800),
        *(58000, 54000, 50000, 46000),
        *(62200, 58200, 54200, 50200),
        *(66400, 62400, 58400, 54400),
    ]
    assert body["sensitivity"][0] == {"arv": 108000, "repairs": 16000, "ceiling": 59600, "mao": 49600, "spread": 10000}


def test_a_negative_figure_is_returned(calculate):
    body = calculate(arv_estimate=60000, repair_estimate=45000, assignment_fee_target=8000)
    assert (body["ceiling"], body["max_allowable_offer"], body["warnings"]) == (-3000, -11000, ["negative_mao"])


def test_unknown_figures_are_null_with_their_missing_inputs(calculate):
    body = calculate(arv_estimate=120000)
    assert (body["ceiling"], body["max_allowable_offer"], body["expected_spread"]) == (None, None, None)
    assert body["missing"] == ["repair_estimate", "assignment_fee_target"]
    assert {cell["mao"] for cell in body["sensitivity"]} == {None}


def test_each_exit_strategy_has_its_own_net(calculate):
    costs = {"closing_ab": 1850, "closing_bc": 2400, "points_pct": Decimal("1.5"), "lender_fee": 495}
    inputs = {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000, "contract_price": 118000}
    body = calculate(**inputs, exit_strategy="double_close", costs=costs)
    assert body["max_allowable_offer"] == 118485
    novation = {"retail_price": 239000, "commission_pct": 5, "closing_pct": Decimal("1.5"), "make_ready": 6500}
    body = calculate(contract_price=185000, exit_strategy="novation", costs=novation)
    assert (body["expected_spread"], body["max_allowable_offer"]) == (31965, None)
    body = calculate(contract_price=185000, exit_strategy="novation", costs={**novation, "make_ready": None})
    assert (body["expected_spread"], body["missing"]) == (None, ["make_ready"])


def test_it_is_explained(client_as):
    response = client_as("viewer")("POST", "/wholesale/calculate", {"arv_estimate": 100}, query={"explain": "true"}).json()
    assert response["explain"]["max_allowable_offer"]["missing"] == ["repair_estimate", "assignment_fee_target"]
    assert response["explain"]["max_allowable_offer"]["as_of"] == "2026-11-24T18:00:00.000Z"


def test_nothing_is_stored(client_as, round_trips):
    client_as("operator")("POST", "/wholesale/calculate", {"arv_estimate": 100})
    assert round_trips() == 0


@pytest.mark.parametrize(
    "body",
    [
        {"arv_estimate": -1},
        {"rule_pct": 49},
        {"rule_pct": "70"},
        {"arv_estimate": 10**16},
        {"currency": "JPY", "arv_estimate": Decimal("0.1")},
        {"costs": {"points_pct": 101}},
        {"exit_strategy": "flip"},
        {"arv": 1},
    ],
    ids=str,
)
def test_invalid_requests_are_rejected(client_as, body):
    assert client_as("viewer")("POST", "/wholesale/calculate", body).status == 422


def test_callers_without_permission_are_rejected(anonymous, client_as):
    assert anonymous("POST", "/wholesale/calculate", {}).status == 401
    assert client_as("professional")("POST", "/wholesale/calculate", {}).status == 403


@pytest.mark.parametrize("exit_strategy", [None, "assignment", "novation", "wholetail"])
def test_the_second_price_of_another_exit_is_refused(client_as, exit_strategy):
    viewer = client_as("viewer")
    body = {"contract_price": 118000, "exit_strategy": exit_strategy}
    response = viewer("POST", "/wholesale/calculate", {**body, "costs": {"bc_price": 131000}})
    assert (response.status, response.json()["errors"][0]["loc"]) == (422, ["costs", "bc_price"])
    assert viewer("POST", "/wholesale/calculate", {**body, "costs": {"bc_price": None}}).status == 200


def test_a_double_close_by_its_second_price(calculate, client_as):
    costs = {"closing_ab": 1850, "closing_bc": 2400, "points_pct": 1.5, "lender_fee": 495}
    deal = {"exit_strategy": "double_close", "contract_price": 118000}
    for known in ({"costs": {**costs, "bc_price": 131000}}, {"costs": costs, "assignment_price": 131000}):
        body = calculate(**deal, **known)
        assert (body["expected_spread"], body["spread_basis"]) == (Decimal("6485.00"), "assignment")
    response = client_as("viewer")(
        "POST", "/wholesale/calculate", {**deal, "costs": {**costs, "bc_price": 131000}, "assignment_price": 130000}
    )
    assert (response.status, response.json()["errors"][0]["loc"]) == (422, ["costs", "bc_price"])
    response = client_as("viewer")("POST", "/wholesale/calculate", {**deal, "costs": {**costs, "bc_price": "1.005"}})
    assert response.status == 422
