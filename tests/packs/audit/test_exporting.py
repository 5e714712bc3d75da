"""Exports: made in parts by the worker, resumed where one died, kept for a week, and verified by anybody with the keys."""

import gzip
import json
import os
from datetime import date, timedelta
from itertools import count

import pytest

from chalicelib.foundation import files, outbox, outbox_requeue
from chalicelib.foundation.aws import object_storage
from chalicelib.foundation.object_storage import StorageUnavailable
from chalicelib.foundation.schedules import RunStats
from chalicelib.functions import outbox as worker
from chalicelib.packs.audit import exporting, sealing
from chalicelib.packs.audit.export_lines import FileVerifier
from chalicelib.packs.audit.seals import public_keys
from tests.moto_buckets import send
from tests.packs.audit.test_sealing import Days
from tests.streams.stream_feeder import ExpiringContext, deliver

DAYS = {"from": "2026-11-24", "to": "2026-11-26"}


class Exports(Days):
    """A trail of three sealed days and a beginning of a fourth, and the queue between its stream and the worker."""

    def __init__(self, *fixtures):
        super().__init__(*fixtures)
        for number in (5, 0, 3):
            self.record(number, revisions=3)
            self.next_day()
        self.seal()
        self.record(2)
        self.queue = []
        self.auditor = self.client_as("auditor")

    def ask(self, days=DAYS, **more):
        response = self.auditor("POST", "/audit/export", days, **more)
        assert response.status == 202, response.text
        deliver(self.world.audit(), self.world.feed.entities())
        return response.json()["id"]

    def work(self, context=None):
        """Hand the worker what is queued, once; the outcome for SQS."""
        messages, self.queue[:] = list(self.queue), []
        return self.hand_over(messages, context)

    def hand_over(self, messages, context=None):
        records = [
            {"messageId": str(at), "body": json.dumps({"kind": kind, "pk": key.pk, "sk": key.sk})}
            for at, (kind, key) in enumerate(messages)
        ]
        return worker.work(self.world.runtime, {"Records": records}, context)["batchItemFailures"]

    def work_off(self, limit=100):
        """Until nothing is queued; how many times that took."""
        for times in count(1):
            assert times < limit
            assert self.work() == []
            if not self.queue:
                return times

    def read(self, id):
        response = self.auditor("GET", f"/audit/exports/{id}")
        assert response.status == 200, response.text
        return response.json()

    def download(self, id):
        answer = send("GET", self.read(id)["url"])
        assert answer.status == 200, answer.content
        return answer

    def lines(self, id):
        return gzip.decompress(self.download(id).content).decode().splitlines(keepends=True)

    def verdict(self, id, **days):
        keys = public_keys(self.auditor("GET", "/audit/seals").json()["keys"])
        return FileVerifier(keys, self.clock.now, **days).verify(self.lines(id))


@pytest.fixture
def exports(world, clock, run_work, client_as, monkeypatch):
    monkeypatch.setattr(sealing, "LOOK_BACK", timedelta(days=2))
    made = Exports(world, clock, run_work, client_as)

    def enqueue(settings, messages):
        made.queue += [message for message in messages if message.kind == "export"]

    monkeypatch.setattr(outbox, "enqueue", enqueue)
    monkeypatch.setattr(outbox_requeue, "enqueue", enqueue)
    return made


def test_an_export_is_made_and_verified(exports):
    id = exports.ask()
    assert (exports.read(id)["status"], exports.read(id)["url"], exports.read(id)["expires_in"]) == ("queued", None, None)
    assert exports.work_off() == 1
    view = exports.read(id)
    assert (view["status"], view["records"], view["expires_in"]) == ("done", 24, 300)
    answer = exports.download(id)
    assert len(answer.content) == view["size"]
    assert answer.headers["content-disposition"].startswith('attachment; filename="trail-2026-11-24--2026-11-26.jsonl.gz"')
    verdict = exports.verdict(id, first=date(2026, 11, 24), last=date(2026, 11, 26))
    assert verdict.valid, verdict.breaks
    assert (verdict.records, verdict.entities, verdict.unsealed) == (24, 8, [])


def test_the_records_are_those_of_the_table_in_the_order_of_recording(exports):
    id = exports.ask()
    exports.work_off()
    lines = [json.loads(line) for line in exports.lines(id)]
    assert [line["seal"]["date"] for line in lines if "seal" in line] == ["2026-11-24", "2026-11-25", "2026-11-26"]
    exported = [line for line in lines if "record" in line]
    places = [(line["record"]["recorded_at"], line["record"]["entity_id"], line["record"]["seq"]) for line in exported]
    assert places == sorted(places)
    stored = {row["hash"]["S"]: row for row in exports.world.rows("AUD#") if "2026-11-24" <= row["gsi1pk"]["S"][8:18] <= "2026-11-26"}
    assert {line["hash"] for line in exported} == stored.keys()
    assert all(stored[line["hash"]]["prev_hash"]["S"] == line["prev_hash"] for line in exported)


def test_today_is_exported_without_a_seal(exports):
    id = exports.ask({"from": "2026-11-26", "to": "2026-11-27"})
    exports.clock.now += timedelta(hours=1)
    exports.record(5)  # what is recorded after it was asked for is not in it
    exports.work_off()
    verdict = exports.verdict(id)
    assert verdict.valid, verdict.breaks
    assert verdict.unsealed == ["2026-11-27"]
    # One that was asked for on a day that is sealed by now holds only a part of it, so it has no seal of it.
    late = exports.ask({"from": "2026-11-26", "to": "2026-11-27"})
    exports.next_day()
    exports.seal()
    exports.work_off()
    assert exports.verdict(late).unsealed == ["2026-11-27"]


def test_it_is_made_in_parts_by_many_runs(exports, monkeypatch):
    monkeypatch.setattr(exporting, "_PIECE", 4)
    id = exports.ask()
    runs = 0
    while exports.queue:
        assert exports.work(ExpiringContext(5, before=60_000, after=12_000)) == []
        runs += 1
        assert runs < 50
    assert runs > 2
    assert exports.read(id)["records"] == 24
    assert exports.verdict(id).valid
    revisions = [row["body"]["S"] for row in exports.world.rows(f"AUD#{id}")]
    assert len(revisions) <= 3  # queued, running, done: its progress is no change of it


def test_a_large_file_is_uploaded_in_parts(exports, monkeypatch):
    """Lines that can't be compressed: with what one run has of them S3 would not take a part, so some of it waits for the next one."""
    monkeypatch.setattr(exporting, "record_line", lambda record: f"{os.urandom(400_000).hex()}\n")
    monkeypatch.setattr(exporting, "_PIECE", 3)
    id = exports.ask()
    runs = 0
    while exports.queue:
        assert exports.work(ExpiringContext(7, before=60_000, after=12_000)) == []
        runs += 1
        assert runs < 20
    assert runs > 1
    view = exports.read(id)
    assert (view["status"], view["records"]) == ("done", 24)
    assert view["size"] > exporting.UPLOAD_BYTES
    assert len(exports.lines(id)) == 27


def test_a_worker_that_dies_loses_one_part(exports, monkeypatch):
    monkeypatch.setattr(exporting, "_PIECE", 4)
    id = exports.ask()
    exports.work(ExpiringContext(5, before=60_000, after=12_000))
    key = exports.queue[0]

    def die(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(exporting._Part, "_finish", die)
        patch.setattr(exporting.outbox, "update_leased", die)
        with pytest.raises(MemoryError):
            exporting.deliver_part(exports.world.runtime.context(request_id="dies"), key.key)
    exports.queue.clear()
    # Its lease holds until it is over; then the schedule that finds what is forgotten brings it again.
    assert [one["itemIdentifier"] for one in exports.hand_over([key])] == ["0"]
    exports.clock.now += outbox.FORGOTTEN_AFTER + timedelta(minutes=1)
    outbox_requeue.requeue(exports.world.ctx(), RunStats())
    assert exports.queue == [key]
    exports.work_off()
    assert exports.read(id)["records"] == 24
    assert exports.verdict(id).valid


def test_a_message_that_comes_twice_makes_one_file(exports):
    id = exports.ask()
    (message,) = exports.queue
    assert exports.hand_over([message, message]) == []
    assert exports.hand_over([message]) == []
    assert exports.verdict(id).valid
    assert exports.read(id)["revision"] == 3


def test_where_s3_is_away_it_is_tried_again_and_given_up_at_last(exports, monkeypatch):
    def away(*_, **__):
        raise StorageUnavailable("away")

    id = exports.ask()
    (message,) = exports.queue
    with monkeypatch.context() as patch:
        patch.setattr(object_storage(exports.world.runtime.settings), "put", away)
        assert [one["itemIdentifier"] for one in exports.hand_over([message])] == ["0"]
    assert exports.read(id)["status"] == "running"
    with monkeypatch.context() as patch:
        patch.setattr(object_storage(exports.world.runtime.settings), "put", away)
        for _ in range(9):
            exports.hand_over([message])
    assert (exports.read(id)["status"], exports.read(id)["url"]) == ("failed", None)
    assert exports.hand_over([message]) == []
    outbox_requeue.requeue(exports.world.ctx(), RunStats())
    assert exports.queue == [message]  # as the stream had queued it


def test_mail_goes_first_and_an_export_waits_for_a_run_with_time(exports):
    id = exports.ask()
    exports.work(ExpiringContext(1, before=60_000, after=12_000))
    assert exports.read(id)["status"] == "queued"
    assert len(exports.queue) == 1
    exports.work_off()
    assert exports.read(id)["status"] == "done"


def test_it_is_kept_for_a_week(exports):
    id = exports.ask()
    exports.work_off()
    assert exports.read(id)["expires_at"] == "2026-12-04T00:20:00.000Z"
    exports.clock.now += timedelta(days=7)
    assert exports.auditor("GET", f"/audit/exports/{id}").status == 404


def test_asking_and_handing_over_are_recorded(exports):
    id = exports.ask()
    exports.work_off()
    exports.read(id)
    deliver(exports.world.audit(), exports.world.feed.entities())
    trail = exports.auditor("GET", f"/audit/trail/{id}").json()["items"]
    assert [(record["action"], record["actor"]) for record in trail] == [
        ("updated", "system:outbox"), ("updated", "system:outbox"), ("created", "user_auditor")
    ]  # fmt: skip
    assert trail[-1]["changes"]["first_day"]["new"] == "2026-11-24"
    (access,) = [row for row in exports.world.rows("look_") if row["access"]["S"] == "exported"]
    assert (access["subject_id"]["S"], access["created_by"]["S"]) == (id, "user_auditor")


def test_asking_again_with_the_same_key_is_one_export(exports):
    key = {"Idempotency-Key": "k"}
    assert exports.ask(headers=key) == exports.ask(headers=key)
    assert len(exports.queue) == 1


@pytest.mark.parametrize(
    ("days", "field"),
    [
        ({"from": "2026-11-24", "to": "2026-11-28"}, "to"),  # ahead
        ({"from": "2026-11-25", "to": "2026-11-24"}, "from"),
        ({"from": "2026-10-26", "to": "2026-11-26"}, "from"),  # 32 days
        ({"from": "2026-11-24"}, "to"),
        ({"from": "2026-11-24T00:00:00Z", "to": "2026-11-24"}, "from"),
    ],
)
def test_days_that_are_not_exported(exports, days, field):
    response = exports.auditor("POST", "/audit/export", days)
    assert response.status == 422
    assert [error["loc"][-1] for error in response.json()["errors"]] == [field]


def test_a_month_is_exported(exports):
    id = exports.ask({"from": "2026-10-28", "to": "2026-11-27"})
    exports.work_off()
    verdict = exports.verdict(id)
    assert verdict.valid, verdict.breaks
    assert len(verdict.days) == 31


@pytest.mark.parametrize("id", ["exp_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "x"])
def test_an_unknown_export_is_not_found(exports, id):
    assert exports.auditor("GET", f"/audit/exports/{id}").status == 404


def test_the_location_leads_to_it(exports):
    response = exports.auditor("POST", "/audit/export", DAYS)
    assert response.headers["location"].endswith(f"/audit/exports/{response.json()['id']}")


def test_round_trips(exports, round_trips):
    response = exports.auditor("POST", "/audit/export", DAYS, headers={"Idempotency-Key": "k"})
    assert round_trips() == 1
    exports.auditor("GET", f"/audit/exports/{response.json()['id']}")
    assert round_trips() == 1


def test_files_of_exports_have_versions(exports):
    id = exports.ask()
    exports.work_off()
    stored = files.head(exports.world.ctx(), exporting.object_name(id))
    assert stored.content_type == "application/gzip"
    assert f"versionId={stored.version_id}" in exports.read(id)["url"]
