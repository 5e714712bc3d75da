"""Items of a deal: added, listed, settled, opened again, by those who may."""

import pytest

from tests.packs.finalization.finalization_client import F

DIGEST = "a" * 64


class TestAdding:
    def test_a_title_is_enough(self, office):
        deal = office.deal()
        answer = office.call("POST", f"{F}/{deal}/items", {"kind": "task", "title": "Keys"})
        body = answer.json()
        assert (answer.status, answer.headers["location"]) == (201, f"{F}/{deal}/items")
        assert body.items() >= {
            "deal_id": deal, "kind": "task", "title": "Keys", "field": None, "role": None, "due": None, "due_on": None, "status": "open",
            "why": "open", "confirmations": [], "evidence": None, "reason": None, "decision_id": None, "revision": 1,
        }.items()  # fmt: skip
        assert office.items(deal) == [body]

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"kind": "wish"}, "kind"), ({"title": ""}, "title"), ({"kind": "information"}, "field"), ({"field": "title"}, "field"),
            ({"kind": "information", "field": "pipeline.moon"}, "field"), ({"role": "tax"}, "role"), ({"due": {"anchor": "easter"}}, "due"),
            ({"due": {"anchor": "opened_on", "offset_days": 4000}}, "due"), ({"status": "done"}, "status"),
        ],
    )  # fmt: skip
    def test_what_is_malformed(self, office, wrong, field):
        problem = office.expect_error(422, "POST", f"{F}/{office.deal()}/items", {"kind": "task", "title": "T", **wrong})
        assert problem["errors"][0]["loc"][0] == field

    def test_whose_deal_it_is(self, office, as_):
        theirs, nobodys = office.deal(), office.deal(owner=None)
        maker, body = as_("dealmaker"), {"kind": "task", "title": "T"}
        maker.expect_error(403, "POST", f"{F}/{theirs}/items", body)
        maker.item(nobodys)
        for role in ("counsel", "auditor", "viewer"):
            as_(role).expect_error(403, "POST", f"{F}/{nobodys}/items", body)

    def test_not_to_one_that_is_over(self, office):
        deal = office.deal()
        office.cancel(deal)
        assert office.expect_error(409, "POST", f"{F}/{deal}/items", {"kind": "task", "title": "T"})["code"] == "deal_not_open"
        office.expect_error(404, "POST", f"{F}/deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T/items", {"kind": "task", "title": "T"})

    def test_a_repetition_is_answered_the_same(self, office):
        deal, key = office.deal(), {"Idempotency-Key": "k"}
        first, second = (office.call("POST", f"{F}/{deal}/items", {"kind": "task", "title": "T"}, headers=key) for _ in range(2))
        assert (first.status, second.status, second.headers["idempotent-replayed"], second.text) == (201, 201, "true", first.text)
        assert len(office.items(deal)) == 1


class TestListing:
    def test_the_soonest_due_first(self, office):
        deal = office.deal(opened_on="2026-11-01", target_close_on="2026-12-01")
        for title, due in (("c", None), ("b", {"anchor": "target_close_on"}), ("a", {"anchor": "opened_on", "offset_days": 3})):
            office.item(deal, title=title, due=due)
        assert [(item["title"], item["due_on"]) for item in office.items(deal, limit="2")] == [
            ("a", "2026-11-04"), ("b", "2026-12-01"), ("c", None),
        ]  # fmt: skip

    def test_a_day_follows_what_it_is_counted_from(self, office):
        pipeline = office.pipeline(closes_on="2026-12-20")
        deal = office.deal(pipeline_id=pipeline)
        item = office.item(deal, due={"anchor": "pipeline.closes_on", "offset_days": -2})
        assert item["due_on"] == "2026-12-18"
        office.ok("PATCH", f"/wholesale/{pipeline}", {"closes_on": "2027-01-10"})
        assert office.read_item(item)["due_on"] == "2027-01-08"
        office.ok("PATCH", f"/wholesale/{pipeline}", {"closes_on": None})
        assert office.read_item(item)["due_on"] is None

    def test_everybody_who_reads_deals_reads_them(self, office, as_):
        deal = office.deal()
        office.item(deal)
        for role in ("dealmaker", "counsel", "auditor", "viewer"):
            assert len(as_(role).items(deal)) == 1


class TestInformation:
    def test_it_is_done_while_its_field_is_filled(self, office):
        deal = office.deal()
        item = office.item(deal, "information", field="notes")
        assert (item["status"], item["why"]) == ("open", "not_filled")
        office.change(deal, notes="n")
        assert (office.read_item(item)["status"], office.read_item(item)["why"]) == ("done", None)
        office.change(deal, notes=None)
        assert office.read_item(item)["status"] == "open"

    def test_of_its_pipeline(self, office):
        pipeline = office.pipeline()
        deal = office.deal(pipeline_id=pipeline)
        paid, closed = (office.item(deal, "information", field=f"pipeline.{name}") for name in ("earnest_money_paid_on", "stage"))
        assert (paid["status"], closed["status"]) == ("open", "open")
        office.ok("PATCH", f"/wholesale/{pipeline}", {"earnest_money_paid_on": "2026-11-20"})
        assert (office.read_item(paid)["status"], office.read_item(closed)["status"]) == ("done", "open")
        assignment = office.offer(pipeline)
        office.assign(assignment)
        office.close(assignment)
        assert office.read_item(closed)["status"] == "done"

    def test_the_price_of_the_pipeline_is_the_value_of_the_deal(self, office):
        deal = office.deal(kind="wholesale", pipeline_id=office.pipeline())
        assert office.item(deal, "information", field="value")["status"] == "done"
        assert office.item(office.deal(kind="wholesale"), "information", field="value")["status"] == "open"

    def test_nobody_sets_it(self, office):
        item = office.item(office.deal(), "information", field="notes")
        assert office.refuse(item, 409)["code"] == "derived"
        settled = office.settle(item, "not_applicable", reason="There are none.")
        assert (settled["status"], settled["why"], settled["reason"]) == ("not_applicable", None, "There are none.")


class TestTasks:
    def test_done_and_open_again(self, office, runtime):
        item = office.item(office.deal())
        done = office.settle(item)
        assert (done["status"], done["why"], done["settled_by"], done["revision"]) == ("done", None, "user_operator", 2)
        assert office.read_item(item) == done
        assert office.refuse(item, 409)["allowed"] == ["open"]
        opened = office.settle(item, "open")
        assert (opened["status"], opened["settled_by"], opened["revision"]) == ("open", None, 3)

    def test_not_applicable_says_why(self, office):
        item = office.item(office.deal())
        assert office.refuse(item, 422, "not_applicable")["errors"][0]["loc"] == ["reason"]
        assert office.settle(item, "not_applicable", reason="No keys.")["reason"] == "No keys."
        assert office.settle(item, "open")["reason"] is None

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"status": "open", "evidence": {"sha256": DIGEST}}, "evidence"), ({"status": "done", "decision_id": "dec_1"}, "decision_id"),
            ({"status": "lost"}, "status"), ({"status": "done", "evidence": {"sha256": "A"}}, "evidence"),
            ({"status": "done", "evidence": {}}, "evidence"), ({"status": "waived"}, "decision_id"),
        ],
    )  # fmt: skip
    def test_what_is_malformed(self, office, body, field):
        item = office.item(office.deal())
        if body["status"] == "open":
            office.settle(item)
        problem = office.expect_error(422, "PATCH", office.path(item), body)
        assert problem["errors"][0]["loc"][0] == field

    def test_an_unknown_one(self, office):
        item = office.item(office.deal())
        for other in ({**item, "deal_id": office.deal()}, {**item, "id": "item_x"}, {**item, "deal_id": "17"}):
            office.refuse(other, 404)

    def test_an_older_revision(self, office):
        item = office.item(office.deal())
        office.settle(item)
        office.expect_error(412, "PATCH", office.path(item), {"status": "open"}, headers={"If-Match": '"1"'})

    def test_not_of_a_deal_that_is_over(self, office):
        deal = office.deal()
        item = office.item(deal)
        office.cancel(deal)
        assert office.refuse(item, 409)["code"] == "deal_not_open"


class TestDocuments:
    def test_it_needs_evidence(self, office):
        item = office.item(office.deal(), "document")
        assert office.refuse(item, 422)["errors"][0]["loc"] == ["evidence"]
        done = office.settle(item, evidence={"sha256": DIGEST})
        assert (done["status"], done["evidence"]) == ("done", {"contract_id": None, "route_id": None, "sha256": DIGEST})
        assert office.settle(item, "open")["evidence"] is None

    def test_one_of_them(self, office):
        item = office.item(office.deal(), "document")
        both = {"sha256": DIGEST, "contract_id": "ctr_1"}
        assert office.refuse(item, 422, evidence=both)["errors"][0]["loc"] == ["evidence"]

    def test_what_is_not_there(self, office):
        deal = office.deal()
        item = office.item(deal, "document")
        for evidence in ({"contract_id": "ctr_1"}, {"route_id": "doc_1"}, {"contract_id": office.task(deal)}):
            office.refuse(item, 404, evidence=evidence)


class TestTwoPeople:
    @pytest.fixture
    def item(self, office):
        return office.item(office.deal(owner=None, kind="purchase"), "two_person", title="Call-back")

    @pytest.fixture
    def ann(self, as_):
        return as_("operator", user="user_ann")

    @pytest.fixture
    def bob(self, as_):
        return as_("dealmaker", user="user_bob")

    def test_two_others_confirm_it(self, item, ann, bob):
        once = ann.settle(item)
        assert (once["status"], once["why"], [one["by"] for one in once["confirmations"]]) == ("open", "one_of_two", ["user_ann"])
        assert ann.settle(item) == once
        twice = bob.settle(item)
        assert (twice["status"], twice["why"], [one["by"] for one in twice["confirmations"]]) == ("done", None, ["user_ann", "user_bob"])
        assert ann.settle(item) == bob.settle(item) == twice

    def test_who_entered_it_does_not(self, office, item, ann):
        office.refuse(item, 403)
        ann.settle(item)
        office.refuse(item, 403)

    def test_a_third_one_changes_nothing(self, item, ann, bob, as_):
        ann.settle(item)
        bob.settle(item)
        assert as_("operator", user="user_eve").refuse(item, 409)["allowed"] == ["open"]

    def test_it_is_never_not_applicable(self, office, item, ann):
        for who in (office, ann):
            problem = who.refuse(item, 409, "not_applicable", reason="They called us.")
            assert problem["code"] == "two_person"
        ann.settle(item)
        assert ann.refuse(item, 409, "not_applicable", reason="They called us.")["code"] == "two_person"

    def test_opened_again_it_takes_both_anew(self, office, item, ann, bob):
        ann.settle(item)
        bob.settle(item)
        assert office.settle(item, "open")["confirmations"] == []
        bob.settle(item)
        assert office.read_item(item)["why"] == "one_of_two"

    def test_an_api_key_does_not(self, office, item, ann, anonymous):
        key = ann.ok("POST", "/auth/api-keys", {"name": "feed", "roles": ["operator"]})["key"]
        answer = anonymous("PATCH", office.path(item), {"status": "done"}, headers={"X-API-Key": key})
        assert answer.status == 403, answer.text
        assert "API key" in answer.json()["detail"]

    def test_a_template_is_entered_by_who_began_to_finalize(self, office, ann, bob):
        deal = office.deal(kind="sale", owner=None)
        ann.begin(deal)
        (call_back,) = [item for item in office.items(deal) if item["kind"] == "two_person"]
        ann.refuse(call_back, 403)
        office.settle(call_back)
        assert bob.settle(call_back)["status"] == "done"


class TestWho:
    def test_counsel_settles_legal_ones(self, office, as_):
        deal, counsel = office.deal(), as_("counsel")
        legal, other = office.item(deal, role="legal"), office.item(deal)
        assert counsel.settle(legal)["status"] == "done"
        counsel.refuse(other, 403)

    def test_a_dealmaker_those_of_their_own_deals(self, office, as_):
        maker = as_("dealmaker")
        theirs = office.item(office.deal(), role="legal")
        maker.refuse(theirs, 403)
        assert maker.settle(maker.item(maker.deal()))["status"] == "done"

    def test_roles_add_up(self, office, as_):
        both = as_("dealmaker", "counsel")
        assert both.settle(office.item(office.deal(), role="legal"))["status"] == "done"
        both.refuse(office.item(office.deal()), 403)
        assert both.settle(both.item(both.deal()))["status"] == "done"

    def test_readers_do_not(self, office, as_):
        item = office.item(office.deal(owner=None))
        for role in ("auditor", "viewer", "professional"):
            as_(role).refuse(item, 403)


def test_both_of_two_at_once_count(office, as_, runtime):
    """Between the read and the write of one the other confirms: neither is lost."""
    from tests.packs.tasks.test_races import Meanwhile

    item = office.item(office.deal(owner=None), "two_person")
    ann, bob = (as_("operator", user=f"user_{name}") for name in ("ann", "bob"))
    Meanwhile(runtime, lambda: bob.settle(item))
    assert ann.settle(item)["status"] == "done"
    assert [one["by"] for one in office.read_item(item)["confirmations"]] == ["user_bob", "user_ann"]


def test_the_deal_ends_meanwhile(office, runtime):
    from tests.packs.tasks.test_races import Meanwhile

    deal = office.deal()
    item = office.item(deal)
    Meanwhile(runtime, lambda: office.cancel(deal))
    assert office.refuse(item, 409)["code"] == "deal_not_open"
    assert office.read_item(item)["status"] == "open"
