"""A busy table: what one operation, one request and one process may ask of it, counted; waiting is simulated."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.foundation.errors import Unavailable, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.retry_policy import RetryBudget, RetryPolicy
from chalicelib.foundation.store.store import Store, encode_key
from chalicelib.foundation.store.transactions import Transaction
from tests.fault_injection import Conflicts, FaultInjectingClient, Throttles, Unprocessed, Unreachable, client_error

POLICY = RetryPolicy()
KEY = ItemKey("ROW", "R")
REQUEST_SECONDS = 25.0


class Time:
    """Simulated time: sleeping moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waits.append(seconds)


@pytest.fixture
def time() -> Time:
    return Time()


class Answers:
    """A table without an engine: each operation is answered as if it had one row."""

    def __getattr__(self, operation):
        return lambda **_: {"Item": encode_key(KEY)}


@pytest.fixture
def requests(time):
    """`requests(fault, …)`: makes the store of one request after the other, of one process, on a table that meets these faults."""

    def make(*faults, client=None, seconds=REQUEST_SECONDS):
        budget, faulty = RetryBudget(POLICY), FaultInjectingClient(client or Answers(), *faults)

        def request():
            deadline = time.now + seconds
            return Store(faulty, "table", remaining_seconds=lambda: deadline - time(), sleep=time.sleep, clock=time, budget=budget)

        return request

    return make


def calls(store):
    return sum(store.client.calls.values())


def commit(store):
    tx = Transaction(store)
    tx.put_values(KEY, {"n": 1})
    tx.commit()


OPERATIONS = {
    "a read": lambda store: store.get_item(KEY),
    "a batch": lambda store: store.batch_get([KEY, ItemKey("ROW", "S")]),
    "a write": lambda store: store.put_values(KEY, {"n": 1}),
    "a transaction": commit,
    "a removal of many": lambda store: store.batch_delete([KEY]),
    "a use case": lambda store: store.retry_on_conflict(lambda: store.get_item(KEY)),
}


@pytest.mark.parametrize("fault", [Throttles, Unreachable])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_on_a_failing_table_makes_few_calls_and_ends_soon(requests, time, operation, fault):
    store = requests(fault())()
    with pytest.raises(Unavailable) as refusal:
        OPERATIONS[operation](store)
    assert calls(store) == POLICY.attempts
    assert sum(time.waits) <= 1
    assert int(refusal.value.headers["Retry-After"]) >= 1


def test_waiting_grows_and_is_spread(requests, time):
    for _ in range(3):
        with pytest.raises(Unavailable):
            requests(Throttles())().get_item(KEY)
    assert len(set(time.waits)) == len(time.waits) == 3 * (POLICY.attempts - 1)
    assert all(wait <= POLICY.base_delay * 2 ** (number % (POLICY.attempts - 1)) for number, wait in enumerate(time.waits))


class SlowlyUnreachable(Unreachable):
    """It takes the whole timeout of a call to find out."""

    def __init__(self, time, seconds):
        super().__init__()
        self.time, self.seconds = time, seconds

    def __call__(self, operation, arguments, send):
        self.time.now += self.seconds
        return super().__call__(operation, arguments, send)


@pytest.mark.parametrize(("seconds", "most"), [(25, 3.125), (8, 1), (60, 7.5), (300, 37.5)])
def test_a_request_retries_for_a_share_of_its_time_altogether(requests, time, seconds, most):
    """However many of its operations fail: here each call takes a second to do so."""
    store = requests(SlowlyUnreachable(time, 1.0), seconds=seconds)()
    reads = 0
    while store.remaining_seconds() > 1:
        with pytest.raises(Unavailable):
            store.get_item(KEY)
        reads += 1
    retries = calls(store) - reads
    assert retries * 1.0 + sum(time.waits) <= most + 1


def test_a_failing_table_gets_no_storm_from_a_process(requests):
    request = requests(Throttles())
    for _ in range(100):
        with pytest.raises(Unavailable):
            request().get_item(KEY)
    assert calls(request()) <= 100 * (1 + POLICY.budget_share)


def test_nor_from_many_threads(requests):
    request = requests(Throttles())

    def read(_):
        with pytest.raises(Unavailable):
            request().get_item(KEY)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(read, range(100)))
    assert calls(request()) <= 100 * (1 + POLICY.budget_share)


def test_a_table_that_recovers_is_used_as_before(requests):
    throttles = Throttles()
    request = requests(throttles)
    for _ in range(100):
        with pytest.raises(Unavailable):
            request().get_item(KEY)
    throttles._left = 0
    for _ in range(100):
        assert request().get_item(KEY)
    throttles._left = POLICY.attempts - 1
    assert request().get_item(KEY), "the budget is full again"


@pytest.mark.parametrize("seed", range(5))
def test_of_a_half_failing_table_nearly_everything_is_answered(requests, seed):
    request = requests(Throttles(0.5, seed=seed))
    refused = 0
    for _ in range(400):
        try:
            request().get_item(KEY)
        except Unavailable:
            refused += 1
    assert refused < 400 * 0.15
    assert calls(request()) < 400 * 2.1, "an answer takes two calls, if every other one fails"


# -- loops within loops


def test_a_conflict_met_by_throttled_calls_does_not_multiply(requests):
    """Each call succeeds at the fourth attempt, and each run of the use case meets another's write."""
    store = requests(_EveryFourth())()

    def step():
        store.get_item(KEY)
        raise VersionConflict

    with pytest.raises(Unavailable):
        store.retry_on_conflict(step)
    assert calls(store) <= POLICY.attempts + POLICY.conflict_attempts


class _EveryFourth:
    """Throttles all calls but every fourth."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, operation, arguments, send):
        self.count += 1
        if self.count % 4:
            raise client_error(operation, Throttles.code)
        return send(arguments)


def test_use_cases_within_use_cases_do_not_multiply(requests):
    store = requests()()
    runs = []

    def step():
        runs.append(1)
        raise VersionConflict

    with pytest.raises(Unavailable):
        store.retry_on_conflict(lambda: store.retry_on_conflict(step))
    assert POLICY.attempts < len(runs) <= POLICY.conflict_attempts


def test_transactions_that_conflict_are_repeated_in_their_use_cases_count(requests):
    store = requests(Conflicts())()
    with pytest.raises(Unavailable):
        store.retry_on_conflict(lambda: commit(store))
    assert POLICY.attempts < calls(store) <= POLICY.conflict_attempts


def test_conflicts_leave_the_budget_to_those_who_need_it(requests):
    request = requests(Conflicts())
    for _ in range(20):
        with pytest.raises(Unavailable):
            commit(request())
    request().client.faults[:] = [Throttles(times=POLICY.attempts - 1)]
    assert request().get_item(KEY)


# -- batches done in part


class Batches:
    """A client whose batches answer each key that they are asked for."""

    def batch_get_item(self, **arguments):
        ((table, wanted),) = arguments["RequestItems"].items()
        return {"Responses": {table: wanted["Keys"]}}


class Nothing:
    """A client whose batches do nothing."""

    def batch_get_item(self, **arguments):
        return {"Responses": {}, "UnprocessedKeys": arguments["RequestItems"]}


def test_a_batch_that_gets_on_is_asked_for_until_the_budget_ends(requests):
    """One key a call: a table that is as busy as that doesn't get a call for each of a hundred keys."""
    store = requests(Unprocessed(), client=Batches())()
    with pytest.raises(Unavailable):
        store.batch_get([ItemKey("ROW", str(n)) for n in range(100)])
    assert calls(store) <= (1 + POLICY.budget) / (1 - POLICY.budget_share)


def test_a_batch_of_which_nothing_is_done_is_given_up_as_a_call_is(requests):
    store = requests(client=Nothing())()
    with pytest.raises(Unavailable):
        store.batch_get([KEY])
    assert calls(store) == POLICY.attempts


def test_a_batch_done_in_part_and_throttled_does_not_multiply(requests):
    store = requests(_EveryFourth(), client=Nothing())()
    with pytest.raises(Unavailable):
        store.batch_get([KEY])
    assert calls(store) == POLICY.attempts


def test_what_was_paid_for_a_batch_is_given_back_when_it_is_whole(requests):
    request = requests(Unprocessed(), client=Batches())
    for _ in range(10):
        assert len(request().batch_get([ItemKey("ROW", str(n)) for n in range(15)])) == 15


# -- the budget


def test_a_budget_holds_as_much_as_it_had_at_most():
    budget = RetryBudget(POLICY)
    budget.give(1000)
    taken = 0
    while budget.take():
        taken += 1
    assert taken == POLICY.budget


def test_the_budget_is_exact_under_threads():
    budget = RetryBudget(RetryPolicy(budget=1000))
    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(lambda _: budget.take(), range(1500)))
    assert taken == 1000


def test_chance_alone_decides_how_long_is_waited(requests, time, monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    with pytest.raises(Unavailable):
        requests(Throttles())().get_item(KEY)
    assert time.waits == [0.05, 0.1, 0.2, 0.4]
