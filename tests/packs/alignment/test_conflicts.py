"""POST /pros/conflict-check over the API: who is found, on which side, and what that means."""

import pytest

from chalicelib.foundation import party_rows
from chalicelib.foundation.store.store import Store

PATH = "/pros/conflict-check"


def hits(answer, number=0):
    return [(hit["matched_name"], hit["match"], hit["deal_id"], hit["verdict"]) for hit in answer["results"][number]["hits"]]


def test_ours_of_a_live_deal_is_adverse_to_a_name_that_would_oppose_us(alignment):
    pro = alignment.professional()
    deal = alignment.deal(("Ada Byron", "ours"), professional_ids=[pro])
    answer = alignment.check("BYRON, Dr. Ada")
    assert answer == {
        "results": [
            {
                "name": "BYRON, Dr. Ada",
                "hits": [
                    {
                        "matched_name": "Ada Byron",
                        "match": "exact",
                        "deal_id": deal,
                        "pipeline_id": None,
                        "role": None,
                        "side": "ours",
                        "live": True,
                        "professional_ids": [pro],
                        "verdict": "adverse",
                    }
                ],
            }
        ],
        "cut": False,
    }
    assert hits(alignment.check("Ada Byron", side="ours")) == [("Ada Byron", "exact", deal, "note")]
    assert hits(alignment.check("Ada Byron", side="neutral")) == [("Ada Byron", "exact", deal, "note")]
    alignment.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "price"})
    answer = alignment.check("Ada Byron")
    assert hits(answer) == [("Ada Byron", "exact", deal, "note")]
    assert answer["results"][0]["hits"][0]["live"] is False


def test_the_same_name_twice_on_one_side_is_noted(alignment):
    deals = [alignment.deal(("Ada Byron", "opposing")) for _ in range(2)]
    assert hits(alignment.check("Ada Byron")) == [("Ada Byron", "exact", deal, "note") for deal in sorted(deals, reverse=True)]


def test_nearly_the_same_name_is_fuzzy(alignment):
    deal = alignment.deal(("Katherine Johnson", "ours"), ("Jon Lee", "ours"))
    for name in ("Katharine Johnson", "Johnson Kahterine", "Katherine B. Johnson", "Kathérine Jonson-Johnson"):
        assert hits(alignment.check(name)) == [("Katherine Johnson", "fuzzy", deal, "adverse")], name
    for name in ("John Lee", "Johnson", "Karen Johnson", "Kathy Johnson"):
        assert hits(alignment.check(name)) == [], name


def test_titles_and_forms_of_firm_are_no_words(alignment):
    deal = alignment.deal(("Acme Title, LLC", "ours"))
    assert hits(alignment.check("The Acme Title Co.")) == [("Acme Title, LLC", "fuzzy", deal, "adverse")]
    assert hits(alignment.check("acme title inc")) == [("Acme Title, LLC", "exact", deal, "adverse")]
    told = alignment.expect_error(422, "POST", PATH, {"names": ["Acme", "Mr. LLC", "..."]})
    assert [error["loc"] for error in told["errors"]] == [["names", "1"], ["names", "2"]]


def test_an_organization_and_a_seller_and_a_buyer_are_parties(alignment, client_as):
    pipeline = alignment.ok(
        "POST",
        "/wholesale",
        {
            "stage": "under_contract",
            "offer_price": 110000,
            "contract_price": 118000,
            "arv_estimate": 250000,
            "repair_estimate": 35000,
            "assignment_fee_target": 15000,
            "seller": {"name": "Sam Seller"},
        },
    )["id"]
    deal = alignment.ok(
        "POST",
        "/deals",
        {
            "title": "Pine",
            "kind": "wholesale",
            "pipeline_id": pipeline,
            "parties": [{"name": "Ada Byron", "organization": "Engines Ltd", "role": "client", "side": "ours"}],
        },
    )["id"]
    assert hits(alignment.check("Engines")) == [("Engines Ltd", "exact", deal, "adverse")]
    seller = alignment.check("sam seller", side="ours")["results"][0]["hits"]
    assert [(hit["deal_id"], hit["pipeline_id"], hit["side"], hit["verdict"]) for hit in seller] == [
        (deal, pipeline, "opposing", "adverse")
    ]
    buyer = alignment.ok("POST", "/dispo/buyers", {"name": "Bea Buyer", "company": "Cedar Homes LLC"})["id"]
    offer = alignment.ok("POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": buyer, "assignment_price": 131000})["id"]
    assert hits(alignment.check("Bea Buyer", side="ours")) == []
    alignment.ok("POST", f"/dispo/assignments/{offer}/assign", {})
    assert hits(alignment.check("Bea Buyer", "Cedar Homes", side="ours")) == [("Bea Buyer", "exact", deal, "adverse")]
    assert hits(alignment.check("Bea Buyer", "Cedar Homes", side="ours"), 1) == [("Cedar Homes LLC", "exact", deal, "adverse")]
    alignment.ok("POST", f"/dispo/assignments/{offer}/fallout", {"reason": "title", "earnest_money_outcome": "none"})
    assert hits(alignment.check("Bea Buyer", side="ours")) == []


def test_the_deal_that_is_named_is_left_out(alignment):
    own = alignment.deal(("Ada Byron", "ours"), external_ref="D-1")
    other = alignment.deal(("Ada Byron", "ours"))
    assert hits(alignment.check("Ada Byron", deal_id=own)) == [("Ada Byron", "exact", other, "adverse")]
    assert hits(alignment.check("Ada Byron", deal_id="D-1")) == [("Ada Byron", "exact", other, "adverse")]
    for unknown in ("deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "D-2"):
        alignment.expect_error(404, "POST", PATH, {"names": ["Ada Byron"], "deal_id": unknown})


def test_parties_of_a_deleted_deal_are_not_found(alignment):
    deal = alignment.deal(("Ada Byron", "ours"))
    alignment.ok("DELETE", f"/deals/{deal}")
    assert hits(alignment.check("Ada Byron")) == []


def test_a_common_word_is_cut_and_says_so(alignment, monkeypatch):
    for _ in range(3):
        alignment.deal(("Ada Byron", "ours"))
    monkeypatch.setattr(party_rows, "MAX_ROWS", 2)
    answer = alignment.check("Ada Byron")
    assert answer["cut"] is True
    assert len(answer["results"][0]["hits"]) == 2


def test_what_a_page_of_a_query_does_not_hold_is_read_on(alignment, monkeypatch):
    """A page has 1 MB at the most, whatever number of rows is asked for."""
    deals = [alignment.deal(("Ada", "ours")) for _ in range(3)]
    query = Store.query
    monkeypatch.setattr(Store, "query", lambda self, **more: query(self, **{**more, **({"Limit": 1} if "Limit" in more else {})}))
    answer = alignment.check("Ada")
    assert {hit["deal_id"] for hit in answer["results"][0]["hits"]} == set(deals)
    assert answer["cut"] is False


def test_of_a_name_without_end_as_many_words_are_looked_up_as_are_stored(alignment, round_trips):
    name = " ".join(f"w{number:02}" for number in range(30))
    deal = alignment.deal((name, "ours"))
    answer = alignment.check(name)
    assert hits(answer) == [(name, "exact", deal, "adverse")]
    assert answer["cut"] is True
    assert round_trips() == party_rows.MAX_WORDS + 1


def test_it_costs_a_query_a_word_and_one_read_of_the_deals(alignment, round_trips):
    for _ in range(3):
        alignment.deal(("Ada Byron", "ours"))
    alignment.check("Nobody Known")
    assert round_trips() == 2
    alignment.check("Ada Byron", "Ada Lovelace", "Byron Ada")
    assert round_trips() == 3 + 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"names": []},
        {"names": ["A"] * 21},
        {"names": [""]},
        {"names": ["Ada"], "side": "theirs"},
        {"names": ["Ada"], "deal": "x"},
        {"names": "Ada"},
    ],
)
def test_what_is_refused(alignment, body):
    alignment.expect_error(422, "POST", PATH, body)


def test_it_explains_itself(alignment):
    told = alignment.ok("POST", PATH, {"names": ["Dr. Ada Byron"]}, query={"explain": "true"})["explain"]
    assert told["inputs"] == {"words": {"Dr. Ada Byron": ["ada", "byron"]}, "side": "opposing", "deal_id": None}
    assert told["formula"] == {"id": "alignment.conflict-check", "version": 1}


@pytest.mark.parametrize(("role", "status"), [("counsel", 200), ("admin", 200), ("dealmaker", 403), ("viewer", 403), ("professional", 403)])
def test_who_may_check(client_as, role, status):
    assert client_as(role)("POST", PATH, {"names": ["Ada"]}).status == status


def test_a_deal_is_named_by_a_reference_of_any_length(alignment):
    reference = "r" * 200  # the longest that a deal takes
    alignment.deal(("Ada Byron", "opposing"), external_ref=reference)
    assert hits(alignment.check("Ada Byron", deal_id=reference)) == []  # it is left out
    assert alignment.match(deal_id=reference)["ruled_out"] == 0
