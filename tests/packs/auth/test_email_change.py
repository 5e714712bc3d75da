"""Changes of address: confirmed by their holder, told to the old address and to auditors; no way into somebody's account or governance role."""

import re
from datetime import timedelta

import pytest

from chalicelib.foundation.store import codec
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import PASSWORD, refresh, rows, sign_in

NEW = "new@example.com"
OWN = "a phrase of my own"


def mails(dynamodb, to=None):
    """The mails to an address, oldest first."""
    found = [row for row in map(codec.decode_item, rows(dynamodb, "MAIL#")) if row.get("t") == "m" and to in (None, row["to"])]
    return sorted(found, key=lambda row: row["pk"])


def code_to(dynamodb, to):
    return re.search(r'"token": "([^"]+)"', mails(dynamodb, to)[-1]["text"])[1]


def confirm(anonymous, token, password=OWN):
    return anonymous("POST", "/auth/email-change/confirm", {"token": token, "password": password})


def events(client_as):
    listed = client_as("auditor")("GET", "/events").json()["items"]
    return [item["title"] for item in listed if item["kind"] == "auth.email_change"]


@pytest.fixture
def eve(person):
    """Somebody with a password of their own."""
    one = person("viewer")
    assert one("POST", "/auth/me/password", {"current_password": PASSWORD, "new_password": OWN}).status == 204
    return one


@pytest.fixture
def king(ada, eve):
    assert ada("PATCH", f"/auth/users/{eve.id}", {"governance_roles": ["King"]}).status == 200
    eve.pair = sign_in(eve.anonymous, eve.email, OWN).json()
    return eve


def ask(who, user, email=NEW, **more):
    return who("PATCH", f"/auth/users/{user.id}", {"email": email}, **more)


# -- the attack


def test_an_administrator_does_not_become_a_governance_holder_by_their_address(ada, anonymous, king, dynamodb):
    assert ask(ada, king, "mallory@example.com").status == 200
    token = code_to(dynamodb, "mallory@example.com")
    assert confirm(anonymous, token, "a guess of a phrase").status == 403
    assert anonymous("POST", "/auth/password-reset", {"email": "mallory@example.com"}).status == 202
    assert len(mails(dynamodb, "mallory@example.com")) == 1, "no code for a new password"
    assert anonymous("POST", "/auth/password-reset/confirm", {"token": token, "password": "mallory's own phrase"}).status == 422
    assert sign_in(anonymous, king.email, OWN).status == 200
    assert ada("GET", f"/auth/users/{king.id}").json()["email"] == king.email


def test_guessing_the_holders_password_with_a_code_locks_as_signing_in_does(ada, anonymous, king, dynamodb):
    ask(ada, king)
    token = code_to(dynamodb, NEW)
    assert [confirm(anonymous, token, f"guess number {n}").status for n in range(6)] == [403] * 5 + [429]


@pytest.mark.parametrize("scopes", [None, ["users:write"], ["users:admin", "users:write"]])
@pytest.mark.parametrize("email", [NEW, "PERSON0@example.com"])
def test_no_key_changes_an_address(ada, anonymous, eve, dynamodb, scopes, email):
    key = ada("POST", "/auth/api-keys", {"name": "k", "roles": ["admin"], "scopes": scopes}).json()["key"]
    before = len(mails(dynamodb))
    answer = anonymous("PATCH", f"/auth/users/{eve.id}", {"email": email}, headers={"X-API-Key": key})
    assert answer.status == 403
    assert ada("GET", f"/auth/users/{eve.id}").json()["email"] == eve.email
    assert len(mails(dynamodb)) == before
    assert anonymous("POST", "/auth/email-change", {"email": NEW}, headers={"X-API-Key": key}).status == 403


def test_a_first_password_that_an_administrator_knows_opens_no_governance_role(ada, anonymous, person, dynamodb, clock):
    tyr = person("viewer", governance_roles=["Tyr"])
    assert tyr("GET", "/auth/me").json()["roles"] == ["viewer"]
    answer = tyr("POST", "/auth/me/password", {"current_password": PASSWORD, "new_password": OWN})
    assert answer.status == 403
    assert "password-reset" in answer.json()["detail"]
    ask(ada, tyr, "mallory@example.com")
    assert confirm(anonymous, code_to(dynamodb, "mallory@example.com"), PASSWORD).status == 403
    clock.now += timedelta(seconds=1)
    assert anonymous("POST", "/auth/password-reset", {"email": tyr.email}).status == 202
    token = code_to(dynamodb, tyr.email)
    assert anonymous("POST", "/auth/password-reset/confirm", {"token": token, "password": OWN}).status == 204
    tyr.pair = sign_in(anonymous, tyr.email, OWN).json()
    assert tyr("GET", "/auth/me").json()["roles"] == ["viewer", "Tyr"]


def test_the_address_of_a_holder_who_was_never_here_is_not_changed(ada, anonymous, dynamodb):
    invited = {"email": "odin@example.com", "name": "Odin", "roles": ["viewer"]}
    id = ada("POST", "/auth/invitations", invited).json()["user_id"]
    ada("PATCH", f"/auth/users/{id}", {"governance_roles": ["Odin"]})
    answer = ada("PATCH", f"/auth/users/{id}", {"email": "mallory@example.com"})
    assert (answer.status, answer.json()["code"]) == (409, "governance_holder")
    both = ada("PATCH", f"/auth/users/{id}", {"email": "mallory@example.com", "governance_roles": []})
    assert both.status == 409, "not even while the role is taken away"


# -- a change that is confirmed


def test_a_change_waits_for_its_holder_who_confirms_it_by_code_and_password(ada, anonymous, eve, dynamodb, client_as, clock):
    asked = ask(ada, eve)
    assert (asked.json()["email"], asked.json()["pending_email"]) == (eve.email, NEW)
    [told] = [mail for mail in mails(dynamodb, eve.email) if "another mail address" in mail["text"]]
    assert NEW not in told["text"]
    assert "token" not in told["text"]
    assert events(client_as) == ["A change of the mail address of a user was asked for"]
    assert sign_in(anonymous, eve.email, OWN).status == 200
    assert sign_in(anonymous, NEW, OWN).status == 401
    clock.now += timedelta(minutes=10)
    assert confirm(anonymous, code_to(dynamodb, NEW)).status == 204
    user = ada("GET", f"/auth/users/{eve.id}").json()
    assert (user["email"], user["pending_email"], user["updated_by"]) == (NEW, None, eve.id)
    assert sign_in(anonymous, NEW, OWN).status == 200
    assert sign_in(anonymous, eve.email, OWN).status == 401
    assert "has been changed" in mails(dynamodb, eve.email)[-1]["text"]
    assert sorted(events(client_as)) == [
        "A change of the mail address of a user was asked for",
        "The mail address of a user was changed, and confirmed by its holder",
    ]
    assert ada("POST", "/auth/users", {"email": eve.email, "name": "E", "password": PASSWORD, "roles": []}).status == 201


def test_a_user_asks_for_themselves(anonymous, eve, dynamodb, client_as):
    asked = eve("POST", "/auth/email-change", {"email": NEW})
    assert (asked.status, asked.json()) == (202, {"status": "accepted"})
    assert eve("GET", "/auth/me").json()["user"]["pending_email"] == NEW
    assert len(events(client_as)) == 1
    assert confirm(anonymous, code_to(dynamodb, NEW)).status == 204
    assert eve("GET", "/auth/me").json()["user"]["email"] == NEW
    assert refresh(anonymous, eve.pair).status == 200, "their sessions go on"


def test_asking_for_an_address_that_another_has_tells_nothing(ada, eve, dynamodb, round_trips, clock):
    free = eve("POST", "/auth/email-change", {"email": NEW})
    cost = round_trips()
    clock.now += timedelta(minutes=10, seconds=1)  # the bucket is full again
    taken = eve("POST", "/auth/email-change", {"email": ada.email})
    assert (taken.status, taken.json(), round_trips()) == (free.status, free.json(), cost)
    assert mails(dynamodb, ada.email) == []


def test_an_administrator_learns_that_an_address_is_taken(ada, eve, person):
    answer = ask(ada, eve, person("viewer").email.upper())
    assert (answer.status, answer.json()["code"]) == (409, "email_taken")


def test_an_address_that_another_took_meanwhile_is_theirs(ada, anonymous, eve, dynamodb):
    ask(ada, eve)
    ada("POST", "/auth/users", {"email": NEW, "name": "N", "password": PASSWORD, "roles": []})
    answer = confirm(anonymous, code_to(dynamodb, NEW))
    assert (answer.status, answer.json()["code"]) == (409, "email_taken")
    assert sign_in(anonymous, eve.email, OWN).status == 200


def test_other_fields_of_the_same_patch_change_at_once(ada, eve):
    answer = ada("PATCH", f"/auth/users/{eve.id}", {"email": NEW, "name": "Evelyn"}).json()
    assert (answer["name"], answer["email"], answer["pending_email"]) == ("Evelyn", eve.email, NEW)


def test_naming_the_present_address_withdraws_a_change(ada, anonymous, eve, dynamodb):
    ask(ada, eve)
    assert ask(ada, eve, eve.email).json()["pending_email"] is None
    assert confirm(anonymous, code_to(dynamodb, NEW)).status == 422


def test_an_invited_persons_address_is_corrected_and_the_old_one_told(ada, anonymous, dynamodb, client_as, clock):
    invited = {"email": "typo@example.com", "name": "N", "roles": ["viewer"]}
    id = ada("POST", "/auth/invitations", invited).json()["user_id"]
    clock.now += timedelta(seconds=1)
    old_code = code_to(dynamodb, "typo@example.com")
    assert ada("PATCH", f"/auth/users/{id}", {"email": NEW}).json()["email"] == NEW
    assert "has been changed" in mails(dynamodb, "typo@example.com")[-1]["text"]
    assert events(client_as) == ["The mail address of a user who has no password yet was changed"]
    assert anonymous("POST", "/auth/invitations/confirm", {"token": old_code, "password": OWN}).status == 422


# -- codes


@pytest.fixture
def token(ada, eve, dynamodb):
    ask(ada, eve)
    return code_to(dynamodb, NEW)


def refused(answer):
    return answer.status == 422 and answer.json()["errors"][0]["loc"] == ["token"]


def test_a_code_works_once(anonymous, token):
    assert confirm(anonymous, token).status == 204
    assert refused(confirm(anonymous, token))


def test_a_code_works_for_an_hour(anonymous, token, clock):
    clock.now += timedelta(hours=1)
    assert refused(confirm(anonymous, token))


def test_a_wrong_password_spends_no_code(anonymous, token):
    assert confirm(anonymous, token, "quite another phrase").status == 403
    assert confirm(anonymous, token).status == 204


def test_a_code_is_dead_once_another_address_is_asked_for(ada, anonymous, eve, token, dynamodb):
    ask(ada, eve, "third@example.com")
    assert refused(confirm(anonymous, token))
    assert confirm(anonymous, code_to(dynamodb, "third@example.com")).status == 204


def test_a_code_is_dead_with_a_new_password_and_with_its_user(ada, anonymous, eve, token, dynamodb):
    eve("POST", "/auth/me/password", {"current_password": OWN, "new_password": "a third long phrase"})
    assert refused(confirm(anonymous, token, "a third long phrase"))
    ask(ada, eve)
    second = code_to(dynamodb, NEW)
    ada("DELETE", f"/auth/users/{eve.id}")
    assert refused(confirm(anonymous, second, "a third long phrase"))


def test_a_code_of_another_purpose_is_refused(anonymous, eve, dynamodb):
    anonymous("POST", "/auth/password-reset", {"email": eve.email})
    assert refused(confirm(anonymous, code_to(dynamodb, eve.email)))


def test_asking_is_limited(ada, eve):
    assert [ask(ada, eve, f"new{n}@example.com").status for n in range(4)] == [200, 200, 200, 429]
    assert eve("POST", "/auth/email-change", {"email": NEW}).status == 429


def test_the_link_leads_to_the_front_end_where_there_is_one(runtime, ada, eve, dynamodb):
    from dataclasses import replace

    runtime.settings = replace(runtime.settings, app_url="https://app.example.com")
    ask(ada, eve)
    assert "https://app.example.com/email-change#token=" in mails(dynamodb, NEW)[-1]["text"]
