"""The whole of it in processes of its own: start, use, stop, kill, start again."""

import contextlib
import json
import os
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local import __main__ as command
from tests.local.conftest import ROOT, Running
from tests.ports import free_port


def listening(pids: list[int]) -> set[tuple[str, int]]:
    """Address and port of every listening TCP socket, and of every UDP socket, of these processes."""
    inodes = set()
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(fd.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[9] in inodes and (table.startswith("udp") or fields[3] == "0A"):
                address, port = fields[1].split(":")
                found.add((address, int(port, 16)))
    return found


def engine_pid(run: Running) -> int:
    (pid,) = [pid for pid in run.processes() if "local.emulator.process" in Path(f"/proc/{pid}/cmdline").read_text()]
    return pid


def functions_pid(run: Running) -> int:
    (pid,) = [pid for pid in run.processes() if "local.functions" in Path(f"/proc/{pid}/cmdline").read_text()]
    return pid


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether a process ends within that time (a zombie has ended)."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_from_nothing_to_ready_and_an_orderly_end_loses_nothing(start: Any) -> None:
    run = start()
    assert "ready" in run.output
    assert f"http://127.0.0.1:{run.port}" in run.output
    for number in range(30):
        run.write(f"thing-{number}", "one")
    assert stat.S_IMODE(run.workspace.stat().st_mode) == 0o700
    assert stat.S_IMODE((run.workspace / "admin-token").stat().st_mode) == 0o600
    assert stat.S_IMODE((run.workspace / "secrets.json").stat().st_mode) == 0o600
    pids = run.processes()
    assert run.stop(signal.SIGINT) == 0
    assert "Saved" in run.output
    assert all(gone(pid) for pid in pids)

    again = start()
    assert [again.thing(f"thing-{number}") for number in range(30)] == ["one"] * 30
    assert all(again.trail(f"thing-{number}") == ["one"] for number in range(30)), "what was written just before the end is on the trail"
    again.write("thing-1", "two")
    assert again.until_trail("thing-1", 2) == ["one", "two"]


def test_a_change_is_on_the_trail_at_once(start: Any) -> None:
    run = start()
    waits = []
    for turn in range(10):
        run.write(f"a{turn}", "x")
        began = time.monotonic()
        assert run.until_trail(f"a{turn}", 1) == ["x"]
        waits.append(time.monotonic() - began)
        time.sleep(0.3)
    assert sorted(waits)[5] < 0.3
    assert max(waits) < 2.0


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["everything at once", "the main process"])
def test_after_a_kill_what_was_written_is_there_and_on_the_trail(start: Any, victim: str) -> None:
    run = start()
    for number in range(40):
        run.write(f"thing-{number}", "one")
        run.write(f"thing-{number}", "two")
    assert run.until_trail("thing-39", 2) == ["one", "two"]
    time.sleep(0.3)
    late = [f"late-{number}" for number in range(10)]
    for name in late:
        run.write(name, "late")
    engine = engine_pid(run)
    run.process.kill()
    if victim == "everything at once":
        os.kill(engine, signal.SIGKILL)
    assert gone(engine), "the engine ends with its parent, however that ends"

    again = start()
    assert all(again.thing(f"thing-{number}") == "two" for number in range(40))
    assert all(again.trail(f"thing-{number}") == ["one", "two"] for number in range(40))
    for name in late:
        assert again.thing(name) == "late", "what was answered is stored"
        assert again.until_trail(name, 1) == ["late"]
    again.process.kill()
    assert gone(engine_pid_of(again))
    third = start()
    assert all(third.trail(f"thing-{number}") == ["one", "two"] for number in range(40)), "a second kill changes nothing"


def engine_pid_of(run: Running) -> int:
    """The engine's process by its home, when its parent is gone already."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{run.workspace.resolve()}/data.sqlite".encode() in entry.read_bytes():
                return int(entry.parent.name)
        except OSError:
            continue
    return 0


def test_a_kill_in_the_midst_of_writing_leaves_data_and_trail_in_step(start: Any) -> None:
    run = start()
    written: list[str] = []
    halt = threading.Event()

    def write() -> None:
        number = 0
        while not halt.is_set():
            try:
                run.write(f"n-{number}", "x")
            except Exception:
                return
            written.append(f"n-{number}")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(1.0)
    run.process.kill()
    halt.set()
    writer.join()
    assert gone(engine_pid_of(run))
    again = start()
    assert len(written) > 20
    assert all(again.thing(name) == "x" for name in written), "what was answered is stored"
    assert again.until_trail(written[-1], 1) == ["x"]
    assert all(again.trail(name) == ["x"] for name in written)


def test_everything_binds_to_loopback_only(start: Any) -> None:
    run = start()
    run.write("a", "x")
    found = listening(run.processes())
    assert {address for address, _ in found} == {"0100007F"}
    assert len(found) == 2, "the API and the engine, nothing else"
    assert run.port in {port for _, port in found}


def test_a_port_in_use_is_one_line(start: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = start(port=taken.getsockname()[1], wait=False)
        out, _ = run.process.communicate(timeout=20)
    assert run.process.returncode == 1
    assert out.strip().splitlines() == [f"Port {run.port} is in use. Choose another one: PORT=8001 make run"]


def test_started_twice_is_one_line_and_the_first_goes_on(start: Any) -> None:
    first = start()
    second = start(port=free_port(), wait=False)
    out, _ = second.process.communicate(timeout=20)
    assert second.process.returncode == 1
    assert out.strip().splitlines() == [f"It already runs from this folder (process {first.process.pid}, http://127.0.0.1:{first.port})."]
    first.write("a", "x")
    assert first.until_trail("a", 1) == ["x"]


def test_an_engine_that_dies_ends_the_rest_and_loses_nothing(start: Any) -> None:
    run = start()
    run.write("a", "x")
    assert run.until_trail("a", 1) == ["x"]
    time.sleep(0.3)
    os.kill(engine_pid(run), signal.SIGKILL)
    out, _ = run.process.communicate(timeout=30)
    assert run.process.returncode == 1
    assert "The embedded engine ended by itself" in out
    again = start()
    assert (again.thing("a"), again.trail("a")) == ("x", ["x"])


def test_functions_that_end_by_themselves_end_the_rest_and_lose_nothing(start: Any) -> None:
    run = start()
    os.kill(functions_pid(run), signal.SIGKILL)
    run.write("a", "x")
    out, _ = run.process.communicate(timeout=40)
    assert run.process.returncode == 1
    assert "The process of the functions ended by itself" in out
    again = start()
    assert (again.thing("a"), again.until_trail("a", 1)) == ("x", ["x"])


def write_much(run: Running) -> None:
    for number in range(100):
        run.write(f"b-{number}", "x" * 10_000)


def test_a_full_disk_refuses_writes_and_keeps_what_was_there(start: Any) -> None:
    run = start()
    run.write("a", "x")
    limit = (run.workspace / "data.sqlite-wal").stat().st_size
    resource.prlimit(engine_pid(run), resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    with pytest.raises(AssertionError):
        write_much(run)
    resource.prlimit(engine_pid(run), resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run.write("c", "x")
    run.process.kill()
    assert gone(engine_pid_of(run))
    again = start()
    assert [again.thing(name) for name in "ac"] == ["x", "x"]


def test_a_doubled_ctrl_c_is_one(start: Any) -> None:
    run = start()
    run.write("a", "x")
    os.killpg(run.process.pid, signal.SIGINT)
    os.killpg(run.process.pid, signal.SIGINT)
    out, _ = run.process.communicate(timeout=30)
    assert run.process.returncode == 0
    assert "Saved" in out


def shell(run: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of another shell."""
    return subprocess.run(
        [sys.executable, "-m", "tests.local.sample_system", *arguments],
        cwd=ROOT,
        env=os.environ | {"VALHALLA_LOCAL": str(run.workspace)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_schedule_is_run_now_from_another_shell(start: Any) -> None:
    run = start()

    def tick(name: str) -> subprocess.CompletedProcess[str]:
        return shell(run, "tick", name)

    done = tick("tidy")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"done": 1})
    assert run.thing("tidied").endswith(":rule/tidy")
    assert run.until_trail("tidied", 1), "what another shell writes is seen too"
    unknown = tick("nothing")
    assert (unknown.returncode, unknown.stderr.strip()) == (1, "There is no schedule 'nothing'; there are: tidy.")
    run.stop()
    stopped = tick("tidy")
    assert (stopped.returncode, stopped.stderr.strip()) == (1, "Nothing runs here: start it with `make run`, then tick.")


def test_the_time_is_moved_from_another_shell_and_a_restart_keeps_it(start: Any) -> None:
    run = start()
    run.write("a", "x")
    began = datetime.now(UTC)
    moved = shell(run, "clock", "--ahead", "3d")
    assert (moved.returncode, [json.loads(line) for line in moved.stdout.splitlines()]) == (0, [{"done": 1}] * 3)
    assert moved.stderr.endswith("Z here, 3 days ahead of this machine.\n")
    days = [began + timedelta(days=number) for number in (1, 2, 3)]
    assert all(run.thing(f"tidied-{day:%Y-%m-%dT%H}") or run.thing(f"tidied-{day + timedelta(hours=1):%Y-%m-%dT%H}") for day in days)
    assert run.until_trail("tidied", 3), "the stream goes on"
    run.stop()

    again = start()
    assert "3 days ahead of this machine" in again.output, "the page says so"
    assert shell(again, "clock").stdout.endswith("3 days ahead of this machine\n")
    once = shell(again, "clock", "--ahead", "3d", "--at-once")
    assert [json.loads(line) for line in once.stdout.splitlines()] == [{"done": 1}], "what fell due runs once"
    assert "6 days ahead" in once.stderr
    backwards = shell(again, "clock", "--to", f"{began:%Y-%m-%dT%H:%M}")
    assert backwards.returncode == 1
    assert len(backwards.stderr.splitlines()) == 1
    assert "goes forward only" in backwards.stderr
    again.write("b", "x")
    assert again.until_trail("b", 1) == ["x"]


def test_what_fell_due_in_a_time_that_was_moved_past_by_hand_is_run_by_itself(start: Any) -> None:
    run = start()
    ends = time.monotonic() + 20
    while not (run.workspace / "schedules.json").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    (run.workspace / "clock-ahead").write_text(str(3 * 86_400))
    while not run.thing("tidied") and time.monotonic() < ends:
        time.sleep(0.05)
    assert run.thing("tidied")


def test_two_who_move_the_time_do_so_one_after_the_other(start: Any) -> None:
    run = start()
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: shell(run, "clock", "--ahead", "1d"), range(2)))
    assert [each.returncode for each in both] == [0, 0]
    assert len("".join(each.stdout for each in both).splitlines()) == 2, "a day's work twice"
    assert shell(run, "clock").stdout.endswith("2 days ahead of this machine\n")


def test_a_clock_that_can_not_be_read_is_one_line(start: Any) -> None:
    run = start()
    run.stop()
    (run.workspace / "clock-ahead").write_text("soon")
    again = start(wait=False)
    out, _ = again.process.communicate(timeout=20)
    assert again.process.returncode == 1
    assert len(out.strip().splitlines()) == 1
    assert "whole seconds" in out


def test_a_machine_that_slept_goes_on(start: Any) -> None:
    run = start()
    run.write("a", "x")
    assert run.until_trail("a", 1) == ["x"]
    pids = run.processes()
    for number in pids:
        os.kill(number, signal.SIGSTOP)
    time.sleep(2)
    for number in reversed(pids):
        os.kill(number, signal.SIGCONT)
    (run.workspace / "clock-ahead").write_text(str(3 * 86_400))  # it was longer
    run.write("b", "x")
    assert run.until_trail("b", 1, seconds=10) == ["x"]
    assert run.process.poll() is None
    assert run.stop() == 0


@pytest.mark.slow
def test_an_engine_that_stands_still_for_longer_than_anyone_waits_is_no_end(start: Any) -> None:
    run = start()
    run.write("a", "x")
    assert run.until_trail("a", 1, seconds=20) == ["x"]
    engine = engine_pid(run)
    os.kill(engine, signal.SIGSTOP)
    time.sleep(33)
    os.kill(engine, signal.SIGCONT)
    run.write("b", "x")
    assert run.until_trail("b", 1, seconds=10) == ["x"]
    assert run.stop() == 0
    assert "doesn't respond" in (run.workspace / "valhalla.log").read_text()


def drop_what_the_stream_holds(workspace: Path) -> None:
    """Leave the stream, of a system that doesn't run, without the records that its consumers have not read."""
    with contextlib.closing(sqlite3.connect(workspace / "data.sqlite", isolation_level=None)) as data:
        data.execute("DELETE FROM stream")
        data.execute("INSERT OR REPLACE INTO trimmed SELECT seq FROM sqlite_sequence WHERE name = 'stream'")


def test_records_that_the_stream_lost_are_told_searched_and_no_end(start: Any) -> None:
    run = start()
    run.write("before", "x")
    assert run.until_trail("before", 1) == ["x"]
    os.kill(functions_pid(run), signal.SIGSTOP)
    run.write("lost", "x")
    pids = run.processes()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert all(gone(pid) for pid in pids)
    drop_what_the_stream_holds(run.workspace)

    again = start()
    again.write("after", "x")
    assert again.until_trail("after", 1) == ["x"], "it goes on with the oldest record that is there"
    assert again.trail("lost") == []
    ends = time.monotonic() + 10
    while not again.thing("tidied") and time.monotonic() < ends:
        time.sleep(0.05)
    assert again.thing("tidied"), "the schedule that searches for what is missing was run at once"
    again.stop()
    said = "trail: the stream doesn't hold the records"
    assert said in again.output, "whoever looks at the terminal sees it"
    assert said in (again.workspace / "valhalla.log").read_text()
    assert said not in start().output, "once"


def test_mail_that_was_sent_lies_in_the_folder(start: Any) -> None:
    import boto3

    run = start()
    published = dict(text.split("=", 1) for text in (run.workspace / "environment").read_text().splitlines())
    assert stat.S_IMODE((run.workspace / "environment").stat().st_mode) == 0o600, "the engine's key is the owner's alone"
    ses = boto3.client(
        "sesv2",
        endpoint_url=published["AWS_ENDPOINT_URL"],
        region_name=published["AWS_REGION"],
        aws_access_key_id=published["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=published["AWS_SECRET_ACCESS_KEY"],
    )
    ses.create_email_identity(EmailIdentity="valhalla@example.com")
    body = {"Text": {"Data": "Come in: https://x.example/#token"}}
    for receiver in ("a@example.com", "../b@example.com"):
        ses.send_email(
            FromEmailAddress="valhalla@example.com",
            Destination={"ToAddresses": [receiver]},
            Content={"Simple": {"Subject": {"Data": "Your invitation"}, "Body": body}},
        )
    files = sorted((run.workspace / "mail").glob("*.txt"))
    assert len(files) == 2
    head, tail = "From: valhalla@example.com\nTo: ", "\nSubject: Your invitation\n\nCome in: https://x.example/#token\n"
    assert {file.read_text() for file in files} == {head + receiver + tail for receiver in ("a@example.com", "../b@example.com")}


def test_data_that_cannot_be_read_is_not_replaced_by_nothing(start: Any) -> None:
    run = start()
    run.write("a", "x")
    run.stop()
    (run.workspace / "data.sqlite").write_text("not a database" * 100)
    again = start(wait=False)
    out, _ = again.process.communicate(timeout=20)
    assert again.process.returncode == 1
    assert "can't be read" in out
    assert len(out.strip().splitlines()) == 1


@pytest.mark.parametrize("port", ["80 80", "0", "70000", "http"])
def test_a_port_that_is_none_is_one_line(port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PORT", port)
    assert command.main([]) == 1
    assert capsys.readouterr().err == f"PORT must be a number from 1 to 65535, not {port!r}.\n"
