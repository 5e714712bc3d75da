"""The document as a file, and a running system for the generated clients to call."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.foundation.http import openapi
from chalicelib.packs import PACKS
from tests.local.conftest import Running

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A running system, and the access token of its administrator."""

    url: str
    token: str


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenAPI document."""
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    openapi.write(PACKS, path)
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The local run, in processes of its own."""
    home = tmp_path_factory.mktemp("local") / "home"
    running = Running(home, module="local").until_ready()
    yield Server(f"http://127.0.0.1:{running.port}", (home / "admin-token").read_text().strip())
    running.web.close()
    running.stop()


def run(*arguments: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command to its end; its output. Fails with the output where the command fails."""
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{arguments[0]} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout
