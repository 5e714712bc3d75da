"""One caller can't use all that the stage takes: counted over all processes, at a tenth of a write a request."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from chalicelib.foundation.http.app import ValhallaApp
from chalicelib.foundation.http.caller_limit import BATCH, CallerLimit, caller_of
from chalicelib.foundation.json_codec import dumps
from chalicelib.packs import PACKS
from local.gateway import call
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import EMAIL, PASSWORD, rows

RATE = 4  # requests a second of the stage: 60 a minute for one caller
LIMIT = 60


@pytest.fixture
def settings(settings):
    return replace(settings, throttle_rate=RATE)


def statuses(client, times, path="/auth/roles"):
    return [client("GET", path).status for _ in range(times)]


def from_address(app, address, **headers):
    return call(app, "GET", "/", source_ip=address, headers=headers).status


def test_a_caller_is_refused_above_a_quarter_of_the_throttle_until_the_minute_ends(client_as, clock):
    clock.now += timedelta(seconds=20)
    ada, bob = client_as("viewer", user="user_ada"), client_as("viewer", user="user_bob")
    answered = statuses(ada, LIMIT + BATCH + 5)
    assert answered == [200] * (LIMIT + BATCH - 1) + [429] * 6
    refused = ada("GET", "/auth/roles")
    assert (refused.headers["retry-after"], refused.json()["type"]) == ("40", "/problems/rate-limited")
    assert bob("GET", "/auth/roles").status == 200, "others are served"
    clock.now += timedelta(seconds=40)
    assert ada("GET", "/auth/roles").status == 200


def test_the_count_is_that_of_all_processes(client_as, runtime, app):
    token = client_as("viewer", user="user_ada").token()
    processes = [app]
    for _ in range(3):
        processes.append(ValhallaApp("valhalla", runtime=lambda: runtime))
        processes[-1].register(PACKS)
    served = 0
    for turn in range(200):
        answer = call(processes[turn % 4], "GET", "/auth/roles", headers={"Authorization": f"Bearer {token}"})
        served += answer.status == 200
    assert LIMIT <= served <= LIMIT + 4 * BATCH


def test_it_costs_a_tenth_of_a_write_and_a_refusal_nothing(client_as, round_trips):
    ada = client_as("viewer", user="user_ada")
    costs = []
    for _ in range(LIMIT + BATCH + 10):
        ada("GET", "/auth/roles")
        costs.append(round_trips())
    assert sum(costs[: LIMIT + BATCH]) == (LIMIT + BATCH) // BATCH
    assert costs[LIMIT + BATCH :] == [0] * 10


def test_the_rows_name_nobody_and_run_out(client_as, app, dynamodb, clock):
    statuses(client_as("viewer", user="user_ada"), BATCH)
    for _ in range(BATCH):
        from_address(app, "192.0.2.1")
    found = rows(dynamodb, "RATE#calls#")
    assert [row["requests"]["N"] for row in found] == [str(BATCH)] * 2
    assert "ada" not in str(found)
    assert "192.0.2.1" not in str(found)
    assert all(clock.now.timestamp() < int(row["ttl"]["N"]) <= clock.now.timestamp() + 120 for row in found)


def test_an_api_key_counts_apart_from_its_user(anonymous, ada):
    made = ada("POST", "/auth/api-keys", {"name": "a program", "roles": ["admin"]}).json()

    def by_key():
        return anonymous("GET", "/auth/roles", headers={"X-API-Key": made["key"]}).status

    assert [by_key() for _ in range(LIMIT + 2 * BATCH)].count(429) == BATCH + 1
    assert ada("GET", "/auth/roles").status == 200


def test_who_is_nobody_counts_by_the_address_that_the_gateway_reports(app, client_as):
    answered = [from_address(app, f"2001:db8::{n:x}", **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(LIMIT + BATCH)]
    assert answered == [200] * (LIMIT + BATCH - 1) + [429]
    assert from_address(app, "2001:db8:0:1::1") == 200
    forged = [call(app, "GET", "/auth/me", source_ip="192.0.2.7", headers={"Authorization": f"Bearer {n}"}).status for n in range(80)]
    assert forged == [401] * (LIMIT + BATCH - 1) + [429] * 11
    headers = {"Authorization": f"Bearer {client_as('viewer').token()}"}
    assert call(app, "GET", "/auth/roles", source_ip="192.0.2.7", headers=headers).status == 200, "who is signed in is no stranger"


def test_a_flood_of_strangers_locks_nobody_out_of_signing_in_elsewhere(app, admin):
    def sign_in(address, password):
        body = dumps({"email": EMAIL, "password": password})
        return call(app, "POST", "/auth/token", source_ip=address, headers={"Content-Type": "application/json"}, body=body).status

    for _ in range(LIMIT + BATCH):
        sign_in("192.0.2.1", "wrong")
    assert sign_in("192.0.2.1", PASSWORD) == 429
    assert sign_in("192.0.2.2", PASSWORD) == 200


def test_a_busy_table_refuses_nobody(client_as, runtime, monkeypatch):
    throttled = ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "UpdateItem")

    def refuse(**_):
        raise throttled

    monkeypatch.setattr(runtime.dynamodb, "update_item", refuse)
    remaining = iter([0.0] * 10_000)
    monkeypatch.setattr(runtime, "store", lambda _=None, make=runtime.store: make(lambda: next(remaining)))
    assert statuses(client_as("viewer"), LIMIT + 3 * BATCH) == [200] * (LIMIT + 3 * BATCH)


def test_threads_count_each_request_once(context):
    limit, contexts = CallerLimit(100), [context("viewer") for _ in range(4)]

    def ask(ctx):
        for _ in range(200):
            limit.check(ctx, "user_ada")

    threads = [threading.Thread(target=ask, args=(ctx,)) for ctx in contexts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # By the writes that were sent: the table of these tests loses some under threads.
    assert sum(ctx.store.round_trips for ctx in contexts) == 800 // BATCH


def test_a_process_remembers_a_bounded_number_of_callers(context):
    limit, ctx = CallerLimit(100), context("viewer")
    for n in range(3000):
        limit.check(ctx, caller_of(None, f"10.0.{n // 250}.{n % 250}"))
    assert len(limit._counts) == 1000


def test_a_stage_without_a_throttle_has_no_limit(context):
    limit, ctx = CallerLimit(None), context("viewer")
    for _ in range(10_000):
        limit.check(ctx, "user_ada")
    assert ctx.store.round_trips == 0
