"""Races of /auth, on the engine that bears threads: first administrators, the last one, one address, guesses, two tabs."""

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.foundation.actor import Actor
from chalicelib.foundation.auth import account, email_changes, sessions, users
from chalicelib.foundation.auth.bootstrap import create_first_admin
from chalicelib.foundation.auth.schemas import EmailChangeConfirmationRequest, EmailChangeRequest, SignInRequest, UserCreate
from chalicelib.foundation.errors import Conflict, Problem
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.packs import PACKS
from tests.conftest import SECRETS, Clock
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url  # noqa: F401 - fixtures
from tests.fault_injection import Conflicts, FaultInjectingClient
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import PASSWORD

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def racer(dynamodb_local, settings):  # noqa: F811 - the fixture
    """`racer(n)`: a context of its own for thread number n, with conflicts at 20 %."""
    clock = Clock()

    def make(number, actor=None):
        client = FaultInjectingClient(dynamodb_local, Conflicts(0.2, seed=number))
        runtime = Runtime(
            settings, packs=PACKS, dynamodb=client, secrets=SecretStore(settings, lambda: SECRETS), clock=clock, sleep=lambda _: None
        )
        administrator = Actor(id="user_root", permissions=frozenset({"users:admin"}))
        return runtime.context(request_id=f"racer-{number}", actor=actor or administrator, source_ip="192.0.2.1")

    return make


def race(count, run):
    """What each of `count` threads was answered, or the kind and code of its refusal."""
    barrier = threading.Barrier(count)

    def start(number):
        barrier.wait()
        try:
            return run(number)
        except Problem as problem:
            return problem.members.get("code", problem.kind)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


def new_user(email, *roles):
    return UserCreate(email=email, name="N", password=PASSWORD, roles=list(roles))


def administrators(ctx):
    return int(ctx.store.get_item(users.ROLE_COUNTS)["admin"]["N"])


def test_of_many_first_administrators_there_is_one(racer):
    answers = race(6, lambda n: bool(create_first_admin(racer(n), f"a{n}@example.com", "A", PASSWORD)))
    assert Counter(answers) == {True: 1, "administrator_exists": 5}
    assert administrators(racer(99)) == 1


def test_of_administrators_who_all_leave_one_stays(racer):
    ids = [users.create(racer(100 + n), new_user(f"b{n}@example.com", "admin"))["id"] for n in range(5)]
    answers = race(5, lambda n: users.deactivate(racer(n), ids[n]))
    assert Counter(answers) == {None: 4, "last_administrator": 1}
    assert administrators(racer(99)) == 1


def test_of_many_with_one_address_one_is_made(racer):
    answers = race(6, lambda n: bool(users.create(racer(n), new_user("C@example.com" if n % 2 else "c@EXAMPLE.com"))))
    assert Counter(answers) == {True: 1, "email_taken": 5}


def test_many_guesses_at_once_are_no_more_than_five(racer):
    users.create(racer(99), new_user("d@example.com"))
    answers = race(16, lambda n: account.sign_in(racer(n), SignInRequest(email="d@example.com", password="wrong")))
    assert set(answers) == {"unauthenticated", "rate-limited"}
    assert Counter(answers)["unauthenticated"] <= 5
    with pytest.raises(Problem, match="Too many"):
        account.sign_in(racer(50), SignInRequest(email="d@example.com", password=PASSWORD))


def test_many_tabs_at_once_are_answered_one_pair(racer):
    users.create(racer(99), new_user("e@example.com"))
    pair = account.sign_in(racer(98), SignInRequest(email="e@example.com", password=PASSWORD))
    answers = race(8, lambda n: sessions.refresh(racer(n), pair["refresh_token"]))
    assert len({(response["access_token"], response["refresh_token"]) for response in answers}) == 1
    assert sessions.refresh(racer(97), answers[0]["refresh_token"])["refresh_token"]


def test_of_takers_of_a_free_governance_role_who_take_it_for_themselves_one_gets_it(racer):
    from chalicelib.foundation.auth.schemas import UserPatch

    made = [users.create(racer(100 + n), new_user(f"f{n}@example.com", "admin"))["id"] for n in range(5)]

    def take(number):
        actor = Actor(id=made[number], permissions=frozenset({"users:admin"}))
        return bool(users.change(racer(number, actor), made[number], UserPatch(governance_roles=["King"])))

    assert Counter(race(5, take)) == {True: 1, "forbidden": 4}
    assert int(racer(99).store.get_item(users.ROLE_COUNTS)["King"]["N"]) == 1


def test_a_refused_bootstrap_is_a_conflict(racer):
    create_first_admin(racer(0), "g@example.com", "G", PASSWORD)
    with pytest.raises(Conflict):
        create_first_admin(racer(1), "h@example.com", "H", PASSWORD)


def signed_in(ctx, id, email):
    """The caller with a session of this user, as a request that changes users reads them."""
    pair = account.sign_in(ctx, SignInRequest(email=email, password=PASSWORD))
    session = sessions.RefreshToken.parse(pair["refresh_token"]).session_id
    return sessions.confirm(ctx, Actor(id=id, roles=frozenset({"admin"}), session=session))


def test_no_request_of_a_deactivated_administrator_writes_once_the_deactivation_is_answered(racer):
    """Eight requests have read who asks. Four race the deactivation; four write after it, and are refused."""
    email = "mallory@example.com"
    mallory = users.create(racer(100), new_user(email, "admin"))["id"]
    users.create(racer(101), new_user("root@example.com", "admin"))
    actor = signed_in(racer(102), mallory, email)
    is_deactivated = threading.Event()

    def run(number):
        if number == 0:
            users.deactivate(racer(number), mallory)
            is_deactivated.set()
            return None
        if number % 2:
            assert is_deactivated.wait(60)
        return bool(users.create(racer(number, actor), new_user(f"m{number}@example.com", "admin")))

    answers = race(9, run)
    assert answers[1::2] == ["unauthenticated"] * 4
    assert set(answers[2::2]) <= {True, "unauthenticated"}
    assert administrators(racer(99)) == 1 + answers.count(True), "nothing was written beside what was answered"


def test_a_code_for_another_address_confirms_once(racer, dynamodb_local):  # noqa: F811 - the fixture
    email = "ida@example.com"
    ida = users.create(racer(100), new_user(email))["id"]
    ctx = racer(101, signed_in(racer(102), ida, email))
    email_changes.ask(ctx, EmailChangeRequest(email="ida2@example.com"))
    sent = [row for row in dynamodb_local.scan(TableName=ctx.store.table)["Items"] if row["pk"]["S"].startswith("MAIL#")]
    code = next(found[1] for row in sent if (found := re.search(r'"token": "([^"]+)"', row.get("text", {"S": ""})["S"])))
    body = EmailChangeConfirmationRequest(token=code, password=PASSWORD)
    answers = race(4, lambda n: email_changes.confirm(racer(n), body))
    assert Counter(answers) == {None: 1, "validation": 3}
    assert users.by_email(racer(99), "ida2@example.com").id == ida
    assert users.by_email(racer(99), email) is None


def test_administrators_who_deactivate_each_other_at_once_leave_a_winner_and_refused_requests(racer):
    ids = [users.create(racer(100 + n), new_user(f"r{n}@example.com", "admin"))["id"] for n in range(2)]
    actors = [signed_in(racer(200 + n), ids[n], f"r{n}@example.com") for n in range(2)]
    answers = race(2, lambda n: users.deactivate(racer(n, actors[n]), ids[1 - n]))
    assert sorted(map(str, answers)) == ["None", "unauthenticated"]
    assert administrators(racer(99)) == 1
