"""The outbox: mail is written with its reason, queued by key, claimed with a lease, sent at least once, and forgotten."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sesv2.models import sesv2_backends

from chalicelib.foundation import outbox, outbox_requeue
from chalicelib.foundation.aws import client
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.functions import outbox as worker

SECRET = "the code 12345"


@pytest.fixture
def sender(settings, dynamodb):
    """The stage's sender, verified with SES."""
    client("sesv2", settings).create_email_identity(EmailIdentity=settings.mail_sender)


@pytest.fixture
def ctx(runtime):
    return runtime.context(request_id="writer")


@pytest.fixture
def written(ctx, sender):
    """One mail in the outbox; its key."""
    tx = Transaction(ctx.store)
    key = outbox.add_mail(tx, ctx, to="eve@example.com", subject="Grüße", text=SECRET)
    tx.commit()
    return key


def row(ctx, key):
    raw = ctx.store.get_item(key)
    return codec.decode_item(raw) if raw else None


def sent():
    return sesv2_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].core_backend.sent_messages


def messages(*keys, kind="mail"):
    return {
        "Records": [{"messageId": f"m{n}", "body": json.dumps({"kind": kind, "pk": key.pk, "sk": key.sk})} for n, key in enumerate(keys)]
    }


def failures(answer):
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


class Says:
    """An SES that answers `answer`, or raises it, after doing `meanwhile`."""

    def __init__(self, answer: Any, meanwhile: Any = lambda: None) -> None:
        self.answer, self.meanwhile, self.asked = answer, meanwhile, 0

    def send_email(self, **_: Any) -> Any:
        self.asked += 1
        self.meanwhile()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def refusal(code, message="no"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "SendEmail")


@pytest.fixture
def ses(monkeypatch):
    """`ses(answer)`: put a stand-in in SES's place."""

    def put(answer, meanwhile=lambda: None):
        stand_in = Says(answer, meanwhile)
        monkeypatch.setattr(outbox, "client", lambda *_: stand_in)
        return stand_in

    return put


# -- sending


def test_a_mail_is_sent_marked_and_its_text_forgotten(runtime, ctx, written, clock):
    assert worker.work(runtime, messages(written)) == {"batchItemFailures": []}
    [message] = sent()
    assert message.destinations["ToAddresses"] == ["eve@example.com"]
    assert message.source == runtime.settings.mail_sender
    assert message.subject == "Grüße"
    assert message.body == SECRET
    left = row(ctx, written)
    assert left["state"] == "sent"
    assert left["message_id"]
    assert left["attempts"] == 1
    assert SECRET not in str(left)
    assert "lease" not in left


def test_a_message_that_comes_twice_sends_once(runtime, written):
    assert failures(worker.work(runtime, messages(written, written))) == []
    assert failures(worker.work(runtime, messages(written))) == []
    assert len(sent()) == 1


def test_a_mail_for_nobody_is_never_sent(runtime, ctx, sender):
    tx = Transaction(ctx.store)
    key = outbox.add_mail(tx, ctx, to="who@example.com", subject="s", text="t", decoy=True)
    tx.commit()
    assert "t" not in row(ctx, key)
    assert failures(worker.work(runtime, messages(key))) == []
    assert sent() == []


def test_a_row_that_is_gone_or_over_is_done_with(runtime, ctx, written, clock):
    clock.now += outbox.MAIL_TTL
    assert failures(worker.work(runtime, messages(written, ItemKey("MAIL#NONE", "M")))) == []
    assert sent() == []


def test_a_mail_is_no_entity_so_the_trail_never_sees_it(ctx, written):
    found = row(ctx, written)
    assert (found["t"], found["kind"]) == ("m", "mail")
    assert found["ttl"] == int((ctx.now + outbox.MAIL_TTL).timestamp())
    assert found["request_id"] == "writer"


# -- leases


def test_while_another_has_it_the_message_comes_again(runtime, ctx, written, ses, clock):
    inner: list[Any] = []
    stand_in = ses({"MessageId": "x"}, meanwhile=lambda: inner.append(worker.work(runtime, messages(written))) if not inner else None)
    assert failures(worker.work(runtime, messages(written))) == []
    assert failures(inner[0]) == ["m0"]
    assert stand_in.asked == 1


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_marks_nothing(runtime, ctx, written, ses, clock):
    """The first worker hangs in SES for longer than its lease; the second one sends and marks."""
    taken: list[Any] = []

    def hang():
        if not taken:
            taken.append(None)
            clock.now += outbox.LEASE + timedelta(seconds=1)
            worker.work(runtime, messages(written))

    stand_in = ses({"MessageId": "x"}, meanwhile=hang)
    assert failures(worker.work(runtime, messages(written))) == []
    assert stand_in.asked == 2, "at least once, and here twice"
    assert row(ctx, written)["state"] == "sent"
    assert row(ctx, written)["attempts"] == 2


def test_a_worker_that_died_leaves_a_mail_that_another_sends(runtime, ctx, written, ses, clock):
    class Died(BaseException):
        """The process is gone."""

    def die():
        raise Died

    ses(None, meanwhile=die)
    with pytest.raises(Died):
        worker.work(runtime, messages(written))
    ses({"MessageId": "x"})
    assert failures(worker.work(runtime, messages(written))) == ["m0"]
    clock.now += outbox.LEASE + timedelta(seconds=1)
    assert failures(worker.work(runtime, messages(written))) == []
    assert row(ctx, written)["state"] == "sent"


# -- failures


@pytest.mark.parametrize(
    "error",
    [
        refusal("TooManyRequestsException"),
        refusal("AccountSuspendedException"),
        refusal("MailFromDomainNotVerifiedException"),
        refusal("MessageRejected", "Email address is not verified. The following identities failed the check"),
        EndpointConnectionError(endpoint_url="https://email"),
    ],
    ids=["throttled", "suspended", "domain", "identity", "unreachable"],
)
def test_what_may_be_mended_comes_again_at_once(runtime, ctx, written, ses, error):
    ses(error)
    assert failures(worker.work(runtime, messages(written))) == ["m0"]
    left = row(ctx, written)
    assert left["state"] == "queued"
    assert "lease" not in left
    ses({"MessageId": "x"})
    assert failures(worker.work(runtime, messages(written))) == []
    assert row(ctx, written)["attempts"] == 2


@pytest.mark.parametrize("code", ["MessageRejected", "BadRequestException"])
def test_what_no_repetition_mends_is_marked_and_comes_no_more(runtime, ctx, written, ses, code):
    ses(refusal(code))
    assert failures(worker.work(runtime, messages(written))) == []
    left = row(ctx, written)
    assert (left["state"], left["error"]) == ("failed", code)
    assert SECRET not in str(left)


def test_one_bad_message_spoils_no_other(runtime, written):
    event = {"Records": [{"messageId": "bad", "body": "{"}, *messages(written)["Records"]]}
    assert failures(worker.work(runtime, event)) == ["bad"]
    assert len(sent()) == 1


def test_a_kind_that_nobody_delivers_comes_again_until_it_is_put_aside(runtime, written):
    assert failures(worker.work(runtime, messages(written, kind="pigeon"))) == ["m0"]


def test_no_log_line_holds_the_text_or_the_address(runtime, written, ses, capsys):
    ses(refusal("MessageRejected", "eve@example.com"))
    worker.work(runtime, messages(written))
    said = capsys.readouterr().out
    assert SECRET not in said
    assert "eve@example.com" not in said


# -- queueing


def test_keys_go_on_the_queue_ten_at_a_time_and_come_back_as_they_were(runtime, written):
    sqs = client("sqs", runtime.settings)
    url = sqs.create_queue(QueueName="outbox")["QueueUrl"]
    settings = replace(runtime.settings, outbox_queue=url)
    keys = [ItemKey(f"MAIL#{n}", "M") for n in range(11)]
    outbox.enqueue(settings, [outbox.Message("mail", key) for key in [*keys, written]])
    got = []
    while batch := client("sqs", settings).receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        got += [outbox.parse_message(message["Body"]) for message in batch]
    assert sorted(got) == sorted(("mail", key) for key in [*keys, written])


def test_without_a_queue_nothing_is_asked(runtime, written):
    outbox.enqueue(runtime.settings, [outbox.Message("mail", written)])


@pytest.mark.parametrize(
    "answer",
    [{"Failed": [{"Id": "0"}], "Successful": []}, refusal("ServiceUnavailable"), EndpointConnectionError(endpoint_url="https://sqs")],
    ids=["partly", "unavailable", "unreachable"],
)
def test_a_queue_that_did_not_take_all_says_so(runtime, written, monkeypatch, answer):
    class Queue:
        def send_message_batch(self, **_):
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr(outbox, "client", lambda *_: Queue())
    with pytest.raises(outbox.QueueError):
        outbox.enqueue(replace(runtime.settings, outbox_queue="https://queue"), [outbox.Message("mail", written)])


# -- what the stream or the queue gave up on


@pytest.fixture
def queued(monkeypatch):
    """The keys that are put on the queue."""
    keys = []
    monkeypatch.setattr(outbox_requeue, "enqueue", lambda settings, batch: keys.extend(message.key for message in batch))
    return keys


def test_a_mail_that_was_never_queued_is_queued_after_a_quarter_of_an_hour(written, clock, queued, run_work):
    clock.now += timedelta(minutes=14)
    assert run_work(outbox_requeue.requeue)["found"] == 0
    clock.now += timedelta(minutes=2)
    assert run_work(outbox_requeue.requeue)["done"] == 1
    assert run_work(outbox_requeue.requeue)["done"] == 0  # it has an hour
    clock.now += timedelta(hours=1, minutes=1)
    assert run_work(outbox_requeue.requeue)["done"] == 1
    assert queued == [written, written]


def test_a_mail_that_was_sent_is_never_queued_again(runtime, ctx, written, clock, queued, run_work):
    worker.work(runtime, messages(written))
    clock.now += timedelta(hours=1)
    assert run_work(outbox_requeue.requeue)["found"] == 0
    assert not {"gsi3pk", "gsi3sk"} & row(ctx, written).keys()


def test_neither_a_decoy_nor_an_expired_mail_is_queued_again(ctx, written, clock, queued, run_work):
    tx = Transaction(ctx.store)
    outbox.add_mail(tx, ctx, to="who@example.com", subject="s", text="t", decoy=True)
    tx.commit()
    clock.now += outbox.MAIL_TTL + timedelta(seconds=1)
    assert run_work(outbox_requeue.requeue)["done"] == 0
    assert queued == []


def test_a_queue_that_refuses_is_asked_again_in_an_hour(written, clock, run_work, monkeypatch):
    def refuse(settings, batch):
        raise outbox.QueueError("full")

    monkeypatch.setattr(outbox_requeue, "enqueue", refuse)
    clock.now += timedelta(minutes=16)
    with pytest.raises(outbox.QueueError):
        run_work(outbox_requeue.requeue)
    taken = []
    monkeypatch.setattr(outbox_requeue, "enqueue", lambda settings, batch: taken.extend(message.key for message in batch))
    clock.now += timedelta(minutes=61)
    run_work(outbox_requeue.requeue)
    assert taken == [written]
