"""Invitations and forgotten passwords: codes by mail that work once, for an hour, and tell nothing of who is known."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.foundation.store import codec
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import EMAIL, PASSWORD, refresh, rows, sign_in

INVITED = {"email": "Eve@example.com", "name": "Eve", "roles": ["viewer"]}
NEW = "quite another phrase"


def mails(dynamodb):
    return [row for row in map(codec.decode_item, rows(dynamodb, "MAIL#")) if row.get("t") == "m"]


def code(mail):
    return re.search(r'"token": "([^"]+)"', mail["text"])[1]


def latest_code(dynamodb, to=None):
    return code(max((mail for mail in mails(dynamodb) if to in (None, mail["to"])), key=lambda mail: mail["pk"]))


def invite(ada, **changes):
    return ada("POST", "/auth/invitations", {**INVITED, **changes})


def ask(anonymous, email=EMAIL):
    return anonymous("POST", "/auth/password-reset", {"email": email})


def confirm(anonymous, what, token, password=NEW):
    return anonymous("POST", f"/auth/{what}/confirm", {"token": token, "password": password})


# -- invitations


def test_an_invitation_makes_a_user_who_sets_a_password_by_the_mailed_code(ada, anonymous, dynamodb, clock):
    response = invite(ada)
    assert response.status == 202
    assert response.json()["expires_at"] == "2026-11-24T19:00:00.000Z"
    id = response.json()["user_id"]
    assert ada("GET", f"/auth/users/{id}").json()["has_password"] is False
    [mail] = mails(dynamodb)
    assert mail["to"] == "Eve@example.com"
    assert code(mail) not in response.text
    assert sign_in(anonymous, "eve@example.com", NEW).status == 401
    clock.now += timedelta(minutes=10)
    assert confirm(anonymous, "invitations", code(mail)).status == 204
    assert sign_in(anonymous, "eve@example.com", NEW).status == 200
    user = ada("GET", f"/auth/users/{id}").json()
    assert (user["has_password"], user["password_is_initial"], user["updated_by"]) == (True, False, id)


def test_the_code_is_kept_as_a_hash_and_its_mail_never_reaches_the_trail(ada, dynamodb):
    invite(ada)
    [mail] = mails(dynamodb)
    assert code(mail) not in str(rows(dynamodb, "CODE#"))
    assert mail["t"] != "e"
    assert mail["ttl"] > 0


def test_an_invitation_again_sends_another_mail(ada, dynamodb):
    first = invite(ada)
    again = invite(ada, name="Evelyn")
    assert (again.status, again.json()["user_id"]) == (202, first.json()["user_id"])
    assert len(mails(dynamodb)) == 2


def test_who_has_a_password_or_other_roles_is_not_invited(ada, anonymous, dynamodb):
    invite(ada)
    assert invite(ada, roles=["operator"]).json()["code"] == "roles_differ"
    confirm(anonymous, "invitations", latest_code(dynamodb))
    assert invite(ada).json()["code"] == "email_taken"


def test_a_replayed_invitation_answers_the_first_answer_though_it_was_taken_up(ada, anonymous, dynamodb):
    key = {"Idempotency-Key": "invite-eve"}
    first = ada("POST", "/auth/invitations", INVITED, headers=key)
    confirm(anonymous, "invitations", latest_code(dynamodb))
    again = ada("POST", "/auth/invitations", INVITED, headers=key)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(mails(dynamodb)) == 1


def test_who_may_not_write_users_invites_nobody(person):
    assert invite(person("operator")).status == 403


def test_an_invited_administrator_counts_once_they_have_come(ada, anonymous, dynamodb):
    invite(ada, roles=["admin"])
    confirm(anonymous, "invitations", latest_code(dynamodb))
    assert ada("DELETE", f"/auth/users/{ada.id}").status == 204


# -- forgotten passwords


def test_a_reset_sets_the_password_and_ends_every_session(ada, anonymous, dynamodb):
    assert ask(anonymous, EMAIL.upper()).status == 202
    [mail] = mails(dynamodb)
    assert mail["to"] == EMAIL, "to the address on record, not to what was typed"
    assert confirm(anonymous, "password-reset", code(mail)).status == 204
    assert refresh(anonymous, ada.pair).status == 401
    assert sign_in(anonymous).status == 401
    assert sign_in(anonymous, password=NEW).status == 200


def test_a_reset_unlocks_the_address(ada, anonymous, dynamodb):
    assert [sign_in(anonymous, password="wrong").status for _ in range(6)] == [401] * 5 + [429]
    ask(anonymous)
    assert confirm(anonymous, "password-reset", latest_code(dynamodb)).status == 204
    assert sign_in(anonymous, password=NEW).status == 200


def test_an_unknown_address_is_answered_alike_at_the_same_cost_and_nobody_is_mailed(ada, anonymous, dynamodb, capsys, clock):
    def trips():
        return re.findall(r'"round_trips":(\d+)', capsys.readouterr().out)[-1]

    capsys.readouterr()
    known = ask(anonymous)
    known_trips = trips()
    clock.now += timedelta(minutes=2)  # this caller's bucket is full again
    unknown = ask(anonymous, "who@example.com")
    assert (unknown.status, unknown.json()) == (known.status, known.json())
    assert unknown.headers.keys() == known.headers.keys()
    assert trips() == known_trips
    assert [mail["to"] for mail in mails(dynamodb)] == [EMAIL]
    void = [row for row in map(codec.decode_item, rows(dynamodb, "MAIL#")) if "t" not in row]
    assert [row["state"] for row in void] == ["void"]
    assert confirm(anonymous, "password-reset", code(void[0])).status == 422


def test_who_was_never_here_or_is_gone_is_not_mailed(ada, anonymous, person, dynamodb):
    invite(ada)
    gone = person("viewer")
    ada("DELETE", f"/auth/users/{gone.id}")
    before = len(mails(dynamodb))
    assert ask(anonymous, INVITED["email"]).status == 202
    assert ask(anonymous, gone.email).status == 202
    assert len(mails(dynamodb)) == before


def test_asking_is_limited_for_an_address_of_mail_known_or_not(admin, anonymous, clock):
    for email in (EMAIL, "who@example.com"):
        assert [ask(anonymous, email).status for _ in range(4)] == [202, 202, 202, 429]
    assert ask(anonymous).headers["retry-after"] == "1200"
    clock.now += timedelta(minutes=20)
    assert ask(anonymous).status == 202
    assert ask(anonymous).status == 429


def test_asking_is_limited_for_an_address_of_the_net(admin, anonymous):
    statuses = [ask(anonymous, f"who{n}@example.com").status for n in range(21)]
    assert statuses == [202] * 20 + [429]


# -- codes


@pytest.fixture
def token(ada, anonymous, dynamodb):
    ask(anonymous)
    return latest_code(dynamodb)


def refused(response):
    return response.status == 422 and response.json()["errors"][0]["loc"] == ["token"]


def test_a_code_works_once(anonymous, token):
    assert confirm(anonymous, "password-reset", token).status == 204
    assert refused(confirm(anonymous, "password-reset", token, "a third long phrase"))
    assert sign_in(anonymous, password=NEW).status == 200


def test_a_code_works_for_an_hour_though_its_row_is_still_there(anonymous, token, clock):
    clock.now += timedelta(minutes=59, seconds=59)
    assert confirm(anonymous, "password-reset", token, "short").json()["errors"][0]["loc"] == ["password"]
    clock.now += timedelta(seconds=1)
    assert refused(confirm(anonymous, "password-reset", token))


def test_a_code_works_for_its_purpose(anonymous, token):
    assert refused(confirm(anonymous, "invitations", token))
    assert confirm(anonymous, "password-reset", token).status == 204


def test_an_invented_code_is_refused(anonymous, admin):
    assert refused(confirm(anonymous, "password-reset", "x" * 43))


def test_a_code_outlives_no_other_change_of_the_password(anonymous, ada, token):
    ada("POST", "/auth/me/password", {"current_password": PASSWORD, "new_password": "a third long phrase"})
    assert refused(confirm(anonymous, "password-reset", token))


def test_a_second_code_works_no_more_once_the_first_did(anonymous, ada, token, dynamodb, clock):
    clock.now += timedelta(seconds=1)
    ask(anonymous)
    second = latest_code(dynamodb)
    assert second != token
    assert confirm(anonymous, "password-reset", token).status == 204
    assert refused(confirm(anonymous, "password-reset", second))


def test_a_code_is_dead_with_its_user(anonymous, ada, person, dynamodb, clock):
    eve = person("viewer")
    clock.now += timedelta(seconds=1)
    ask(anonymous, eve.email)
    token = latest_code(dynamodb)
    ada("DELETE", f"/auth/users/{eve.id}")
    assert refused(confirm(anonymous, "password-reset", token))


def test_a_code_is_dead_once_the_address_is_another(anonymous, ada, token, dynamodb):
    assert ada("PATCH", f"/auth/users/{ada.id}", {"email": EMAIL.lower()}).status == 200  # which is the same mailbox
    assert confirm(anonymous, "password-reset", token, "short").json()["errors"][0]["loc"] == ["password"]
    assert ada("POST", "/auth/email-change", {"email": "new@example.com"}).status == 202
    change = {"token": latest_code(dynamodb, "new@example.com"), "password": PASSWORD}
    assert anonymous("POST", "/auth/email-change/confirm", change).status == 204
    assert refused(confirm(anonymous, "password-reset", token))


def test_a_password_that_will_not_do_spends_no_code(anonymous, token):
    response = confirm(anonymous, "password-reset", token, "password1234")
    assert response.json()["errors"][0]["loc"] == ["password"]
    assert confirm(anonymous, "password-reset", token).status == 204


def test_trying_codes_is_limited(anonymous, admin):
    statuses = [confirm(anonymous, "invitations", f"{n}" * 43).status for n in range(11)]
    assert statuses == [422] * 10 + [429]


def test_the_link_leads_to_the_front_end_where_there_is_one(runtime, anonymous, admin, dynamodb):
    runtime.settings = replace(runtime.settings, app_url="https://app.example.com")
    ask(anonymous)
    [mail] = mails(dynamodb)
    token = re.search(r"https://app\.example\.com/password-reset#token=(\S+)", mail["text"])[1]
    assert confirm(anonymous, "password-reset", token).status == 204


def test_mails_speak_to_whom_they_are_for(runtime, ada, anonymous, dynamodb):
    runtime.settings = replace(runtime.settings, app_url="https://app.example.com")
    invite(ada)
    [mail] = mails(dynamodb)
    token = re.search(r"#token=(\S+)", mail["text"])[1]
    assert mail["text"] == (
        f"Hello {INVITED['name']},\n\n"
        "you are invited to Valhalla. Choose a password, and you can sign in with it and this mail address.\n\n"
        f"Go on here:\nhttps://app.example.com/invitations#token={token}\n\n"
        "It works once, until Tuesday, 24 November 2026, 11:00 PST.\n"
    )
    ask(anonymous)
    assert mails(dynamodb)[-1]["text"].startswith("Hello Ada")


def test_without_a_front_end_a_mail_shows_the_code(ada, dynamodb):
    invite(ada)
    [mail] = mails(dynamodb)
    assert f"Your code is:\n{code(mail)}\n" in mail["text"]
