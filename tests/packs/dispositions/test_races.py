"""Many at once, on the engine that bears threads: one buyer a pipeline, and everything that tells of it agrees."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.functions.streams import audit
from chalicelib.packs.dispositions import schedules
from chalicelib.packs.dispositions.entities import Buyer
from chalicelib.packs.dispositions.service.opt_out import LINK
from tests.api_user import all_rows
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.packs.dispositions.dispositions_client import apply_projections, roster_of
from tests.streams.stream_feeder import record_of

__all__ = ["dynamodb_local", "dynamodb_local_url"]

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def dynamodb(dynamodb_local: Any) -> Any:
    return dynamodb_local


def at_once(count: int, call: Any) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def trail(runtime: Any) -> None:
    """Bring what is in the table onto the trail, as first records of rows at revision 1 and second ones of those at 2."""
    seen = [raw for raw in all_rows(runtime) if raw.get("t", {}).get("S") == "e"]
    records = []
    for raw in seen:
        first = {**raw, "revision": {"N": "1"}}
        records.append(record_of(len(records) + 1, None, first))
        if raw["revision"]["N"] == "2":
            records.append(record_of(len(records) + 1, first, raw))
    assert audit(runtime, {"Records": records}) == {"batchItemFailures": []}


@pytest.mark.slow
def test_32_threads_assign_32_buyers_to_one_pipeline(dispositions, runtime, clock, client_as):
    pipeline = dispositions.pipeline(contract_effective_on="2026-11-20")
    offers = [dispositions.offer(pipeline, dispositions.buyer(f"Buyer {number}")) for number in range(32)]
    revision = dispositions.read(pipeline)["revision"]
    answers = at_once(32, lambda number: dispositions.call("POST", f"/dispo/assignments/{offers[number]}/assign", {}))
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 31}
    (won,) = [answer.json() for answer in answers if answer.status == 200]
    for refusal in (answer.json() for answer in answers if answer.status == 409):
        assert (refusal["type"], refusal["code"], refusal["assignment_id"]) == ("/problems/conflict", "already_taken", won["id"])
    # The pipeline and the assignments.
    seen = dispositions.read(pipeline)
    assert (seen["stage"], seen["assignment_id"], seen["assignment_price"]) == ("assigned", won["id"], 131000)
    assert seen["revision"] == revision + 1
    listed = dispositions.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}", query={"limit": "200"})["items"]
    assert Counter(one["status"] for one in listed) == {"assigned": 1, "offered": 31}
    assert [one["id"] for one in listed if one["status"] == "assigned"] == [won["id"]]
    assert sorted(one["rank"] for one in listed) == list(range(1, 33))
    # Statistics and board.
    apply_projections(runtime)
    records = {one["buyer_id"]: dispositions.ok("GET", f"/dispo/buyers/{one['buyer_id']}/stats") for one in listed}
    assert {buyer for buyer, record in records.items() if record["assigned"]} == {won["buyer_id"]}
    assert {record["offered"] for record in records.values()} == {1}
    board = dispositions.ok("GET", "/wholesale/board")["stages"]
    assert (board["assigned"]["count"], board["assigned"]["expected_spread"]) == (1, {"USD": 13000})
    assert board["under_contract"]["count"] == 0
    # The trail.
    trail(runtime)
    moves = dispositions.ok("GET", f"/audit/trail/{won['id']}")["items"]
    assert len(moves) == 2
    assert "assigned" in str(moves)
    stays = dispositions.ok("GET", f"/wholesale/{pipeline}/history")["items"]
    assert [stay["stage"] for stay in stays] == ["assigned", "under_contract"]


def test_offers_at_once_have_each_their_rank(dispositions, runtime):
    pipeline, buyers = dispositions.pipeline(), [dispositions.buyer() for _ in range(10)]
    answers = at_once(
        10, lambda number: dispositions.call("POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": buyers[number]})
    )
    assert {answer.status for answer in answers} == {201}
    assert sorted(answer.json()["rank"] for answer in answers) == list(range(1, 11))
    roster = roster_of(runtime, pipeline)
    assert {place["buyer"] for place in roster.entries.values()} == set(buyers)


def test_one_buyer_gets_one_offer(dispositions):
    body = {"pipeline_id": dispositions.pipeline(), "buyer_id": dispositions.buyer()}
    answers = at_once(6, lambda _: dispositions.call("POST", "/dispo/assignments", body))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 5}
    assert {answer.json()["code"] for answer in answers if answer.status == 409} == {"live_offer"}


def test_one_key_is_one_offer(dispositions):
    body = {"pipeline_id": dispositions.pipeline(), "buyer_id": dispositions.buyer()}
    answers = at_once(6, lambda _: dispositions.call("POST", "/dispo/assignments", body, headers={"Idempotency-Key": "k"}))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_closing_and_falling_out_at_once(dispositions):
    pipeline = dispositions.pipeline()
    id = dispositions.offer(pipeline)
    dispositions.assign(id)

    def end(number: int) -> Any:
        if number % 2:
            return dispositions.call("POST", f"/dispo/assignments/{id}/close", {})
        return dispositions.call("POST", f"/dispo/assignments/{id}/fallout", {"reason": "title", "earnest_money_outcome": "none"})

    answers = at_once(8, end)
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 7}
    assert (dispositions.read(id)["status"], dispositions.read(pipeline)["stage"]) in (("closed", "closed"), ("fallout", "under_contract"))


def test_a_buyer_who_is_deleted_while_it_is_offered(dispositions):
    for _ in range(3):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()

        def act(number: int, pipeline: str = pipeline, buyer: str = buyer) -> Any:
            if number:
                return dispositions.call("DELETE", f"/dispo/buyers/{buyer}")
            return dispositions.call("POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": buyer})

        offered, deleted = (answer.status for answer in at_once(2, act))
        assert (offered, deleted) in ((201, 409), (404, 204), (409, 204))


def test_an_opt_out_while_others_of_the_address_come(dispositions, runtime, anonymous, context):
    """Whoever comes first: in the end nobody with the address may be contacted, and nobody was offered anything after it."""
    for round_ in range(3):
        address = f"ann{round_}@example.com"
        buyer, late = dispositions.buyer(email=address), dispositions.buyer(email=f"late{round_}@example.com")
        twin, pipeline = dispositions.buyer(email=address), dispositions.pipeline()
        ctx = context("operator")
        path = LINK.url(ctx, ctx.store.require(Buyer, buyer)).removeprefix("http://127.0.0.1:8000")

        def act(number: int, path: str = path, address: str = address, late: str = late, twin: str = twin, pipeline: str = pipeline) -> Any:
            if number % 4 == 0:
                return anonymous("POST", path)
            if number % 4 == 1:
                return dispositions.call("POST", "/dispo/buyers", {"name": "New", "email": address})
            if number % 4 == 2:
                return dispositions.call("PATCH", f"/dispo/buyers/{late}", {"email": address})
            return dispositions.call("POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": twin})

        answers = at_once(8, act)
        assert {answer.status for answer in answers} <= {200, 201, 409}
        assert all(answer.json()["code"] in ("do_not_contact", "live_offer") for answer in answers if answer.status == 409)
        anonymous("POST", path)
        found = [raw for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == "buyer" and raw["email"]["S"] == address]
        assert len(found) == 5
        assert {raw["do_not_contact"]["BOOL"] for raw in found} == {True}


def test_opting_out_and_asking_again_at_once(dispositions, runtime, anonymous, context, clock, run_work):
    """Whichever is last: the row, its buyer and the others that share the address agree."""
    buyers = [dispositions.buyer(f"Same {number}", email="ann@example.com") for number in range(3)]
    ctx = context("operator")
    path = LINK.url(ctx, ctx.store.require(Buyer, buyers[0])).removeprefix("http://127.0.0.1:8000")
    answers = at_once(8, lambda number: anonymous("POST", path, query={"again": "true"} if number % 2 else None))
    assert {answer.status for answer in answers} == {200}
    for _ in range(3):
        clock.now += timedelta(minutes=2)
        assert run_work(schedules.buyer_records)["failed"] == 0
    (row,) = [raw for raw in all_rows(runtime) if raw["pk"]["S"].startswith("SUPPRESS#")]
    assert [dispositions.read(buyer)["do_not_contact"] for buyer in buyers] == [row["is_active"]["BOOL"]] * 3


def test_the_job_twice_at_once(dispositions, runtime, clock, run_work):
    pipeline, buyers = dispositions.pipeline(), [dispositions.buyer() for _ in range(6)]
    for buyer in buyers[:3]:
        dispositions.offer(pipeline, buyer)
    lost = dispositions.pipeline()
    for buyer in buyers:
        dispositions.offer(lost, buyer)
    dispositions.stage(lost, "offer_made", note="They want more.")
    dispositions.stage(pipeline, "dead", reason="title")
    records = at_once(3, lambda _: run_work(schedules.offers))
    assert [record["error"] for record in records] == [""] * 3
    assert sum(record["failed"] for record in records) == 0
    fallen = [raw for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == "assignment"]
    assert Counter(raw["fallout_reason"]["S"] for raw in fallen) == {"contract_lost": 6, "pipeline_dead": 3}
    assert {raw["revision"]["N"] for raw in fallen} == {"2"}
    for buyer in buyers:
        dispositions.ok("DELETE", f"/dispo/buyers/{buyer}")
    dispositions.ok("DELETE", f"/wholesale/{pipeline}")


@pytest.mark.parametrize("seed", range(3))
def test_with_faults_at_every_fifth_call(dispositions, runtime, clock, seed):
    """Throttles, conflicts and lost answers: each call ends as it would without them, and only once."""
    faults = (Throttles(0.2, seed=seed), Conflicts(0.2, seed=seed + 10), LostResponses(0.1, seed=seed + 20), Unprocessed(0.2, seed=seed))
    sound = runtime.dynamodb
    runtime.dynamodb = FaultInjectingClient(sound, *faults)
    pipeline, buyers = dispositions.pipeline(), [dispositions.buyer(f"B{number}") for number in range(4)]
    offers = [dispositions.offer(pipeline, buyer, earnest_money={"amount": 5000}) for buyer in buyers]
    answers = at_once(4, lambda number: dispositions.call("POST", f"/dispo/assignments/{offers[number]}/assign", {}))
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 3}
    (won,) = [answer.json()["id"] for answer in answers if answer.status == 200]
    dispositions.money(won, "received")
    fallen = dispositions.fall_out(won, "title", "refunded")
    following = fallen["next_backup"]["assignment_id"]
    dispositions.assign(following)
    dispositions.close(following)
    runtime.dynamodb = sound
    apply_projections(runtime)
    listed = dispositions.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}")["items"]
    assert Counter(one["status"] for one in listed) == {"closed": 1, "fallout": 3}
    totals: Counter[str] = Counter()
    for buyer in buyers:
        record = dispositions.ok("GET", f"/dispo/buyers/{buyer}/stats")
        totals.update({name: record[name] for name in ("offered", "assigned", "closed", "fallout")})
    assert totals == {"offered": 4, "assigned": 2, "closed": 1, "fallout": 1}
    assert [stay["stage"] for stay in dispositions.ok("GET", f"/wholesale/{pipeline}/history")["items"]] == [
        "closed", "assigned", "under_contract", "assigned", "under_contract",
    ]  # fmt: skip
