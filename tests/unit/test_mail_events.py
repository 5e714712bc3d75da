"""What becomes of a mail: SES's documented messages, bare or from a topic, told to the pack of the thing, and nothing else."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.foundation import mail_events, outbox
from chalicelib.foundation.aws import client
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.mail_events import MailEvent
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.functions import outbox as worker
from local.emulator import ses_events
from tests.api.test_outbox import failures, messages, ses  # noqa: F401 - a fixture

# As in docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html, with our tags.
MAIL = {
    "timestamp": "2017-08-05T00:40:02.012Z",
    "source": "Sender Name <sender@example.com>",
    "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/sender@example.com",
    "sendingAccountId": "123456789012",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": ["recipient@example.com"],
    "headersTruncated": False,
    "headers": [{"name": "From", "value": "Sender Name <sender@example.com>"}, {"name": "To", "value": "recipient@example.com"}],
    "commonHeaders": {
        "from": ["Sender Name <sender@example.com>"],
        "to": ["recipient@example.com"],
        "subject": "Message sent from Amazon SES",
    },
    "tags": {
        "ses:configuration-set": ["ConfigSet"],
        "ses:source-ip": ["192.0.2.0"],
        "ses:from-domain": ["example.com"],
        "ses:caller-identity": ["ses_user"],
        "about": ["ltr_w01K"],
        "purpose": ["sign"],
    },
}
BOUNCE = {
    "eventType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "recipient@example.com",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": "2017-08-05T00:41:02.669Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "reportingMTA": "dsn; mta.example.com",
    },
    "mail": MAIL,
}
COMPLAINT = {
    "eventType": "Complaint",
    "complaint": {
        "complainedRecipients": [{"emailAddress": "recipient@example.com"}],
        "timestamp": "2017-08-05T00:41:02.669Z",
        "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
        "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
        "complaintFeedbackType": "abuse",
        "arrivalDate": "2009-12-03T04:24:21.000-05:00",
    },
    "mail": MAIL,
}
DELIVERY = {
    "eventType": "Delivery",
    "mail": MAIL,
    "delivery": {
        "timestamp": "2016-10-19T23:21:04.133Z",
        "processingTimeMillis": 11893,
        "recipients": ["recipient@example.com"],
        "smtpResponse": "250 2.6.0 Message received",
        "remoteMtaIp": "123.456.789.012",
        "reportingMTA": "mta.example.com",
    },
}
DELAY = {
    "eventType": "DeliveryDelay",
    "mail": MAIL,
    "deliveryDelay": {
        "timestamp": "2020-06-16T00:25:40.095+0000",
        "delayType": "TransientCommunicationFailure",
        "expirationTime": "2020-06-16T00:25:40.914+0000",
        "delayedRecipients": [{"emailAddress": "recipient@example.com", "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1"}],
    },
}
AT = datetime(2017, 8, 5, 0, 41, 2, 669000, UTC)
HARD = MailEvent("hard", AT, "smtp; 550 5.1.1 user unknown", "recipient@example.com")


def as_notification(event):
    """The same as SES tells it about an identity, without event publishing: it has no tags then."""
    body = {name: value for name, value in event.items() if name != "eventType"}
    return {**body, "notificationType": event["eventType"]}


def envelope(event: Any) -> dict[str, Any]:
    return json.loads(ses_events.in_envelope(event, "mail-events", AT))


def parsed(event):
    return [(one.about, one.purpose, one.event) for one in mail_events.parse(event)]


# -- SES's words


@pytest.mark.parametrize("form", [lambda event: event, envelope, as_notification, lambda event: envelope(as_notification(event))])
def test_a_bounce_is_understood_in_each_of_its_forms(form):
    message = form(BOUNCE)
    assert mail_events.is_report(message)
    assert parsed(message) == [("ltr_w01K", "sign", HARD)]


@pytest.mark.parametrize(("kind", "found"), [("Permanent", "hard"), ("Transient", "soft"), ("Undetermined", "soft")])
def test_each_type_of_bounce(kind, found):
    event = deepcopy(BOUNCE)
    event["bounce"] |= {"bounceType": kind, "bounceSubType": "MailboxFull"}
    del event["bounce"]["bouncedRecipients"][0]["diagnosticCode"]
    ((_, _, told),) = parsed(event)
    assert (told.kind, told.detail) == (found, "MailboxFull")


def test_a_complaint():
    assert parsed(COMPLAINT) == [("ltr_w01K", "sign", MailEvent("complaint", AT, "abuse", "recipient@example.com"))]
    event = deepcopy(COMPLAINT)
    del event["complaint"]["complaintFeedbackType"]
    event["complaint"]["complaintSubType"] = None
    assert parsed(event)[0][2].detail == ""
    event["complaint"]["complaintFeedbackType"] = "not-spam"  # the opposite of one
    assert parsed(event) == []


def test_each_receiver_is_an_event():
    event = deepcopy(BOUNCE)
    event["bounce"]["bouncedRecipients"].append({"emailAddress": "other@example.com", "diagnosticCode": "x" * 1000})
    told = [one.event for one in mail_events.parse(event)]
    assert [one.address for one in told] == ["recipient@example.com", "other@example.com"]
    assert len(told[1].detail) == 300


@pytest.mark.parametrize(
    "message",
    [
        DELIVERY,
        DELAY,
        envelope(DELIVERY),
        {**envelope(BOUNCE), "Message": "Successfully validated SNS topic for Amazon SES event publishing."},
        {**envelope(BOUNCE), "Message": '"a text"'},
        {
            "Type": "SubscriptionConfirmation",
            "TopicArn": "arn:aws:sns:us-east-1:1:x",
            "Token": "t",
            "Message": "You have chosen to subscribe",
        },
    ],
    ids=["delivery", "delay", "wrapped", "test", "text", "subscription"],
)
def test_everything_else_is_nothing(message):
    assert mail_events.is_report(message)
    assert mail_events.parse(message) == []


def test_our_own_messages_are_none_of_theirs():
    assert not mail_events.is_report({"kind": "mail", "pk": "MAIL#1", "sk": "M"})


def test_a_mail_that_says_nothing_of_its_thing_is_of_none():
    event = deepcopy(BOUNCE)
    del event["mail"]["tags"]
    assert parsed(event) == [("", "", HARD)]


# -- told to whom it concerns

TOLD: list[Any] = []


def hear(ctx, about, purpose, event):
    if purpose == "gone":
        raise NotFound("letter")
    if purpose == "busy":
        raise TimeoutError
    TOLD.append((ctx.actor.id, about, purpose, event))


@pytest.fixture
def letters(runtime):
    """A pack whose mails are about letters."""
    TOLD.clear()
    pack = Pack("Ä", "letters", "Letters", "tests", mail_events={"ltr": f"{__name__}.hear"})
    runtime.packs = PackRegistry([*runtime.packs, pack])
    return runtime


def work(runtime, *events):
    return worker.work(runtime, {"Records": [{"messageId": f"m{n}", "body": json.dumps(event)} for n, event in enumerate(events)]})


def test_the_pack_of_the_thing_is_told(letters):
    assert failures(work(letters, BOUNCE, envelope(COMPLAINT), DELIVERY)) == []
    assert [(who, about, purpose, event.kind) for who, about, purpose, event in TOLD] == [
        ("system:outbox", "ltr_w01K", "sign", "hard"),
        ("system:outbox", "ltr_w01K", "sign", "complaint"),
    ]


def of(purpose, about="ltr_1"):
    event = deepcopy(BOUNCE)
    event["mail"]["tags"] |= {"purpose": [purpose], "about": [about]}
    return event


def test_a_thing_that_is_gone_or_nobodys_is_let_be_and_a_failure_comes_again(letters, capsys):
    assert failures(work(letters, of("gone"), of("sign", "moon_1"), of("sign", ""), of("busy"), {"eventType": "Bounce"}, of("sign"))) == [
        "m3",
        "m4",
    ]
    assert [about for _, about, _, _ in TOLD] == ["ltr_1"]
    assert "recipient@example.com" not in capsys.readouterr().out


# -- what is sent


class Ses:
    def __init__(self):
        self.asked = []

    def send_email(self, **request):
        self.asked.append(request)
        return {"MessageId": "x"}


def send(runtime, monkeypatch, **changes):
    stand_in = Ses()
    ctx = runtime.context(request_id="r")
    tx = Transaction(ctx.store)
    key = outbox.add_mail(tx, ctx, to="eve@example.com", subject="s", text="t", **changes)
    tx.commit()
    monkeypatch.setattr(outbox, "client", lambda *_: stand_in)
    assert failures(worker.work(runtime, messages(key))) == []
    return stand_in.asked[0]


def test_a_mail_of_a_thing_names_it_to_ses(runtime, monkeypatch):
    object.__setattr__(runtime.settings, "mail_configuration_set", "stage-mail")
    sent = send(runtime, monkeypatch, about="ltr_w01K", purpose="sign")
    assert sent["ConfigurationSetName"] == "stage-mail"
    assert sent["EmailTags"] == [{"Name": "about", "Value": "ltr_w01K"}, {"Name": "purpose", "Value": "sign"}]


def test_a_mail_of_nothing_has_no_tags_and_a_stage_without_a_set_names_none(runtime, monkeypatch):
    assert {"ConfigurationSetName", "EmailTags"}.isdisjoint(send(runtime, monkeypatch))


def test_a_name_that_ses_would_refuse_is_a_mistake(runtime):
    ctx = runtime.context(request_id="r")
    with pytest.raises(AssertionError):
        outbox.add_mail(Transaction(ctx.store), ctx, to="e@example.com", subject="s", text="t", about="a b")


def test_it_is_sent_to_ses_as_botocore_takes_it(runtime, settings):
    """moto checks the request's form."""
    client("sesv2", settings).create_email_identity(EmailIdentity=settings.mail_sender)
    runtime.settings = replace(settings, mail_configuration_set="stage-mail")
    client("sesv2", runtime.settings).create_configuration_set(ConfigurationSetName="stage-mail")
    ctx = runtime.context(request_id="r")
    tx = Transaction(ctx.store)
    key = outbox.add_mail(tx, ctx, to="eve@example.com", subject="s", text="t", about="ltr_1", purpose="sign")
    tx.commit()
    assert failures(worker.work(runtime, messages(key))) == []
