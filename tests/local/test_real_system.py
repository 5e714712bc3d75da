"""`python -m local` itself, with the real application, functions and packs."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local.conftest import ROOT, Running
from tests.local.test_run import gone, listening


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


def test_every_schedule_can_be_run_now(begin: Callable[[], Firm]) -> None:
    firm = begin()
    environment = os.environ | {"VALHALLA_LOCAL": str(firm.run.workspace)}
    unknown = subprocess.run(
        [sys.executable, "-m", "local", "tick", "?"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert unknown.returncode == 1
    names = [name for name in unknown.stderr.rpartition("there are: ")[2].strip().rstrip(".").split(", ") if name != "none"]
    for name in names:
        ticked = subprocess.run(
            [sys.executable, "-m", "local", "tick", name],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ticked.returncode == 0, ticked.stderr
