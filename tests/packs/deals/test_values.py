"""What a deal is worth: what was given, else the contract price of its pipeline."""

from decimal import Decimal

import pytest

from chalicelib.packs.deals.rules import KINDS, value_of


def test_rule():
    assert value_of(Decimal(5), Decimal(7)) == (5, "given")
    assert value_of(Decimal(0), Decimal(7)) == (0, "given")
    assert value_of(None, None) == (None, None)
    assert value_of(None, Decimal(7)) == (7, "contract_price")


@pytest.mark.parametrize("kind", KINDS)
def test_a_deal_follows_the_contract_of_its_pipeline(deals, kind):
    pipeline = deals.pipeline()
    body = deals.ok("POST", "/deals", {"title": "T", "kind": kind, "pipeline_id": pipeline})
    assert (body["value"], body["value_basis"]) == (118000, "contract_price")
    deals.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 120000})
    id = body["id"]
    assert deals.ok("GET", f"/deals/{id}")["value"] == 120000
    assert deals.ok("GET", "/deals")["items"][0]["value"] == 120000
    deals.stage(pipeline, "offer_made", note="They want more.")
    body = deals.ok("GET", f"/deals/{id}", query={"explain": "true"})
    assert (body["value"], body["value_basis"]) == (None, None)
    assert body["explain"]["value"]["missing"] == ["value", "contract_price"]
    body = deals.change(id, value=1)
    assert (body["value"], body["value_basis"]) == (1, "given")
    body = deals.change(id, value=None)
    assert (body["value"], body["value_basis"]) == (None, None)


def test_who_holds_an_earlier_value_is_told_the_new_one(deals):
    pipeline = deals.pipeline()
    path = f"/deals/{deals.deal(kind='wholesale', pipeline_id=pipeline)}"
    held = deals.call("GET", path).headers["etag"]
    assert deals.call("GET", path, headers={"If-None-Match": held}).status == 304
    deals.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 119000})
    answer = deals.call("GET", path, headers={"If-None-Match": held})
    assert (answer.status, answer.json()["value"]) == (200, 119000)
    deals.ok("PATCH", path, {"notes": "x"}, headers={"If-Match": held})  # of the deal itself nothing had changed
    deals.expect_error(412, "PATCH", path, {"notes": "y"}, headers={"If-Match": held})


def test_it_explains_itself(deals):
    pipeline = deals.pipeline()
    id = deals.deal(kind="wholesale", pipeline_id=pipeline)
    answer = deals.call("GET", f"/deals/{id}", query={"explain": "true"})
    assert answer.headers["etag"].startswith('W/"1.')
    assert answer.json()["explain"] == {
        "value": {
            "inputs": {"value": None, "contract_price": 118000},
            "formula": {"id": "deals.value", "version": 1},
            "as_of": "2026-11-24T18:00:00.000Z",
            "missing": [],
        }
    }
    (row,) = deals.ok("GET", "/deals", query={"explain": "true"})["items"]
    assert row["explain"] == answer.json()["explain"]
    other = deals.ok("POST", "/deals", {"title": "T"}, query={"explain": "true"})
    assert other["explain"]["value"]["inputs"] == {"value": None}
    assert other["explain"]["value"]["missing"] == ["value"]
    assert "explain" not in deals.ok("GET", f"/deals/{id}")
