"""Matches both ways, offers to many at once, and the way out of them."""

import re
from typing import Any

import pytest

from chalicelib.foundation.store import codec
from tests.api.dispositions_client import HOUSE, DispositionsClient, desk, project

__all__ = ["desk", "project"]

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
    def pipeline(self, desk: DispositionsClient, **more: Any) -> str:
        return desk.pipeline(suited_for=["flip"], assignment_fee_target=13000, **more)

    def test_the_best_first_and_explained(self, desk, round_trips):
        pipeline = self.pipeline(desk)
        good = desk.buyer("Good", buy_box=BOX, proof_of_funds=PROOF)
        less = desk.buyer("Less", buy_box={**BOX, "bedrooms_min": 5})
        unknown = desk.buyer("Unknown")
        body = desk.ok("GET", MATCHES.format(pipeline))
        assert [one["buyer_id"] for one in body["items"]] == [good, less, unknown]
        first, second, third = body["items"]
        assert (first["score"], first["coverage"], first["missed"], first["unknown"]) == (97, 96, [], ["record"])
        assert (second["missed"], second["unknown"]) == (["bedrooms"], ["proof_of_funds", "record"])
        assert (third["score"], third["coverage"], third["tier"]) == (25, 0, "C")
        assert body["cut"] is False
        explained = desk.ok("GET", MATCHES.format(pipeline), query={"explain": "true"})["items"][1]["explain"]
        assert explained["inputs"]["bedrooms"] == {"weight": 4, "verdict": "missed"}
        assert explained["formula"] == {"id": "dispositions.match", "version": 1}

    @pytest.mark.parametrize(
        "box",
        [{"price_max": 130999}, {"price_min": 131001}, {"property_types": ["land"]}, {"markets": ["99*"]}, {"markets": ["Tacoma/WA"]}],
    )
    def test_hard_misses_are_out(self, desk, box):
        desk.buyer(buy_box={**BOX, **box})
        assert desk.ok("GET", MATCHES.format(self.pipeline(desk)))["items"] == []

    @pytest.mark.parametrize("change", [{"is_active": False}, {"do_not_contact": True}])
    def test_so_are_those_who_arent_to_be_asked(self, desk, change):
        desk.buyer(buy_box=BOX, **change)
        assert desk.ok("GET", MATCHES.format(self.pipeline(desk)))["items"] == []

    def test_the_record_counts(self, desk, project):
        pipeline, proven, new = self.pipeline(desk), desk.buyer("Proven", buy_box=BOX), desk.buyer("New", buy_box=BOX)
        id = desk.offer(desk.pipeline(), proven)
        desk.assign(id)
        desk.close(id)
        project()
        found = desk.ok("GET", MATCHES.format(pipeline))["items"]
        assert [(one["buyer_id"], one["tier"]) for one in found] == [(proven, "B"), (new, "C")]
        assert found[0]["score"] - found[1]["score"] == 3

    def test_who_was_asked_longest_ago_comes_first(self, desk):
        pipeline, first, second = self.pipeline(desk), desk.buyer(buy_box=BOX), desk.buyer(buy_box=BOX)
        desk.offer(desk.pipeline(), min(first, second))
        assert [one["buyer_id"] for one in desk.ok("GET", MATCHES.format(pipeline))["items"]] == [max(first, second), min(first, second)]

    def test_pages_meet_each_once(self, desk):
        pipeline = self.pipeline(desk)
        made = {desk.buyer(buy_box={**BOX, "max_repairs": 30000 + 2000 * number}) for number in range(7)}
        found, query = [], {"limit": "3"}
        while True:
            page = desk.ok("GET", MATCHES.format(pipeline), query=query)
            found += [one["buyer_id"] for one in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert (len(found), set(found)) == (7, made)
        desk.refused(400, "GET", MATCHES.format(self.pipeline(desk)), query=query)

    def test_only_the_markets_partitions_are_read(self, desk, runtime, monkeypatch):
        for code in ("98103", "99501", "10001"):
            desk.buyer(buy_box={**BOX, "markets": [code, f"{code[:3]}*"]})
        asked: list[str] = []
        query = runtime.dynamodb.query

        def listening(**arguments: Any) -> Any:
            asked.append(arguments["ExpressionAttributeValues"][":pk"]["S"])
            return query(**arguments)

        monkeypatch.setattr(runtime.dynamodb, "query", listening)
        pipeline = self.pipeline(desk)
        asked.clear()
        assert len(desk.ok("GET", MATCHES.format(pipeline))["items"]) == 1
        assert asked == [
            "MKT#US#98103", "MKT#US#9810*", "MKT#US#981*", "MKT#US#98*", "MKT#US#9*", "MKT#CITY#wa#seattle", "MKT#*",
        ]  # fmt: skip

    def test_a_house_that_nobody_can_place_says_that_it_is_cut(self, desk):
        pipeline = desk.pipeline(property={"type": "single_family"})
        assert desk.ok("GET", MATCHES.format(pipeline))["cut"] is True

    def test_at_any_stage_and_of_no_unknown_one(self, desk):
        assert desk.ok("GET", MATCHES.format(desk.pipeline(stage="lead")))["items"] == []
        desk.refused(404, "GET", MATCHES.format("pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"))
        desk.refused(404, "GET", MATCHES.format("x"))


class TestOfABuyer:
    def found(self, desk: DispositionsClient, buyer: str) -> list[str]:
        return [one["pipeline_id"] for one in desk.ok("GET", f"/dispo/buyers/{buyer}/matches")["items"]]

    def test_the_same_pair_from_the_other_side(self, desk):
        buyer = desk.buyer(buy_box=BOX, proof_of_funds=PROOF)
        pipeline = desk.pipeline(suited_for=["flip"], assignment_fee_target=13000)
        desk.pipeline(property={**HOUSE, "address": {"postal_code": "99501"}})
        body = desk.ok("GET", f"/dispo/buyers/{buyer}/matches")
        (one,) = body["items"]
        (other,) = desk.ok("GET", MATCHES.format(pipeline))["items"]
        same = ("buyer_id", "score", "coverage", "met", "missed", "unknown")
        assert [one[name] for name in same] == [other[name] for name in same]
        assert (one["pipeline_id"], one["address"], body["cut"]) == (pipeline, "1201 Pine Street, Seattle", False)

    def test_dead_and_closed_ones_are_left_out(self, desk):
        buyer = desk.buyer(buy_box={"markets": ["981*"]})
        dead, closed, lead = desk.pipeline(), desk.pipeline(), desk.pipeline(stage="lead", contract_price=None)
        desk.stage(dead, "dead", reason="title")
        id = desk.offer(closed)
        desk.assign(id)
        desk.close(id)
        assert self.found(desk, buyer) == [lead]

    def test_a_city_and_no_market_look_everywhere(self, desk):
        pipeline = desk.pipeline()
        elsewhere = desk.pipeline(property={**HOUSE, "address": {"city": "Tacoma", "region": "WA", "postal_code": "98402"}})
        assert self.found(desk, desk.buyer(buy_box={"markets": ["SEATTLE/wa"]})) == [pipeline]
        assert set(self.found(desk, desk.buyer())) == {pipeline, elsewhere}
        assert self.found(desk, desk.buyer(buy_box={"markets": ["98*"]})) != []
        desk.refused(404, "GET", "/dispo/buyers/buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T/matches")


class TestOffers:
    def test_to_the_best(self, desk, runtime):
        pipeline = desk.pipeline(assignment_fee_target=13000)
        buyers = [desk.buyer(f"B{number}", buy_box={**BOX, "max_repairs": 30000 + number * 10000}) for number in range(3)]
        poor, lost, again = desk.buyer("Poor"), desk.buyer(buy_box=BOX), desk.buyer(buy_box=BOX)
        desk.fall_out(desk.offer(pipeline, lost), "buyer_withdrew", None)
        desk.fall_out(desk.offer(pipeline, again), "seller", None)
        desk.offer(pipeline, buyers[0])
        trial = desk.ok("POST", f"/dispo/pipelines/{pipeline}/offers", {"best_n": 25, "dry_run": True})["results"]
        assert {one["buyer_id"] for one in trial} == {*buyers[1:], again}
        assert {one["status"] for one in trial} == {200}
        assert len(desk.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}")["items"]) == 3  # nothing was written
        made = desk.ok("POST", f"/dispo/pipelines/{pipeline}/offers", {"best_n": 2, "assignment_price": 131000})["results"]
        assert [(one["index"], one["status"]) for one in made] == [(0, 201), (1, 201)]
        assert [desk.read(one["id"])["rank"] for one in made] == [2, 3]
        assert poor not in str(made)
        assert mails(runtime) == []

    def test_to_a_list_each_with_its_own_result(self, desk, round_trips):
        pipeline, good, idle = desk.pipeline(), desk.buyer(), desk.buyer(is_active=False)
        ids = [good, idle, "buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "x", good]
        results = desk.ok("POST", f"/dispo/pipelines/{pipeline}/offers", {"buyer_ids": ids})["results"]
        assert [one["status"] for one in results] == [201, 409, 404, 404, 409]
        assert [one.get("problem", {}).get("code") for one in results] == [None, "buyer_inactive", None, None, "live_offer"]
        assert desk.read(results[0]["id"])["buyer_id"] == good

    def test_a_replay_answers_the_first_results(self, desk):
        pipeline, buyers = desk.pipeline(), [desk.buyer() for _ in range(3)]
        body, key = {"buyer_ids": buyers}, {"Idempotency-Key": "o"}
        first = desk.call("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key)
        again = desk.call("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key)
        assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
        assert len(desk.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}")["items"]) == 3

    @pytest.mark.slow
    def test_more_than_land_together_and_a_crash_between(self, desk, runtime, monkeypatch):
        from chalicelib.packs.dispositions.service import bulk_offers

        pipeline, buyers = desk.pipeline(), [desk.buyer() for _ in range(4)]
        monkeypatch.setattr(bulk_offers, "_TOGETHER", 3)
        body, key = {"buyer_ids": buyers}, {"Idempotency-Key": "o"}
        land, calls = bulk_offers._write_batch, []

        def crashing(*arguments: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise RuntimeError("the lights went out")
            return land(*arguments)

        monkeypatch.setattr(bulk_offers, "_land", crashing)
        assert desk.call("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key).status == 500
        results = desk.ok("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key)["results"]
        assert [one["status"] for one in results] == [201] * 4
        assert len(desk.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}")["items"]) == 4
        assert desk.ok("POST", f"/dispo/pipelines/{pipeline}/offers", body, headers=key)["results"] == results

    def test_what_is_refused_as_a_whole(self, desk, client_as):
        lead, pipeline = desk.pipeline(stage="lead"), desk.pipeline()
        for body in ({"best_n": 1}, {"buyer_ids": [desk.buyer()]}, {"best_n": 1, "dry_run": True}):
            assert desk.refused(409, "POST", f"/dispo/pipelines/{lead}/offers", body)["code"] == "not_under_contract"
        path = f"/dispo/pipelines/{pipeline}/offers"
        for body in ({}, {"best_n": 0}, {"best_n": 26}, {"best_n": 1, "buyer_ids": ["x"]}, {"buyer_ids": []}):
            desk.refused(422, "POST", path, body)
        desk.refused(422, "POST", path, {"buyer_ids": [desk.buyer()], "assignment_price": 1})
        desk.refused(413, "POST", path, {"buyer_ids": [f"b{number}" for number in range(26)]})
        desk.refused(404, "POST", "/dispo/pipelines/pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T/offers", {"best_n": 1})
        DispositionsClient(client_as("dealmaker")).expect_error(403, "POST", path, {"best_n": 1})


class TestOptOut:
    def sent(self, desk: DispositionsClient, runtime: Any) -> tuple[str, str, str]:
        pipeline, buyer = desk.pipeline(), desk.buyer(email="ann@example.com")
        body = {"buyer_ids": [buyer, desk.buyer("No address")], "notify": True, "assignment_price": 131000}
        results = desk.ok("POST", f"/dispo/pipelines/{pipeline}/offers", body)["results"]
        assert [one["notified"] for one in results] == [True, False]
        (mail,) = mails(runtime)
        assert (mail["to"], mail["t"], mail["state"]) == ("ann@example.com", "m", "queued")
        assert "131,000" in mail["text"]
        link = re.search(r"http://127\.0\.0\.1:8000(/dispo/opt-out/\S+)", mail["text"])
        assert link
        return pipeline, buyer, link[1]

    def test_the_link_shows_a_page_and_its_button_does_it(self, desk, anonymous, runtime):
        _, buyer, path = self.sent(desk, runtime)
        page = anonymous("GET", path)
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert '<form method="post">' in page.text
        assert "frame-ancestors" in page.headers["content-security-policy"]
        assert desk.read(buyer)["do_not_contact"] is False  # looking changes nothing
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        done = anonymous("POST", path, raw="List-Unsubscribe=One-Click", headers=form)
        assert (done.status, "no more offers" in done.text) == (200, True)
        after = desk.read(buyer)
        assert (after["do_not_contact"], after["updated_by"], after["revision"]) == (True, buyer, 2)
        assert anonymous("POST", path).status == 200
        assert desk.read(buyer)["revision"] == 2
        assert "<form" not in anonymous("GET", path).text
        refused = {"pipeline_id": desk.pipeline(), "buyer_id": buyer}
        assert desk.refused(409, "POST", "/dispo/assignments", refused)["code"] == "do_not_contact"
        assert buyer not in str(desk.ok("GET", MATCHES.format(desk.pipeline())))

    def test_no_other_link_does(self, desk, anonymous, runtime):
        _, buyer, path = self.sent(desk, runtime)
        other = desk.buyer("Other").removeprefix("buyer_")
        forged = re.sub(r"opt-out/\w+\.", f"opt-out/{other}.", path)
        for wrong in (forged, f"{path}x", "/dispo/opt-out/x", "/dispo/opt-out/x.y", path[:-1]):
            assert anonymous("GET", wrong).status == 404
            assert anonymous("POST", wrong).status == 404
        desk.ok("PATCH", f"/dispo/buyers/{buyer}", {"do_not_contact": True})
        fallen = desk.ok("GET", f"/dispo/buyers/{buyer}/assignments")["items"][0]["id"]
        desk.fall_out(fallen, "seller", None)
        desk.ok("DELETE", f"/dispo/buyers/{buyer}")
        assert anonymous("POST", path).status == 404
