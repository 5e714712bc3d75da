"""`python -m local` itself, with the real application, functions and packs."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.session import Session

from chalicelib.foundation.aws_http import ServiceConnection
from chalicelib.foundation.object_storage import ObjectStorage
from chalicelib.foundation.secret_store import new_secrets
from tests.local.conftest import ROOT, Running
from tests.local.test_run import drop_what_the_stream_holds, functions_pid, gone, listening


def within(seconds: float, found: Callable[[], Any]) -> Any:
    """What `found` answers as soon as it is something; the last answer when the time is over."""
    ends = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < ends:
        time.sleep(0.02)
    return answer


class Firm:
    """A running system, and its administrator's client."""

    def __init__(self, home: Path) -> None:
        self.run = Running(home, module="local").until_ready()
        token = (home / "admin-token").read_text()
        self.web = httpx.Client(
            base_url=f"http://127.0.0.1:{self.run.port}", timeout=20, headers={"Authorization": f"Bearer {token}"}, trust_env=False
        )

    def trail(self, id: str) -> list[Any]:
        answer = self.web.get(f"/audit/trail/{id}")
        found: list[Any] = answer.json()["items"] if answer.status_code == 200 else []
        return found

    def open_pipeline(self) -> dict[str, Any]:
        body = {
            "property": {"address": {"line1": "1 Pine St", "city": "Seattle", "region": "WA", "postal_code": "98103"}},
            "lead_source": "referral",
            "next_action": {"what": "Call", "due_on": "2030-01-01"},
        }
        answer = self.web.post("/wholesale", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def close(self) -> None:
        self.web.close()
        if self.run.process.poll() is None:
            self.run.process.kill()
        self.run.process.wait()
        assert self.run.process.stdout is not None
        self.run.process.stdout.close()
        self.run.web.close()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[], Firm]]:
    firms: list[Firm] = []

    def start() -> Firm:
        firms.append(Firm(tmp_path / "home"))
        return firms[-1]

    yield start
    for firm in firms:
        firm.close()


def test_a_stranger_finds_everything_alive(begin: Callable[[], Firm]) -> None:
    firm = begin()
    assert firm.web.get("/health/ready").json()["status"] == "ok"
    assert "admin" in firm.web.get("/auth/me").json()["roles"]
    password = (firm.run.workspace / "admin-password").read_text()
    signed_in = firm.web.post("/auth/token", json={"email": "admin@example.com", "password": password}, headers={"Authorization": ""})
    assert signed_in.status_code == 200, signed_in.text

    for origin, allowed in (("http://localhost:3000", True), ("http://localhost:5173", True), ("http://localhost:9", False)):
        asked = firm.web.options("/auth/token", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert (asked.headers.get("Access-Control-Allow-Origin") == origin) == allowed, origin

    made = firm.open_pipeline()
    began = time.monotonic()
    assert within(2, lambda: firm.trail(made["id"])), "on the trail"
    assert within(2, lambda: firm.web.get("/wholesale/board").json()["stages"]["lead"]["count"] == 1), "and on the board"
    assert time.monotonic() - began < 2

    asked = firm.web.post("/auth/invitations", json={"email": "zoe@example.com", "name": "Zoe", "roles": ["viewer"]})
    assert asked.status_code == 202, asked.text
    messages = within(5, lambda: list((firm.run.workspace / "mail").glob("*zoe@example.com*.txt")))
    code = re.search(r'"token": "([^"]+)"', messages[0].read_text())
    assert code is not None
    taken = firm.web.post("/auth/invitations/confirm", json={"token": code[1], "password": "a long enough passphrase"})
    assert taken.status_code in (200, 204), taken.text
    assert {address for address, _ in listening(firm.run.processes())} == {"0100007F"}

    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    checked = subprocess.run(
        [sys.executable, "-m", "ops", "check", "--stage", "local"],
        cwd=ROOT,
        env=environment | {"VALHALLA_LOCAL": str(firm.run.workspace)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, f"an operator's shell finds the engine and its key: {checked.stdout}{checked.stderr}"


@pytest.mark.slow
def test_an_orderly_restart_and_a_kill_keep_data_trail_and_token(begin: Callable[[], Firm]) -> None:
    first = begin()
    made = first.open_pipeline()
    token = first.web.headers["Authorization"]
    assert first.run.stop(signal.SIGTERM) == 0

    second = begin()
    assert second.web.get("/auth/me", headers={"Authorization": token}).status_code == 200, "an earlier token still holds"
    assert second.web.get(f"/wholesale/{made['id']}").json()["id"] == made["id"]
    assert second.trail(made["id"]), "the trail was written before the end"
    late = second.open_pipeline()
    time.sleep(0.1)
    pids = second.run.processes()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert all(gone(pid) for pid in pids)

    third = begin()
    assert third.web.get(f"/wholesale/{made['id']}").status_code == 200
    assert third.web.get(f"/wholesale/{late['id']}").status_code == 200
    assert within(5, lambda: third.trail(late["id"])), "what was written is on the trail after the next start"
    verified = third.web.get(f"/audit/verify/{late['id']}").json()
    assert verified["valid"] is True, verified


def local(firm: Firm, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m local` in another shell."""
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env=os.environ | {"VALHALLA_LOCAL": str(firm.run.workspace)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def day(number: int) -> str:
    return str(datetime.now(UTC).date() + timedelta(days=number))


def test_what_is_due_in_days_comes_when_the_time_is_moved(begin: Callable[[], Firm]) -> None:
    firm = begin()
    password = (firm.run.workspace / "admin-password").read_text()

    def sign_in() -> dict[str, Any]:
        answer = firm.web.post("/auth/token", json={"email": "admin@example.com", "password": password}, headers={"Authorization": ""})
        assert answer.status_code == 200, answer.text
        pair: dict[str, Any] = answer.json()
        return pair

    made = firm.open_pipeline()
    contract = firm.web.post(
        "/wholesale",
        json={
            "stage": "under_contract",
            "contract_price": 118000,
            "closes_on": day(20),
            "earnest_money_due_on": day(15),
            "property": {"address": {"postal_code": "98103", "city": "Seattle", "region": "WA"}},
        },
    )
    assert contract.status_code == 201, contract.text
    holding = {"asset_type": "note", "label": "Note", "jurisdiction": "US-WA", "value_estimate": 1000, "acquired_on": day(-3)}
    assert firm.web.post("/holdings", json=holding).status_code == 201
    first, key = sign_in(), {"Idempotency-Key": "before"}
    note = f"/wholesale/{made['id']}/activities"
    assert firm.web.post(note, json={"event_type": "call", "description": "Hello"}, headers=key).status_code == 201
    assert firm.web.get("/events").json()["items"] == []

    moved = local(firm, "clock", "--ahead", "14d12h")
    assert moved.returncode == 0, moved.stderr
    records = [json.loads(line) for line in moved.stdout.splitlines()]
    assert {record["error"] for record in records} == {""}
    assert [record["started_at"] for record in records] == sorted(record["started_at"] for record in records)
    assert sum(record["schedule"] == "wholesale-follow-ups" for record in records) >= 14
    assert all(record["found"] == record["failed"] == 0 for record in records if record["schedule"] == "stream-gaps"), "nothing was lost"

    old = {"Authorization": f"Bearer {first['access_token']}"}
    assert firm.web.get("/auth/me", headers=old).status_code == 401, "a token of two weeks ago is over"
    firm.web.headers["Authorization"] = f"Bearer {(firm.run.workspace / 'admin-token').read_text()}"
    assert firm.web.get("/auth/me").status_code == 200, "the administrator's is a new one"
    fresh = {"Authorization": f"Bearer {sign_in()['access_token']}"}
    assert firm.web.get("/auth/me", headers=fresh).status_code == 200

    titles = [event["title"] for event in firm.web.get("/events?limit=200").json()["items"]]
    assert any("Closing is in 7 days" in title for title in titles), titles
    assert any("Earnest money is due" in title for title in titles), titles
    kinds = [event["kind"] for event in firm.web.get("/events?limit=200").json()["items"]]
    assert kinds.count("wholesale.follow_up") == 4, "of each of the two, after a week and after two"
    again = firm.web.post(note, json={"event_type": "call", "description": "Hello"}, headers=key)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (201, None), "the key of two weeks ago is over"
    snapshots = firm.web.get("/holdings/snapshots?limit=200").json()["items"]
    assert len({one["date"] for one in snapshots}) >= 14, "each day was closed"

    late = firm.open_pipeline()
    assert within(3, lambda: firm.trail(late["id"])), "the trail goes on"
    assert firm.trail(late["id"])[0]["at"] > day(14)
    assert within(3, lambda: firm.web.get("/wholesale/board").json()["stages"]["lead"]["count"] == 2), "and the board"
    for id in (made["id"], contract.json()["id"], late["id"]):
        assert firm.web.get(f"/audit/verify/{id}").json()["valid"] is True


@pytest.mark.slow
def test_what_the_stream_lost_is_found_and_closed(begin: Callable[[], Firm]) -> None:
    first = begin()
    kept = first.open_pipeline()
    assert within(3, lambda: first.trail(kept["id"]))
    time.sleep(0.5)
    os.kill(functions_pid(first.run), signal.SIGSTOP)
    lost = first.open_pipeline()
    pids = first.run.processes()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert all(gone(pid) for pid in pids)
    drop_what_the_stream_holds(first.run.workspace)
    (first.run.workspace / "clock-ahead").write_text(str(2 * 86_400))  # for two days it stood still

    second = begin()
    assert within(20, lambda: second.trail(lost["id"])), "the trail has what the stream had not brought"
    assert within(20, lambda: second.web.get("/wholesale/board").json()["stages"]["lead"]["count"] == 2), "and the board"
    assert second.web.get(f"/audit/verify/{lost['id']}").json()["valid"] is True
    assert second.run.stop() == 0
    assert "the stream doesn't hold the records" in second.run.output
    assert "the schedules stream-gaps and outbox-requeue find and close that now" in second.run.output


def test_every_schedule_can_be_run_now(begin: Callable[[], Firm]) -> None:
    firm = begin()
    unknown = local(firm, "tick", "?")
    assert unknown.returncode == 1
    names = [name for name in unknown.stderr.rpartition("there are: ")[2].strip().rstrip(".").split(", ") if name != "none"]
    for name in names:
        ticked = local(firm, "tick", name)
        assert ticked.returncode == 0, ticked.stderr


def test_secrets_of_before_there_were_seals_are_completed_and_files_have_their_place(tmp_path: Path, begin: Callable[[], Firm]) -> None:
    """A workspace of an earlier version starts, with its keys; its objects lie beside the database."""
    home = tmp_path / "home"
    home.mkdir()
    secrets = json.loads(new_secrets(datetime.now(UTC) - timedelta(days=1)))
    del secrets["seal_keys"]
    (home / "secrets.json").write_text(json.dumps(secrets))
    begin()
    completed = json.loads((home / "secrets.json").read_text())
    assert len(completed.pop("seal_keys")) == 1
    assert completed == secrets
    environment = dict(line.split("=", 1) for line in (home / "environment").read_text().splitlines())
    session = Session()
    session.set_credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    storage = ObjectStorage(ServiceConnection("s3", environment["AWS_REGION"], environment["VALHALLA_AWS_ENDPOINT"], session))
    url = storage.presigned_put(environment["VALHALLA_FILES_BUCKET"], "things/1", headers={"Content-Type": "text/plain"}, expires_in=60)
    assert httpx.put(url, content=b"a file", headers={"Content-Type": "text/plain"}, trust_env=False).status_code == 200
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    assert httpx.options(url, headers=asked, trust_env=False).headers["access-control-allow-origin"] == "http://localhost:3000"
    (stored,) = (home / "objects" / environment["VALHALLA_FILES_BUCKET"]).iterdir()
    assert stored.read_bytes() == b"a file"
    sealed = storage.put(environment["VALHALLA_SEALS_BUCKET"], "seals/1", b"{}", content_type="application/json")
    assert sealed.version_id
    assert environment["VALHALLA_MAIL_CONFIGURATION_SET"] == environment["VALHALLA_OUTBOX_QUEUE"].rpartition("/")[2]
