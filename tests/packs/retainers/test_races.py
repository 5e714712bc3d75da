"""Many at once, on the engine that bears threads: no minute is lost, and each period is closed once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.packs.retainers.retainers_client import RETAINERS, at, closed_periods, events, of_kind

__all__ = ["dynamodb_local", "dynamodb_local_url"]

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def dynamodb(dynamodb_local: Any) -> Any:
    return dynamodb_local


@pytest.fixture
def runtime(runtime: Any) -> Any:
    """With real pauses: who waits for nothing meets the same others again."""
    import time

    runtime.sleep = time.sleep
    return runtime


def at_once(count: int, call: Any) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def minutes_of(runtime: Any) -> list[int]:
    return [int(raw["minutes"]["N"]) for raw in of_kind(runtime, "retainer_entry")]


@pytest.mark.slow
def test_50_threads_lose_no_hour(retainers, runtime):
    id = retainers.retainer()
    answers = at_once(50, lambda _: retainers.call("POST", f"{RETAINERS}/{id}/log_hours", {"hours": 0.9}))
    assert Counter(answer.status for answer in answers) == {201: 50}
    assert (len(minutes_of(runtime)), sum(minutes_of(runtime))) == (50, 50 * 54)
    read = retainers.read(id)
    assert (read["hours_used"], read["overage_hours"]) == (45, 5)
    drawn: Counter[str] = Counter()
    for answer in answers:
        drawn.update({draw["from"]: draw["minutes"] for draw in answer.json()["draws"]})
    assert drawn == {"this": 2400, "overage": 300}, "each minute is drawn once"
    crossed = [pct for answer in answers for pct in answer.json()["crossed"]]
    assert sorted(crossed) == [80, 90, 100]
    assert sorted(pct for event in events(runtime, "threshold") for pct in event.data["crossed"]) == [80, 90, 100]
    assert sorted(float(answer.json()["hours_used"]) for answer in answers) == [round((number + 1) * 0.9, 2) for number in range(50)]


def test_the_hard_cap_holds_among_many(retainers, runtime):
    id = retainers.retainer(monthly_hours_included=10, overage={"hard_cap_pct": 100})
    answers = at_once(16, lambda _: retainers.call("POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1.5}))
    assert Counter(answer.status for answer in answers) == {201: 6, 409: 10}
    assert sum(minutes_of(runtime)) == 540


def test_an_entry_is_taken_back_once(retainers, runtime):
    id = retainers.retainer()
    entry = retainers.log(id, 2)["entry_id"]
    path = f"{RETAINERS}/{id}/log_hours/{entry}/reverse"
    answers = at_once(8, lambda _: retainers.call("POST", path, {"reason": "Twice."}))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 7}
    assert sorted(minutes_of(runtime)) == [-120, 120]
    assert retainers.read(id)["hours_used"] == 0


def test_one_key_at_once_logs_once(retainers, runtime):
    id, key = retainers.retainer(), {"Idempotency-Key": "k"}
    answers = at_once(8, lambda _: retainers.call("POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1}, headers=key))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json()["entry_id"] for answer in answers}) == 1
    assert minutes_of(runtime) == [60]


def test_two_runs_and_hours_at_the_same_time(retainers, clock, run, runtime):
    """Late runs at once, while people log, renew and approve: each period is billed once, and each entry is in one of them."""
    ids = [retainers.retainer(starts_on="2026-10-31", renewal_date="2026-11-30", auto_renew=True) for _ in range(3)]
    for id in ids:
        retainers.log(id, 3)
    clock.now = at("2027-04-15T12:00:00Z")

    def act(number: int) -> Any:
        if number % 3 == 0:
            return run()
        return retainers.call("POST", f"{RETAINERS}/{ids[number % 2]}/log_hours", {"hours": 1})

    done = at_once(12, act)
    records, answers = [one for one in done if isinstance(one, dict)], [one for one in done if not isinstance(one, dict)]
    assert [(record["error"], record["failed"]) for record in records] == [("", 0)] * len(records)
    assert {answer.status for answer in answers} == {201}
    run()
    for id in ids:
        assert [(one.n, one.used) for one in closed_periods(runtime, id)] == [(1, 180), (2, 0), (3, 0), (4, 0), (5, 0)]
        assert retainers.read(id)["period"]["n"] == 6
    assert sum(retainers.read(id)["hours_used"] for id in ids) == len(answers)
    assert Counter(event.subject_id for event in events(runtime, "renewed")) == dict.fromkeys(ids, 5)


@pytest.mark.parametrize("seed", range(2))
def test_with_faults_at_every_fifth_call(retainers, clock, run, runtime, seed):
    """Throttles, conflicts and lost answers: each call ends as it would without them, and only once."""
    id = retainers.retainer(starts_on="2026-10-31", renewal_date="2026-11-30", auto_renew=True)
    faults = (Throttles(0.1, seed=seed), Conflicts(0.1, seed=seed + 10), LostResponses(0.1, seed=seed + 20), Unprocessed(0.1, seed=seed))
    sound = runtime.dynamodb
    runtime.dynamodb = FaultInjectingClient(sound, *faults)
    keys = [{"Idempotency-Key": str(number)} for number in range(12)]

    def log(number: int) -> Any:
        for _ in range(20):  # a busy answer says that the same request may be sent again
            answer = retainers.call("POST", f"{RETAINERS}/{id}/log_hours", {"hours": 0.5}, headers=keys[number])
            if answer.status != 503:
                return answer
        return answer

    assert {answer.status for answer in at_once(12, log)} == {201}
    clock.now = at("2027-01-15T12:00:00Z")
    for _ in range(4):
        run()
    runtime.dynamodb = sound
    run()
    assert sum(minutes_of(runtime)) == 360
    assert [(one.n, one.used) for one in closed_periods(runtime, id)] == [(1, 360), (2, 0)]
    assert len(events(runtime, "renewed")) == 2
