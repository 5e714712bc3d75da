"""Mails that come back: SES's documented messages reach the route by the outbox worker, once, late or twice."""

import json
from copy import deepcopy
from typing import Any

import pytest

from chalicelib.functions import outbox as worker
from tests.packs.documents.documents_client import D, DocumentsClient, events, gate, kept, mails
from tests.unit.test_mail_events import BOUNCE, COMPLAINT, DELAY, DELIVERY, envelope


@pytest.fixture
def tell(runtime: Any) -> Any:
    """`tell(BOUNCE, mail)`: SES says that of a mail, by its topic and the outbox queue."""

    def said(message: dict[str, Any], mail: dict[str, Any], **bounce: str) -> None:
        event = deepcopy(message)
        event["mail"]["tags"] |= {"about": [mail["about"]], "purpose": [mail["purpose"]]}
        event.get("bounce", {}).update(bounce)
        body = json.dumps(envelope(event))
        assert worker.work(runtime, {"Records": [{"messageId": "m", "body": body}]}) == {"batchItemFailures": []}

    return said


@pytest.mark.parametrize(
    ("message", "changes", "reason"),
    [
        (BOUNCE, {}, "hard"),
        (BOUNCE, {"bounceType": "Transient", "bounceSubType": "MailboxFull"}, "soft"),
        (COMPLAINT, {}, "complaint"),
    ],
)
def test_a_sent_one_bounces(documents: DocumentsClient, runtime, holder, tell, message, changes, reason):
    deal = documents.deal()
    id = documents.route(deal, title="Disclosure")
    recipient = holder(id)
    for _ in range(2):
        tell(message, mails(runtime, id)[0], **changes)
    seen = documents.read(id)
    assert (seen["status"], seen["status_reason"], seen["status_note"]) == ("bounced", reason, None)
    assert (seen["revision"], seen["reminders"]["next_on"], seen["updated_by"]) == (2, None, "system:outbox")
    assert recipient.look().status == recipient.open().status == recipient.acknowledge().status == 404
    assert gate(runtime, deal)["ver"] == 2
    (event,) = events(runtime, "documents.bounced")
    assert (event.subject_id, event.for_user, event.title) == (id, "user_operator", f"A mail came back ({reason}): Disclosure")
    assert (event.data["kind"], event.data["status"]) == (reason, "sent")
    assert "user unknown" not in str(kept(runtime, id).attribute_values)


@pytest.mark.parametrize("message", [DELIVERY, DELAY])
def test_what_arrives_or_is_late_is_no_bounce(documents: DocumentsClient, runtime, tell, message):
    id = documents.route()
    tell(message, mails(runtime, id)[0])
    assert documents.read(id)["status"] == "sent"


def test_an_opened_one_stays_and_isnt_reminded_of_any_more(documents: DocumentsClient, runtime, holder, tell):
    """It has been read, so it had come: only the event says so, once, and the schedule leaves the address alone."""
    id = documents.route()
    holder(id).open()
    for _ in range(2):
        tell(COMPLAINT, mails(runtime, id)[0])
    seen = documents.read(id)
    assert (seen["status"], seen["reminders"]["next_on"]) == ("opened", None)
    assert [event.data["status"] for event in events(runtime, "documents.bounced")] == ["opened"]
    assert documents.remind(id)["reminders"]["next_on"] == "2026-11-29"
    assert holder(id).acknowledge().status == 200


@pytest.mark.parametrize("end", ["acknowledge", "recall", "delete"])
def test_what_is_over_stays_so(documents: DocumentsClient, runtime, holder, tell, end):
    id = documents.route()
    (mail,) = mails(runtime, id)
    {
        "acknowledge": lambda: holder(id).acknowledge(),
        "recall": lambda: documents.recall(id),
        "delete": lambda: documents.ok("DELETE", f"{D}/{id}"),
    }[end]()
    tell(BOUNCE, mail)
    assert events(runtime, "documents.bounced") == []
    if end != "delete":
        assert documents.read(id)["status"] == {"acknowledge": "acknowledged", "recall": "recalled"}[end]


def test_a_mail_of_an_earlier_sending_says_nothing_of_this_one(documents: DocumentsClient, runtime, tell):
    id = documents.route()
    (first,) = mails(runtime, id)
    tell(BOUNCE, first)
    documents.move(id, "sent", email="ann@right.example.com")
    tell(COMPLAINT, first)
    assert documents.read(id)["status"] == "sent"
    (second,) = (mail for mail in mails(runtime, id) if mail["pk"] != first["pk"])
    tell(BOUNCE, second)
    assert documents.read(id)["status"] == "bounced"
    assert len(events(runtime, "documents.bounced")) == 2


def test_a_reminder_that_comes_back_is_of_the_same_sending(documents: DocumentsClient, runtime, tell):
    id = documents.route()
    documents.remind(id)
    reminder = next(mail for mail in mails(runtime, id) if mail["subject"].startswith("Reminder"))
    tell(BOUNCE, reminder)
    assert documents.read(id)["status"] == "bounced"


def test_of_no_owner_the_operators_are_told(documents: DocumentsClient, runtime, tell):
    id = documents.route(documents.deal(owner=None))
    tell(BOUNCE, mails(runtime, id)[0])
    (event,) = events(runtime, "documents.bounced")
    assert (event.for_user, event.for_role) == (None, "operator")


def test_the_owner_has_left_meanwhile(documents: DocumentsClient, runtime, client_as, tell):
    """As with every event: the operators are told, too."""
    owner = client_as("dealmaker", user="user_leaver")
    owner.be_signed_in()
    deal = DocumentsClient(owner).deal()
    id = documents.route(deal)
    runtime.store().update(_user_key("user_leaver"), set={"is_active": False})
    tell(BOUNCE, mails(runtime, id)[0])
    (event,) = events(runtime, "documents.bounced")
    assert (event.for_user, event.for_role) == ("user_leaver", "operator")


def _user_key(id: str) -> Any:
    from chalicelib.foundation.access import user_key

    return user_key(id)
