"""The README's tours, walked through: each command answers what is printed there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.local.conftest import ROOT, Running

_FOLLOWS_SECONDS = 60  # of a busy machine; an idle one needs two
_END = "--- end of the command ---"
# What differs from run to run, in this order.
_VARIABLE = (
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"), "TIME"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "DAY"),
    (re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}"), "IMPORT"),
    (re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}"), "ULID"),
    (re.compile(r"(?:days|rows) in [0-9.]+ s"), "in SECONDS"),
    (re.compile(r"in [0-9]+ days|tomorrow"), "SOON"),
    (re.compile(r"━+|[0-9]+:[0-9]{2}:[0-9]{2}"), "PROGRESS"),
    (re.compile(r"\s"), ""),
)


class Step(NamedTuple):
    """A command, and what the README prints below it."""

    command: str
    printed: str


def steps(heading: str) -> list[Step]:
    text = (ROOT / "README.md").read_text()
    tour = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found: list[Step] = []
    for block in re.findall(r"```\n(.*?)```", tour, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.rstrip().split("\n")
            length = next(n for n in range(1, len(lines) + 1) if _is_complete("\n".join(lines[:n])))
            found.append(Step("\n".join(lines[:length]), "\n".join(lines[length:])))
    return found


def _is_complete(command: str) -> bool:
    return subprocess.run(["bash", "-n", "-c", command], capture_output=True).returncode == 0


def constant(text: str) -> str:
    for pattern, name in _VARIABLE:
        text = pattern.sub(name, text)
    return text


def has_printed(answer: str, printed: str) -> bool:
    """Whether the parts of what is printed, between the places where it is shortened, come in this order."""
    rest = constant(answer)
    for part in filter(None, constant(printed).split("…")):
        _, found, rest = rest.partition(part)
        if not found:
            return False
    return True


class Shell:
    """One shell in the folder of a system with a workspace of its own."""

    def __init__(self, folder: Path) -> None:
        for entry in ROOT.iterdir():
            if entry.name != ".local":
                (folder / entry.name).symlink_to(entry)
        self.run = Running(folder / ".local", module="local").until_ready()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=os.environ | {"PATH": path, "VALHALLA_LOCAL": str(folder / ".local")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def answer(self, command: str) -> str:
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command.replace(':8000', f':{self.run.port}')}\necho; echo {shlex.quote(_END)}\n")
        self._shell.stdin.flush()
        lines = []
        for line in self._shell.stdout:
            if line.strip() == _END:
                break
            lines.append(line)
        return "".join(lines)

    def close(self) -> None:
        self._shell.kill()
        self._shell.communicate()
        self.run.stop()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    shell.close()


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="the tour needs bash and curl")
@pytest.mark.parametrize("heading", ["A tour of five minutes", "A tour of the whole firm"])
def test_a_tour_prints_what_the_readme_says(shell: Shell, heading: str):
    walked = steps(heading)
    assert len(walked) > 30
    differing = []
    for step in walked:
        if step.command.startswith(". .venv"):
            continue
        answer, ends = shell.answer(step.command), time.monotonic() + _FOLLOWS_SECONDS
        is_read = re.match("api |as ", step.command) and " -d " not in step.command and " -X " not in step.command
        while is_read and not has_printed(answer, step.printed) and time.monotonic() < ends:
            time.sleep(0.3)
            answer = shell.answer(step.command)
        if not has_printed(answer, step.printed):
            differing.append(f"$ {step.command}\n{answer}\ninstead of\n{step.printed}")
    assert not differing, "\n\n".join(differing)
