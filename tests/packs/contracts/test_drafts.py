"""Drafting, reading, listing, changing and deleting contracts."""

from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation import party_rows
from chalicelib.packs.contracts.rules import content
from tests.packs.contracts.contracts_client import ANN, BOB, C, ContractsClient, gate, kept


def found_by(runtime: Any, word: str) -> list[tuple[str, str]]:
    return [(row.deal_id, party["side"]) for row in party_rows.find(runtime.store(), word).rows for party in row.parties]


class TestCreate:
    def test_the_least(self, contracts: ContractsClient):
        deal = contracts.deal()
        answer = contracts.call("POST", C, {"deal_id": deal, "title": "Purchase agreement"})
        seen = answer.json()
        assert answer.status == 201
        assert answer.headers["location"] == f"{C}/{seen['id']}"
        assert seen["id"].startswith("ctr_d")
        expected = {
            "deal_id": deal,
            "status": "draft",
            "version": 1,
            "revision": 1,
            "kind": "other",
            "currency": "USD",
            "parties": [],
            "signing": "parallel",
            "auto_renew": False,
            "document": None,
            "document_sha256": None,
            "approvals": [],
            "signatures": [],
            "in_force": False,
            "notice": None,
            "starts_on": None,
            "warnings": [],
        }
        assert {name: seen[name] for name in expected} == expected
        assert contracts.read(seen["id"]) == seen

    def test_everything(self, contracts: ContractsClient):
        body = {
            "kind": "engagement",
            "professional_id": contracts.professional(),
            "storage_url": "https://drive.example.com/x",
            "value": "2500.50",
            "currency": "USD",
            "parties": [ANN, {**BOB, "order": 2}, {"name": "Cy", "role": "witness"}],
            "signing": "sequential",
            "effective_on": "2024-08-29",
            "sign_by": "2026-12-11",
            "term_months": 12,
            "renewal_months": 6,
            "auto_renew": True,
            "notice_months": 2,
            "notes": "Two\nlines",
        }
        seen = contracts.ok("POST", C, {"deal_id": contracts.deal(), "title": "Engagement", **body})
        for name, value in body.items():
            assert seen[name] == (Decimal(value) if name == "value" else value) or name == "parties"
        assert [(party["id"], party["name"], party["side"], party["order"], party["status"]) for party in seen["parties"]] == [
            ("p1", "Ann Seller", "opposing", 1, "pending"),
            ("p2", "Bob Buyer", "ours", 2, "pending"),
            ("p3", "Cy", "neutral", 1, "pending"),
        ]
        assert seen["content_hash"] == content.hash_of(seen | {"expires_on": None}, seen["parties"])
        assert (seen["starts_on"], seen["expires_on"]) == ("2024-08-29", "2027-02-27")
        assert seen["notice"] == {"deadline": "2026-12-27", "state": "open", "renews_on": "2027-02-28", "next_deadline": "2027-06-28"}

    def test_it_counts_on_the_deal_and_the_professional(self, contracts: ContractsClient, runtime):
        deal, professional = contracts.deal(), contracts.professional()
        id = contracts.contract(deal, professional_id=professional)
        assert (gate(runtime, deal)["refs"], gate(runtime, deal)["ver"], gate(runtime, professional)["refs"]) == (1, 1, 1)
        assert contracts.expect_error(409, "DELETE", f"/deals/{deal}")["held_by"] == [id]
        assert contracts.expect_error(409, "DELETE", f"/pros/scorecard/professionals/{professional}")["held_by"] == [id]

    def test_the_deals_currency(self, contracts: ContractsClient, runtime):
        deal = contracts.deal(currency="JPY", external_ref="77")
        assert contracts.read(contracts.contract(deal, value=1000))["currency"] == "JPY"
        assert contracts.read(contracts.contract("77", currency="JPY"))["deal_id"] == deal
        refused = contracts.expect_error(422, "POST", C, {"deal_id": deal, "title": "x", "currency": "USD"})
        assert (refused["errors"][0]["loc"], refused["errors"][0]["message"]) == (["currency"], "the deal is in JPY")
        assert contracts.expect_error(422, "POST", C, {"deal_id": deal, "title": "x", "value": 10.5})["errors"][0]["loc"] == ["value"]

    def test_a_gate_of_before_contracts_were_there_knows_no_currency(self, contracts: ContractsClient, runtime):
        deal = contracts.deal(currency="EUR")
        runtime.store().update(deals_gate(deal), remove=("currency",))
        assert contracts.read(contracts.contract(deal))["currency"] == "EUR"
        assert contracts.expect_error(422, "POST", C, {"deal_id": deal, "title": "x", "currency": "USD"})["errors"][0]["loc"] == [
            "currency"
        ]

    def test_a_repetition_is_answered_as_the_first(self, contracts: ContractsClient):
        body, key = {"deal_id": contracts.deal(currency="EUR"), "title": "x"}, {"Idempotency-Key": "k"}
        first, second = (contracts.call("POST", C, body, headers=key) for _ in range(2))
        assert (first.status, second.status, second.headers["idempotent-replayed"]) == (201, 201, "true")
        assert first.json() == second.json()
        assert len(contracts.list()) == 1

    def test_what_isnt_there(self, contracts: ContractsClient):
        deal = contracts.deal()
        contracts.expect_error(404, "POST", C, {"deal_id": "no", "title": "x"})
        contracts.expect_error(404, "POST", C, {"deal_id": deal[:-1] + ("Y" if deal.endswith("Z") else "Z"), "title": "x"})
        contracts.expect_error(404, "POST", C, {"deal_id": deal, "title": "x", "professional_id": "pro_1"})
        contracts.expect_error(404, "POST", C, {"deal_id": deal, "title": "x", "amends": "ctr_1"})
        gone = contracts.contract(deal)
        contracts.ok("DELETE", f"{C}/{gone}")
        contracts.expect_error(404, "POST", C, {"deal_id": deal, "title": "x", "amends": gone})

    def test_what_may_not_be_used(self, contracts: ContractsClient):
        deal, other = contracts.deal(), contracts.deal()
        away = contracts.contract(other)
        here = contracts.contract(deal)
        body = {"deal_id": deal, "title": "x"}
        assert contracts.expect_error(409, "POST", C, {**body, "amends": away})["code"] == "other_deal"
        assert contracts.expect_error(409, "POST", C, {**body, "reissue_of": away})["code"] == "other_deal"
        assert contracts.expect_error(409, "POST", C, {**body, "amends": here})["code"] == "amends_unsigned"
        assert contracts.expect_error(409, "POST", C, {**body, "reissue_of": here})["code"] == "not_reissuable"
        contracts.expect_error(422, "POST", C, {**body, "amends": here, "reissue_of": here})
        idle = contracts.professional(is_active=False)
        assert contracts.expect_error(409, "POST", C, {**body, "professional_id": idle})["code"] == "professional_inactive"
        contracts.ok("PATCH", f"/deals/{other}/status", {"status": "cancelled", "reason": "title"})
        assert contracts.expect_error(409, "POST", C, {"deal_id": other, "title": "x"})["code"] == "deal_not_open"

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("notice_days", {"notice_months": 1, "notice_days": 30, "term_months": 12}),
            ("term_months", {"expires_on": "2027-01-01", "term_months": 12}),
            ("expires_on", {"effective_on": "2026-02-01", "expires_on": "2026-01-31"}),
            ("auto_renew", {"auto_renew": True}),
            ("notice_months", {"term_months": 12, "notice_months": 12}),
            ("notice_days", {"term_months": 1, "notice_days": 28}),
            ("notice_days", {"effective_on": "2026-02-01", "expires_on": "2026-02-10", "notice_days": 10}),
            ("term_months", {"term_months": 0}),
            ("term_months", {"term_months": 601}),
            ("kind", {"kind": "lease"}),
            ("signing", {"signing": "random"}),
            ("value", {"value": -1}),
            ("parties", {"parties": [ANN] * 21}),
            ("parties.0.side", {"parties": [{**ANN, "side": "left"}]}),
            ("parties.0.role", {"parties": [{"name": "x"}]}),
            ("parties.0.role", {"parties": [{**ANN, "role": "x" * 61}]}),
            ("parties.0.order", {"parties": [{**ANN, "order": 100}]}),
            ("parties.0.email", {"parties": [{**ANN, "email": "x"}]}),
            ("parties.0.id", {"parties": [{**ANN, "id": "p1"}]}),
            ("parties.0.status", {"parties": [{**ANN, "status": "signed"}]}),
            ("status", {"status": "signed"}),
        ],
    )
    def test_what_cant_be(self, contracts: ContractsClient, field, values):
        refused = contracts.expect_error(422, "POST", C, {"deal_id": contracts.deal(), "title": "x", **values})
        assert [".".join(error["loc"]) for error in refused["errors"]] == [field]

    def test_names_of_too_many_words(self, contracts: ContractsClient, runtime):
        deal = contracts.deal()
        many = [{"name": " ".join(f"w{party}x{word}" for word in range(8)), "role": "x"} for party in range(20)]
        refused = contracts.expect_error(422, "POST", C, {"deal_id": deal, "title": "x", "parties": many})
        assert refused["errors"][0]["loc"] == ["parties"]
        assert gate(runtime, deal)["refs"] == 0


def deals_gate(deal: str) -> Any:
    from chalicelib.packs.deals import public as deals

    return deals.gate_key(deal)


class TestWhose:
    def test_a_dealmaker_drafts_on_own_deals(self, contracts: ContractsClient, as_):
        mine, theirs = as_("dealmaker"), contracts.deal()
        id = mine.contract(mine.deal())
        assert mine.patch(id, title="y")["title"] == "y"
        mine.expect_error(403, "POST", C, {"deal_id": theirs, "title": "x"})
        away = contracts.contract(theirs)
        mine.read(away)
        mine.expect_error(403, "PATCH", f"{C}/{away}", {"title": "y"})
        mine.expect_error(403, "DELETE", f"{C}/{away}")

    def test_contacts(self, contracts: ContractsClient, as_):
        id = contracts.contract(parties=[ANN])
        assert contracts.read(id)["parties"][0]["email"] == "ann@example.com"
        assert as_("viewer").read(id)["parties"][0]["email"] is None
        assert as_("viewer").read(id)["parties"][0]["name"] == "Ann Seller"

    def test_a_professional_reads_none(self, contracts: ContractsClient, as_):
        id = contracts.contract()
        as_("professional", professional_id=contracts.professional()).expect_error(403, "GET", f"{C}/{id}")


class TestEdit:
    def test_a_merge(self, contracts: ContractsClient, runtime):
        first, second = contracts.professional(), contracts.professional("Ada")
        id = contracts.contract(value=10, notes="n", professional_id=first)
        before = contracts.read(id)
        seen = contracts.patch(id, value=None, kind="nda", professional_id=second, sign_by="2026-12-01")
        assert (seen["value"], seen["kind"], seen["notes"], seen["revision"], seen["version"]) == (None, "nda", "n", 2, 1)
        assert seen["content_hash"] != before["content_hash"]
        assert (gate(runtime, first)["refs"], gate(runtime, second)["refs"]) == (0, 1)
        assert contracts.patch(id, professional_id=None)["professional_id"] is None
        assert gate(runtime, second)["refs"] == 0

    def test_nothing_new_writes_nothing(self, contracts: ContractsClient):
        id = contracts.contract(parties=[ANN], value="1.50")
        seen = contracts.patch(id, value=1.5, kind="other", parties=[{**ANN, "id": "p1"}], auto_renew=False)
        assert seen["revision"] == 1

    def test_notes_and_storage_are_no_content(self, contracts: ContractsClient):
        id = contracts.contract()
        before = contracts.read(id)["content_hash"]
        assert contracts.patch(id, notes="x", storage_url="https://a.example", signing="sequential")["content_hash"] == before

    def test_renewals_are_as_long_as_the_first_term_unless_given(self, contracts: ContractsClient):
        id = contracts.contract(term_months=12)
        assert contracts.read(id)["renewal_months"] == 12
        assert contracts.patch(id, term_months=6)["renewal_months"] == 6
        assert contracts.patch(id, renewal_months=3)["renewal_months"] == 3
        assert contracts.patch(id, renewal_months=None)["renewal_months"] == 6

    def test_parties_keep_the_ids_that_are_named(self, contracts: ContractsClient, runtime):
        id = contracts.contract(parties=[ANN, BOB])
        seen = contracts.patch(id, parties=[{**BOB, "id": "p2", "name": "Robert Buyer"}, {"name": "Cy Young", "role": "agent"}])
        assert [(party["id"], party["name"]) for party in seen["parties"]] == [("p2", "Robert Buyer"), ("p3", "Cy Young")]
        assert [party["id"] for party in contracts.patch(id, parties=[ANN])["parties"]] == ["p4"]
        assert contracts.patch(id, parties=None)["parties"] == []
        assert [party["id"] for party in contracts.patch(id, parties=[ANN])["parties"]] == ["p5"]
        for sent in ([{**ANN, "id": "p9"}], [{**ANN, "id": "p5"}, {**BOB, "id": "p5"}]):
            contracts.expect_error(422, "PATCH", f"{C}/{id}", {"parties": sent})

    def test_parties_are_found_by_their_names(self, contracts: ContractsClient, runtime):
        deal = contracts.deal()
        id = contracts.contract(deal, parties=[ANN])
        assert found_by(runtime, "seller") == [(deal, "opposing")]
        contracts.patch(id, parties=[BOB])
        assert (found_by(runtime, "seller"), found_by(runtime, "buyer")) == ([], [(deal, "ours")])
        contracts.ok("DELETE", f"{C}/{id}")
        assert found_by(runtime, "buyer") == []

    def test_contradictions_of_the_whole(self, contracts: ContractsClient):
        id = contracts.contract(term_months=12, notice_months=6)
        assert contracts.expect_error(422, "PATCH", f"{C}/{id}", {"term_months": 6})["errors"][0]["loc"] == ["notice_months"]
        assert contracts.expect_error(422, "PATCH", f"{C}/{id}", {"amends": id})["errors"][0]["loc"] == ["amends"]

    @pytest.mark.parametrize("body", [{}, {"status": "signed"}, {"deal_id": "x"}, {"currency": "USD"}, {"title": None}, {"version": 2}])
    def test_what_is_no_patch(self, contracts: ContractsClient, body):
        contracts.expect_error(422, "PATCH", f"{C}/{contracts.contract()}", body)

    def test_the_order_of_refusals(self, contracts: ContractsClient, as_):
        id = contracts.contract()
        stale = {"headers": {"If-Match": '"7"'}}
        as_("dealmaker", user="user_other").expect_error(403, "PATCH", f"{C}/{id}", {"title": "y"}, **stale)
        contracts.expect_error(412, "PATCH", f"{C}/{id}", {"title": "y"}, **stale)
        contracts.expect_error(412, "DELETE", f"{C}/{id}", **stale)
        contracts.expect_error(404, "PATCH", f"{C}/ctr_1", {"title": "y"})

    def test_a_deal_that_is_over_takes_no_change(self, contracts: ContractsClient):
        deal = contracts.deal()
        id = contracts.contract(deal)
        contracts.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}", {"title": "y"})["code"] == "deal_not_open"
        contracts.ok("DELETE", f"{C}/{id}")


class TestDelete:
    def test_a_draft(self, contracts: ContractsClient, runtime):
        deal, professional = contracts.deal(), contracts.professional()
        id = contracts.contract(deal, professional_id=professional)
        contracts.ok("DELETE", f"{C}/{id}")
        contracts.expect_error(404, "GET", f"{C}/{id}")
        contracts.expect_error(404, "DELETE", f"{C}/{id}")
        assert contracts.list() == contracts.list(f"{C}/by-deal/{deal}") == []
        assert (gate(runtime, deal)["refs"], gate(runtime, professional)["refs"]) == (0, 0)
        contracts.ok("DELETE", f"/deals/{deal}")


class TestLists:
    def test_all_by_deal_and_by_status(self, contracts: ContractsClient, clock):
        deal = contracts.deal(external_ref="17")
        ids = []
        for number in range(3):
            clock.now = clock.now.replace(minute=number)
            ids.append(contracts.contract(deal if number else None, title="x" * 200, sign_by="2026-12-01", value=5))
        assert [row["id"] for row in contracts.list(limit="2")] == ids[::-1]
        assert [row["id"] for row in contracts.list(f"{C}/by-deal/17")] == [ids[2], ids[1]]
        assert [row["id"] for row in contracts.list(f"{C}/by-status", status="draft")] == ids[::-1]
        assert contracts.list(status="signed") == contracts.list(f"{C}/by-status", status="signed") == []
        names = ("id", "deal_id", "title", "kind", "status", "version", "professional_id", "value", "currency", "effective_on", "sign_by")
        row = contracts.list()[0]
        assert tuple(row) == names
        assert len(row["title"]) == 80

    def test_what_is_no_list(self, contracts: ContractsClient):
        contracts.expect_error(422, "GET", f"{C}/by-status")
        contracts.expect_error(422, "GET", f"{C}/by-status", query={"status": "banana"})
        contracts.expect_error(422, "GET", C, query={"status": "banana"})
        contracts.expect_error(404, "GET", f"{C}/by-deal/none")


class TestExplained:
    def test_what_the_days_come_from(self, contracts: ContractsClient):
        id = contracts.contract(effective_on="2026-01-01", term_months=12, notice_days=30, auto_renew=True)
        seen = contracts.read(id, query={"explain": "true"})["explain"]
        assert seen["formula"] == {"id": "contracts.terms", "version": 1}
        assert seen["inputs"]["term_months"] == seen["inputs"]["renewal_months"] == 12
        assert (seen["inputs"]["today"], seen["missing"]) == ("2026-11-24", [])
        assert contracts.read(contracts.contract(term_months=2), query={"explain": "true"})["explain"]["missing"] == ["effective_on"]
        assert "explain" not in contracts.read(id)


def test_names_are_sealed_in_the_trail(contracts: ContractsClient, runtime):
    contract = kept(runtime, contracts.contract(parties=[ANN]))
    assert "parties" in contract.PERSONAL
