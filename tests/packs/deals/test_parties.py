"""The rows by which the parties of deals are found agree with deals, pipelines and assignments, whatever changes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation import party_rows
from tests.api_user import all_rows
from tests.packs.deals.deals_client import DealsClient

ADA = {"name": "Ada Byron", "organization": "Analytical Engines LLC", "role": "seller", "side": "opposing"}
GRACE = {"name": "Grace Hopper", "side": "ours"}


def rows_in(runtime):
    """Every row of a party in the table: the word, the deal, the pipeline, and who has the word in their name."""
    items = [item for item in all_rows(runtime) if item["pk"]["S"].startswith("PARTY#")]
    rows = [(item["pk"]["S"][6:], party_rows.PartyRow.from_item(item)) for item in items]
    return {
        (word, row.deal_id, row.pipeline_id, party["name"], party.get("role"), party["side"]) for word, row in rows for party in row.parties
    }


def expected(deal, pipeline, *parties):
    """The rows of parties, each with the words of its name: (words, name, role, side)."""
    return {(word, deal, pipeline, name, role, side) for words, name, role, side in parties for word in words.split()}


ADAS = [("ada byron", "Ada Byron", "seller", "opposing"), ("analytical engines", "Analytical Engines LLC", "seller", "opposing")]
GRACES = [("grace hopper", "Grace Hopper", None, "ours")]
SELLER = ("sam seller", "Sam Seller", "seller", "opposing")
BUYER = [("bea buyer", "Bea Buyer", "buyer", "opposing"), ("cedar homes", "Cedar Homes LLC", "buyer", "opposing")]


class TestOwnParties:
    def test_each_word_of_name_and_organization(self, deals, runtime):
        id = deals.deal(parties=[ADA, GRACE])
        assert rows_in(runtime) == expected(id, None, *ADAS, *GRACES)
        found = party_rows.find(runtime.store(), "byron")
        assert ([row.deal_id for row in found.rows], found.is_cut) == ([id], False)

    def test_a_change(self, deals, runtime):
        id = deals.deal(parties=[ADA])
        deals.change(id, parties=[GRACE, {**ADA, "organization": None, "side": "neutral"}])
        assert rows_in(runtime) == expected(id, None, *GRACES, ("ada byron", "Ada Byron", "seller", "neutral"))
        deals.change(id, parties=[])
        assert rows_in(runtime) == set()

    def test_what_changes_no_party_writes_no_row(self, deals, runtime, round_trips):
        id = deals.deal(parties=[ADA, GRACE])
        deals.change(id, notes="x", parties=[ADA, GRACE])
        deals.cancel(id)
        assert rows_in(runtime) == expected(id, None, *ADAS, *GRACES)

    def test_a_deal_that_is_deleted(self, deals, runtime):
        deals.ok("DELETE", f"/deals/{deals.deal(parties=[ADA, GRACE])}")
        assert rows_in(runtime) == set()

    def test_a_refused_change_writes_none(self, deals, runtime):
        deals.deal(external_ref="1")
        deals.expect_error(409, "POST", "/deals", {"title": "T", "external_ref": "1", "parties": [ADA]})
        assert rows_in(runtime) == set()


class TestPipelines:
    def test_seller_and_buyer_while_it_is_in_a_deal(self, deals, runtime):
        pipeline = deals.pipeline(seller={"name": "Sam Seller"})
        assignment = deals.offer(pipeline, deals.buyer("Bea Buyer", company="Cedar Homes LLC"))
        assert rows_in(runtime) == set()
        id = deals.deal(pipeline_id=pipeline)
        assert rows_in(runtime) == expected(id, pipeline, SELLER)
        deals.assign(assignment)
        assert rows_in(runtime) == expected(id, pipeline, SELLER, *BUYER)
        deals.fall_out(assignment)
        assert rows_in(runtime) == expected(id, pipeline, SELLER)
        deals.ok("DELETE", f"/deals/{id}")
        assert rows_in(runtime) == set()

    def test_an_assigned_one_comes_with_its_buyer(self, deals, runtime):
        pipeline = deals.pipeline(seller={"name": "Sam Seller"})
        assignment = deals.offer(pipeline, deals.buyer("Bea Buyer", company="Cedar Homes LLC"))
        deals.assign(assignment)
        id = deals.deal(pipeline_id=pipeline, parties=[GRACE])
        rows = expected(id, pipeline, SELLER, *BUYER, *GRACES)
        assert rows_in(runtime) == rows
        deals.close(assignment)
        assert rows_in(runtime) == rows

    def test_the_buyer_is_known_by_the_names_at_the_assignment(self, deals, runtime):
        pipeline, buyer = deals.pipeline(), deals.buyer("Bea Bayer", company="Cedar Homes LLC")
        id, assignment = deals.deal(pipeline_id=pipeline), deals.offer(pipeline, buyer)
        deals.ok("PATCH", f"/dispo/buyers/{buyer}", {"name": "Bea Buyer"})
        deals.assign(assignment)
        assert rows_in(runtime) == expected(id, pipeline, *BUYER)

    def test_an_offer_that_knows_no_names_yet(self, deals, runtime):
        pipeline = deals.pipeline()
        id, assignment = deals.deal(pipeline_id=pipeline), deals.offer(pipeline, deals.buyer("Bea Buyer", company="Cedar Homes LLC"))
        from chalicelib.packs.dispositions.entities import Assignment

        runtime.store().update(Assignment.ID.key(assignment), remove=["buyer_names"])
        deals.assign(assignment)
        assert rows_in(runtime) == expected(id, pipeline, *BUYER)

    def test_a_change_of_the_seller(self, deals, runtime, round_trips):
        pipeline = deals.pipeline(seller={"name": "Sid Teller"})
        id = deals.deal(pipeline_id=pipeline)
        deals.ok("PATCH", f"/wholesale/{pipeline}", {"seller": {"name": "Sam Seller"}})
        assert round_trips() == 2
        assert rows_in(runtime) == expected(id, pipeline, SELLER)
        deals.ok("PATCH", f"/wholesale/{pipeline}", {"seller": None})
        assert rows_in(runtime) == set()

    def test_a_number_of_another_system_is_no_deal(self, deals, runtime):
        pipeline = deals.pipeline(seller={"name": "Sam Seller"})
        from chalicelib.packs.wholesale import public

        runtime.store().update(public.key(pipeline), set={"deal_id": "17"})
        deals.ok("PATCH", f"/wholesale/{pipeline}", {"seller": {"name": "Sid Teller"}})
        assert rows_in(runtime) == set()
        deals.ok("PATCH", f"/wholesale/{pipeline}", {"seller": {"name": "Sam Seller"}})
        id = deals.deal(pipeline_id=pipeline)
        assert rows_in(runtime) == expected(id, pipeline, SELLER)


class TestLimits:
    def test_the_most_that_a_deal_has(self, deals, runtime):
        parties = [{"name": f"Person{number}", "organization": f"Firm{number} LLC", "side": "neutral"} for number in range(20)]
        id = deals.deal(parties=parties)
        assert len(rows_in(runtime)) == 40
        deals.change(id, parties=[{**party, "name": f"Another{number}"} for number, party in enumerate(parties)])
        assert len(rows_in(runtime)) == 40
        deals.ok("DELETE", f"/deals/{id}")
        assert rows_in(runtime) == set()

    def test_more_words_than_one_transaction_takes(self, deals, runtime):
        parties = [
            {"name": f"a{number} b{number} c{number}", "organization": f"d{number} e{number}", "side": "ours"} for number in range(20)
        ]
        problem = deals.expect_error(422, "POST", "/deals", {"title": "T", "parties": parties})
        assert problem["errors"][0]["loc"] == ["parties"]
        id = deals.deal(parties=parties[:19])
        assert len(rows_in(runtime)) == 95
        deals.expect_error(422, "PATCH", f"/deals/{id}", {"parties": parties[19:]})
        assert len(rows_in(runtime)) == 95
        deals.change(id, parties=parties)  # five words more
        assert len(rows_in(runtime)) == 100
        deals.ok("DELETE", f"/deals/{id}")
        assert rows_in(runtime) == set()

    def test_a_name_of_many_words(self, deals, runtime):
        name = " ".join(f"{number:02}" for number in range(66))
        deals.deal(parties=[{"name": name, "side": "ours"}])
        assert len(rows_in(runtime)) == party_rows.MAX_WORDS

    def test_500_rows_of_a_word(self, runtime):
        store = runtime.store()
        for number in range(500):
            for row in party_rows.rows_of("deal", f"deal_{number:03}", None, [{"name": "Smith", "role": None, "side": "ours"}]).values():
                store.create(row)
        found = party_rows.find(store, "smith")
        assert (len(found.rows), found.is_cut) == (500, False)
        for row in party_rows.rows_of("pipeline", "deal_500", None, [{"name": "Smith", "role": None, "side": "ours"}]).values():
            store.create(row)
        found = party_rows.find(store, "smith")
        assert (len(found.rows), found.is_cut) == (500, True)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["deal", "delete", "parties", "seller", "assign", "fallout", "cancel"]),
        st.sampled_from(["Ada Byron", "Ada Hopper", "Grace Byron", "Smith & Co", "Dr. Who LLC"]),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_after_any_walk_the_rows_say_who_takes_part(client_as, runtime, steps):
    """One pipeline, its deals and its assignments: whatever is done, and refused, the rows are those of the present state."""
    from chalicelib.foundation.party_names import tokens

    deals = DealsClient(client_as("operator"))
    pipeline = deals.pipeline()
    deal = assignment = seller = None
    before, own, buyer, cancelled = rows_in(runtime), [], None, False
    for step, name in steps:
        if step == "deal":
            answer = deals.call("POST", "/deals", {"title": "T", "pipeline_id": pipeline})
            assert answer.status == (409 if deal else 201)
            if not deal:
                deal, own, cancelled = answer.json()["id"], [], False
        elif step == "delete" and deal:
            deals.ok("DELETE", f"/deals/{deal}")
            deal, own = None, []
        elif step == "parties" and deal:
            answer = deals.call("PATCH", f"/deals/{deal}", {"parties": [{"name": name, "organization": "Acme Inc", "side": "ours"}]})
            assert answer.status == (409 if cancelled else 200)
            if not cancelled:
                own = [name, "Acme Inc"]
        elif step == "seller":
            deals.ok("PATCH", f"/wholesale/{pipeline}", {"seller": {"name": name}})
            seller = name
        elif step == "assign" and assignment is None:
            assignment = deals.offer(pipeline, deals.buyer(name))
            deals.assign(assignment)
            buyer = name
        elif step == "fallout" and assignment:
            deals.fall_out(assignment)
            assignment = buyer = None
        elif step == "cancel" and deal:
            answer = deals.call("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
            assert answer.status == (409 if assignment or cancelled else 200)
            cancelled = cancelled or answer.status == 200
        parties = [(name, None, "ours") for name in own]
        parties += [(name, role, "opposing") for name, role in ((seller, "seller"), (buyer, "buyer")) if name]
        now = {(word, deal, pipeline, name, role, side) for name, role, side in parties for word in tokens(name) if deal}
        assert rows_in(runtime) - before == now
