"""The cache: lives, sizes, generations, and the endpoints that show and empty it."""

import threading
from datetime import timedelta

import pytest

from chalicelib.foundation.cache import GENERATION_TTL, Cache, CachePolicy
from chalicelib.foundation.runtime import Runtime

RATES = CachePolicy("rates", timedelta(seconds=60), 3)


@pytest.fixture
def read(context):
    """`read("usd")`: through the process's cache; `read.loads` says what was loaded."""

    class Read:
        def __init__(self):
            self.loads = []

        def __call__(self, key, cache=None):
            ctx = context("operator")
            if cache is not None:
                ctx.cache = cache
            return ctx.cache.get(ctx, RATES, key, lambda: self.loads.append(key) or len(self.loads))

    return Read()


def test_a_value_is_loaded_once_in_its_life_and_tells_its_age(read, clock):
    assert (read("usd").value, read("usd").value) == (1, 1)
    clock.now += timedelta(seconds=59)
    held = read("usd")
    assert (held.value, held.age, held.headers) == (1, 59, {"Age": "59"})
    clock.now += timedelta(seconds=1)
    assert (read("usd").value, read("usd").age) == (2, 0)


def test_keys_and_names_are_apart(read, context):
    assert [read(key).value for key in ("usd", "eur", "usd")] == [1, 2, 1]
    ctx = context("operator")
    assert ctx.cache.get(ctx, CachePolicy("other", timedelta(seconds=60), 3), "usd", lambda: "else").value == "else"


def test_what_was_used_longest_ago_goes_first(read):
    for key in ("a", "b", "c", "a", "d"):
        read(key)
    assert read.loads == ["a", "b", "c", "d"]
    read("a")
    assert read.loads == ["a", "b", "c", "d"]
    read("b")
    assert read.loads == ["a", "b", "c", "d", "b"]


def test_a_failed_load_is_not_kept(context, read):
    ctx = context("operator")

    def fail():
        raise RuntimeError("down")

    with pytest.raises(RuntimeError):
        ctx.cache.get(ctx, RATES, "usd", fail)
    assert read("usd").value == 1


def test_a_new_generation_reaches_every_process_within_two_seconds(read, clock, context):
    here, elsewhere = Cache(), Cache()
    assert [read("usd", cache).value for cache in (here, elsewhere)] == [1, 2]
    ctx = context("admin")
    here.invalidate_all(ctx)
    assert read("usd", here).value == 3, "at once where it was raised"
    clock.now += GENERATION_TTL - timedelta(milliseconds=1)
    assert read("usd", elsewhere).value == 2
    clock.now += timedelta(milliseconds=1)
    assert read("usd", elsewhere).value == 4


def test_a_value_that_was_being_loaded_when_the_generation_rose_does_not_stay(context, clock):
    ctx = context("admin")
    ctx.cache.get(ctx, RATES, "usd", lambda: ctx.cache.invalidate_all(ctx))
    assert ctx.cache.get(ctx, RATES, "usd", lambda: "fresh").value == "fresh"


def test_the_generation_is_read_at_most_every_two_seconds(read, clock, context):
    reads = []
    cache = Cache()
    for _ in range(8):
        clock.now += timedelta(milliseconds=500)
        ctx = context("operator")
        cache.get(ctx, RATES, "usd", lambda: 1)
        reads.append(ctx.store.round_trips)
    assert reads == [1, 0, 0, 0, 1, 0, 0, 0]


def test_threads_share_it_without_harm(runtime):
    class Quiet(Runtime):
        pass

    cache, errors = Cache(), []
    contexts = [runtime.context(request_id=str(n)) for n in range(8)]
    cache.generation(contexts[0])  # so that no thread asks moto, which bears none
    barrier = threading.Barrier(8)

    def run(number):
        try:
            barrier.wait()
            for turn in range(300):
                key = (number * turn) % 7
                if cache.get(contexts[number], RATES, key, lambda key=key: f"value {key}").value != f"value {key}":
                    errors.append("another key's value")
                cache.stats(contexts[number].now)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    (shown,) = cache.stats(contexts[0].now)
    assert shown["size"] <= RATES.size


def test_the_endpoint_shows_names_sizes_ages_and_generation(client_as, read, clock):
    read("usd")
    clock.now += timedelta(seconds=3)
    read("eur")
    answer = client_as("auditor")("GET", "/ops/cache")
    assert answer.status == 200, answer.text
    assert answer.json() == {
        "generation": 0,
        "caches": [
            {
                "name": "rates",
                "size": 2,
                "max_size": 3,
                "life_seconds": 60,
                "oldest_age": 3,
                "newest_age": 0,
                "generations": [0],
            }
        ],
    }


def test_only_administrators_empty_it(client_as, read):
    assert read("usd").value == 1
    assert client_as("operator")("DELETE", "/ops/cache").status == 403
    assert read("usd").value == 1
    answer = client_as("admin")("DELETE", "/ops/cache")
    assert (answer.status, answer.json()) == (200, {"generation": 1, "effective_within_seconds": 2})
    assert read("usd").value == 2
    assert client_as("admin")("DELETE", "/ops/cache").json()["generation"] == 2


def test_a_guess_is_what_was_last_known_and_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr("chalicelib.foundation.cache._MAX_GUESSES", 2)
    cache = Cache()
    assert cache.guess("a", 1) == 1
    for key, value in (("a", 2), ("b", 3), ("a", 4), ("c", 5)):
        cache.remember(key, value)
    assert [cache.guess(key, None) for key in "abc"] == [4, None, 5]
