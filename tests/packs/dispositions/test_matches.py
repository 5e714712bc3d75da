"""Matches both ways, and offers to many at once."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.packs.dispositions import repository, schedules
from chalicelib.packs.dispositions.entities import BuyerCounter
from tests.packs.dispositions.dispositions_client import HOUSE, DispositionsClient

BOX = {
    "property_types": ["single_family"],
    "markets": ["981*"],
    "price_min": 50000,
    "price_max": 140000,
    "bedrooms_min": 2,
    "bathrooms_min": 1,
    "sqft_min": 900,
    "year_built_min": 1950,
    "max_repairs": 50000,
    "max_pct_of_arv": 70,
    "strategies": ["flip"],
}
PROOF = {"amount": 200000, "issued_on": "2026-11-01"}
MATCHES = "/dispo/pipelines/{}/matches"


def mails(runtime: Any) -> list[dict[str, Any]]:
    items = runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"]
    return [codec.decode_item(raw) for raw in items if raw.get("kind", {}).get("S") == "mail"]


class TestOfAPipeline:
    def pipeline(self, dispositions: DispositionsClient, **more: Any) -> str:
        return dispositions.pipeline(suited_for=["flip"], assignment_fee_target=13000, **more)

    def test_the_best_first_and_explained(self, dispositions, round_trips):
        pipeline = self.pipeline(dispositions)
        good = dispositions.buyer("Good", buy_box=BOX, proof_of_funds=PROOF)
        less = dispositions.buyer("Less", buy_box={**BOX, "bedrooms_min": 5})
        unknown = dispositions.buyer("Unknown")
        body = dispositions.ok("GET", MATCHES.format(pipeline))
        assert [one["buyer_id"] for one in body["items"]] == [good, less, unknown]
        first, second, third = body["items"]
        assert (first["score"], first["coverage"], first["missed"], first["unknown"]) == (97, 96, [], ["record"])
        assert (second["missed"], second["unknown"]) == (["bedrooms"], ["proof_of_funds", "record"])
        assert (third["score"], third["coverage"], third["tier"]) == (25, 0, "C")
        assert body["cut"] is False
        explained = dispositions.ok("GET", MATCHES.format(pipeline), query={"explain": "true"})["items"][1]["explain"]
        assert explained["inputs"]["bedrooms"] == {"weight": 4, "verdict": "missed"}
        assert explained["formula"] == {"id": "dispositions.match", "version": 1}

    @pytest.mark.parametrize(
        "box",
        [{"price_max": 130999}, {"price_min": 131001}, {"property_types": ["land"]}, {"markets": ["99*"]}, {"markets": ["Tacoma/WA"]}],
    )
    def test_hard_misses_are_out(self, dispositions, box):
        dispositions.buyer(buy_box={**BOX, **box})
        assert dispositions.ok("GET", MATCHES.format(self.pipeline(dispositions)))["items"] == []

    @pytest.mark.parametrize("change", [{"is_active": False}, {"do_not_contact": True}])
    def test_so_are_those_who_arent_to_be_asked(self, dispositions, change):
        dispositions.buyer(buy_box=BOX, **change)
        assert dispositions.ok("GET", MATCHES.format(self.pipeline(dispositions)))["items"] == []

    def test_the_record_counts(self, dispositions, project):
        pipeline, proven, new = (
            self.pipeline(dispositions),
            dispositions.buyer("Proven", buy_box=BOX),
            dispositions.buyer("New", buy_box=BOX),
        )
        id = dispositions.offer(dispositions.pipeline(), proven)
        dispositions.assign(id)
        dispositions.close(id)
        project()
        found = dispositions.ok("GET", MATCHES.format(pipeline))["items"]
        assert [(one["buyer_id"], one["tier"]) for one in found] == [(proven, "B"), (new, "C")]
        assert found[0]["score"] - found[1]["score"] == 3

    def test_who_was_asked_longest_ago_comes_first(self, dispositions):
        pipeline, first, second = self.pipeline(dispositions), dispositions.buyer(buy_box=BOX), dispositions.buyer(buy_box=BOX)
        dispositions.offer(dispositions.pipeline(), min(first, second))
        assert [one["buyer_id"] for one in dispositions.ok("GET", MATCHES.format(pipeline))["items"]] == [
            max(first, second),
            min(first, second),
        ]

    def test_pages_meet_each_once(self, dispositions):
        pipeline = self.pipeline(dispositions)
        made = {dispositions.buyer(buy_box={**BOX, "max_repairs": 30000 + 2000 * number}) for number in range(7)}
        found, query = [], {"limit": "3"}
        while True:
            page = dispositions.ok("GET", MATCHES.format(pipeline), query=query)
            found += [one["buyer_id"] for one in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert (len(found), set(found)) == (7, made)
        dispositions.expect_error(400, "GET", MATCHES.format(self.pipeline(dispositions)), query=query)

    def test_only_the_markets_partitions_are_read(self, dispositions, runtime, monkeypatch):
        for code in ("98103", "99501", "10001"):
            dispositions.buyer(buy_box={**BOX, "markets": [code, f"{code[:3]}*"]})
        asked: list[str] = []
        query = runtime.dynamodb.query

        def listening(**arguments: Any) -> Any:
            asked.append(arguments["ExpressionAttributeValues"][":pk"]["S"])
            return query(**arguments)

        monkeypatch.setattr(runtime.dynamodb, "query", listening)
        pipeline = self.pipeline(dispositions)
        asked.clear()
        assert len(dispositions.ok("GET", MATCHES.format(pipeline))["items"]) == 1
        assert asked == [
            "DUE#buyer-record#0",
            "MKT#US#98103", "MKT#US#9810*", "MKT#US#981*", "MKT#US#98*", "MKT#US#9*", "MKT#CITY#wa#seattle", "MKT#*",
        ]  # fmt: skip

    def test_a_house_that_nobody_can_place_says_that_it_is_cut(self, dispositions):
        pipeline = dispositions.pipeline(property={"type": "single_family"})
        assert dispositions.ok("GET", MATCHES.format(pipeline))["cut"] is True

    def test_at_any_stage_and_of_no_unknown_one(self, dispositions):
        assert dispositions.ok("GET", MATCHES.format(dispositions.pipeline(stage="lead")))["items"] == []
        dispositions.expect_error(404, "GET", MATCHES.format("pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"))
        dispositions.expect_error(404, "GET", MATCHES.format("x"))


class TestOfABuyer:
    def found(self, dispositions: DispositionsClient, buyer: str) -> list[str]:
        return [one["pipeline_id"] for one in dispositions.ok("GET", f"/dispo/buyers/{buyer}/matches")["items"]]

    def test_the_same_pair_from_the_other_side(self, dispositions):
        buyer = dispositions.buyer(buy_box=BOX, proof_of_funds=PROOF)
        pipeline = dispositions.pipeline(suited_for=["flip"], assignment_fee_target=13000)
        dispositions.pipeline(property={**HOUSE, "address": {"postal_code": "99501"}})
        body = dispositions.ok("GET", f"/dispo/buyers/{buyer}/matches")
        (one,) = body["items"]
        (other,) = dispositions.ok("GET", MATCHES.format(pipeline))["items"]
        same = ("buyer_id", "score", "coverage", "met", "missed", "unknown")
        assert [one[name] for name in same] == [other[name] for name in same]
        assert (one["pipeline_id"], one["address"], body["cut"]) == (pipeline, "1201 Pine Street, Seattle", False)

    def test_dead_and_closed_ones_are_left_out(self, dispositions):
        buyer = dispositions.buyer(buy_box={"markets": ["981*"]})
        dead, closed, lead = dispositions.pipeline(), dispositions.pipeline(), dispositions.pipeline(stage="lead", contract_price=None)
        dispositions.stage(dead, "dead", reason="title")
        id = dispositions.offer(closed)
        dispositions.assign(id)
        dispositions.close(id)
        assert self.found(dispositions, buyer) == [lead]

    def test_a_city_and_no_market_look_everywhere(self, dispositions):
        pipeline = dispositions.pipeline()
        elsewhere = dispositions.pipeline(property={**HOUSE, "address": {"city": "Tacoma", "region": "WA", "postal_code": "98402"}})
        assert self.found(dispositions, dispositions.buyer(buy_box={"markets": ["SEATTLE/wa"]})) == [pipeline]
        assert set(self.found(dispositions, dispositions.buyer())) == {pipeline, elsewhere}
        assert self.found(dispositions, dispositions.buyer(buy_box={"markets": ["98*"]})) != []
        dispositions.expect_error(404, "GET", "/dispo/buyers/buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T/matches")


class TestOffers:
    def test_to_the_best(self, dispositions, runtime):
        pipeline = dispositions.pipeline(assignment_fee_target=13000)
        buyers = [dispositions.buyer(f"B{number}", buy_box={**BOX, "max_repairs": 30000 + number * 10000}) for number in range(3)]
        poor, lost, again = dispositions.buyer("Poor"), dispositions.buyer(buy_box=BOX), dispositions.buyer(buy_box=BOX)
        dispositions.fall_out(dispositions.offer(pipeline, lost), "buyer_withdrew", None)
        dispositions.fall_out(dispositions.offer(pipeline, again), "seller", None)
        dispositions.offer(pipeline, buyers[0])
        trial = dispositions.ok("POST", f"/dispo/pipelines/{pipeline}/offers", {"best_n": 25, "dry_run": True})["results"]
        assert {one["buyer_id"] for one in trial} == {*buyers[1:], again}
        assert {one["status"] for one in trial} == {200}
        assert len(dispositions.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}")["items"]) == 3  # nothing was written
        made = dispositions.ok("POST", f"/dispo/pipelines/{pipeline}/offers", {"best_n": 2, "assignment_price": 131000})["results"]
        assert [(one["index"], one["status"]) for one in made] == [(0, 201), (1, 201)]
        assert [dispositions.read(one["id"])["rank"] for one in made] == [2, 3]
        assert poor not in str(made)
        assert mails(runtime) == []

    def test_to_a_list_each_with_its_own_result(self, dispositions, round_trips):
        pipeline, good, idle = dispositions.pipeline(), dispositions.buyer(), dispositions.buyer(is_active=False)
        ids = [good, idle, "buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "x", good]
        results = dispositions.ok("POST", f"/dispo/pipelines/{pipeline}/offers", {"buyer_ids": ids})["results"]
        assert [one["status"] for one in results] == [201, 409, 404, 404, 409]
        assert [one.get("problem", {}).get("code") for one in results] == [None, "buyer_inactive", None, None, "live_offer"]
        assert dispositions.read(results[0]["id"])["buyer_id"] == good

    def test_a_replay_answers_the_first_results(self, dispositions):
        pipeline, buyers = dispositions.pipeline(), [dispositions.buyer() for _ in range(3)]
        body, key = {"buyer_ids": buyers}, {"Idempotency-Key": "o"}
        first = dispositions.call("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key)
        again = dispositions.call("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key)
        assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
        assert len(dispositions.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}")["items"]) == 3

    @pytest.mark.slow
    def test_more_than_land_together_and_a_crash_between(self, dispositions, runtime, monkeypatch):
        from chalicelib.foundation import bulk
        from chalicelib.packs.dispositions.service import offers

        pipeline, buyers = dispositions.pipeline(), [dispositions.buyer() for _ in range(4)]
        monkeypatch.setattr(offers, "_BATCH_SIZE", 3)
        body, key = {"buyer_ids": buyers}, {"Idempotency-Key": "o"}
        land, calls = bulk._run_step, []

        def crashing(*arguments: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise RuntimeError("the lights went out")
            return land(*arguments)

        monkeypatch.setattr(bulk, "_run_step", crashing)
        assert dispositions.call("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key).status == 500
        results = dispositions.ok("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key)["results"]
        assert [one["status"] for one in results] == [201] * 4
        assert len(dispositions.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}")["items"]) == 4
        assert dispositions.ok("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key)["results"] == results

    def test_what_is_refused_as_a_whole(self, dispositions, client_as):
        lead, pipeline = dispositions.pipeline(stage="lead"), dispositions.pipeline()
        for body in ({"best_n": 1}, {"buyer_ids": [dispositions.buyer()]}, {"best_n": 1, "dry_run": True}):
            assert dispositions.expect_error(409, "POST", f"/dispo/pipelines/{lead}/offers", body)["code"] == "not_under_contract"
        path = f"/dispo/pipelines/{pipeline}/offers"
        for body in ({}, {"best_n": 0}, {"best_n": 26}, {"best_n": 1, "buyer_ids": ["x"]}, {"buyer_ids": []}):
            dispositions.expect_error(422, "POST", path, body)
        dispositions.expect_error(422, "POST", path, {"buyer_ids": [dispositions.buyer()], "assignment_price": 1})
        dispositions.expect_error(413, "POST", path, {"buyer_ids": [f"b{number}" for number in range(26)]})
        dispositions.expect_error(404, "POST", "/dispo/pipelines/pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T/offers", {"best_n": 1})
        DispositionsClient(client_as("dealmaker")).expect_error(403, "POST", path, {"best_n": 1})


class TestCopiedRecords:
    """Matching reads copies of the buyers' records, and is as exact as if it read the records."""

    @pytest.fixture
    def found(self, dispositions: DispositionsClient) -> Any:
        """A buyer's match with any pipeline, and the round trips that it took."""
        return lambda pipeline, buyer: next(
            one for one in dispositions.ok("GET", MATCHES.format(pipeline))["items"] if one["buyer_id"] == buyer
        )

    @pytest.fixture
    def copy(self, run_work: Any, clock: Any) -> Any:
        """Run the schedule that copies, a little later."""

        def run() -> Any:
            clock.now += timedelta(minutes=2)
            return run_work(schedules.buyer_records)

        return run

    def test_it_is_the_same_before_and_after_they_are_copied(self, dispositions, found, copy, project, round_trips):
        buyer = dispositions.buyer(buy_box=BOX)
        pipeline = dispositions.pipeline()
        assert found(pipeline, buyer)["tier"] == "C"
        assert round_trips() == 9  # a new buyer's record is known to be empty
        won = dispositions.offer(dispositions.pipeline(), buyer)
        dispositions.assign(won)
        dispositions.close(won)
        project()
        before = found(pipeline, buyer)
        assert (before["tier"], round_trips()) == ("B", 11)
        record = copy()
        assert (record["found"], record["done"], copy()["found"]) == (1, 1, 0)
        assert (found(pipeline, buyer), round_trips()) == (before, 9)

    def test_the_copy_needs_no_projection(self, dispositions, found, copy, round_trips):
        buyer, pipeline = dispositions.buyer(buy_box=BOX), dispositions.pipeline()
        for _ in range(2):
            lost = dispositions.offer(dispositions.pipeline(), buyer)
            dispositions.assign(lost)
            dispositions.fall_out(lost, "buyer_withdrew")
        copy()
        assert "record" in found(pipeline, buyer)["missed"]

    def test_faults_of_long_ago_are_forgotten(self, dispositions, found, copy, clock):
        buyer, pipeline = dispositions.buyer(buy_box=BOX), dispositions.pipeline()
        for _ in range(2):
            lost = dispositions.offer(dispositions.pipeline(), buyer)
            dispositions.assign(lost)
            dispositions.fall_out(lost, "financing")
        copy()
        clock.now += timedelta(days=364)
        assert "record" in found(pipeline, buyer)["missed"]
        clock.now += timedelta(days=2)
        assert "record" in found(pipeline, buyer)["unknown"]

    def test_who_was_offered_something_lately_comes_last(self, dispositions, copy, clock):
        first, second = sorted(dispositions.buyer(name, buy_box=BOX) for name in "AB")  # ids decide between equals
        pipeline = dispositions.pipeline()

        def order() -> list[str]:
            return [one["buyer_id"] for one in dispositions.ok("GET", MATCHES.format(pipeline))["items"]]

        assert order() == [first, second]
        dispositions.offer(dispositions.pipeline(), first)
        assert order() == [second, first]
        copy()
        assert order() == [second, first]
        dispositions.offer(dispositions.pipeline(), second)
        assert order() == [first, second]

    def test_a_change_of_the_buyer_drops_its_copy_until_the_next_run(self, dispositions, found, copy, project):
        buyer, pipeline = dispositions.buyer(buy_box=BOX), dispositions.pipeline()
        won = dispositions.offer(dispositions.pipeline(), buyer)
        dispositions.assign(won)
        dispositions.close(won)
        project()
        copy()
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"buy_box": {"markets": ["98103", "Seattle/WA"]}})
        assert found(pipeline, buyer)["tier"] == "B"
        assert copy()["done"] == 1
        assert found(pipeline, buyer)["tier"] == "B"

    def test_a_row_from_before_there_were_copies(self, dispositions, found, runtime, project):
        buyer, pipeline = dispositions.buyer(buy_box={**BOX, "markets": ["98103"]}), dispositions.pipeline()
        won = dispositions.offer(dispositions.pipeline(), buyer)
        dispositions.assign(won)
        dispositions.close(won)
        project()
        store = runtime.store()
        store.update(ItemKey("MKT#US#98103", buyer), remove=("record",))
        index = BuyerCounter.index_attributes()
        store.update(reference_counter(buyer), remove=("record_changed_at", "record_changed_by", *index))
        assert found(pipeline, buyer)["tier"] == "B"

    def test_a_change_while_it_is_copied_is_not_lost(self, dispositions, found, copy, clock, monkeypatch, project):
        buyer, pipeline = dispositions.buyer(buy_box=BOX), dispositions.pipeline()
        won = dispositions.offer(dispositions.pipeline(), buyer)
        dispositions.assign(won)
        read = repository.read_ended

        def closing_meanwhile(*arguments: Any) -> Any:
            ended = read(*arguments)
            dispositions.close(won)
            return ended

        monkeypatch.setattr(repository, "read_ended", closing_meanwhile)
        assert copy()["done"] == 0
        monkeypatch.setattr(repository, "read_ended", read)
        project()
        assert found(pipeline, buyer)["tier"] == "B"
        assert copy()["done"] == 1
        assert found(pipeline, buyer)["tier"] == "B"

    def test_a_deleted_buyer_is_not_looked_for(self, dispositions, copy):
        buyer = dispositions.buyer()
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"name": "Other"})
        dispositions.ok("DELETE", f"/dispo/buyers/{buyer}")
        assert copy()["found"] == 0
