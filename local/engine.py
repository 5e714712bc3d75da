"""The embedded AWS services, seen from the process that owns them: start, stop, and plain calls.

The emulator runs in a process of its own, on a loopback socket that is bound here (no port to race for) and handed down.
"""

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.clock import CLOCK_FILE
from local.emulator import READY, REGION
from local.emulator.access import authorization

__all__ = ["REGION", "Engine", "EngineClient", "EngineError", "UnreadableDataError"]


_STOP_SECONDS = 10.0


class EngineError(Exception):
    """The engine refused a call, or doesn't respond. `code` is the type of its refusal; empty where it doesn't respond."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class UnreadableDataError(Exception):
    """The engine can't read its data; the message says which file."""


class Engine:
    """One running emulator. `port` is its loopback port, `access_key` what its clients must name; its data lies in `directory`.

    Raises UnreadableDataError.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.access_key = secrets.token_hex(16)
        paths = [str(directory.resolve() / name) for name in ("data.sqlite", "mail", "objects", CLOCK_FILE)]
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening, (directory / "engine.log").open("ab") as log:
            listening.bind(("127.0.0.1", 0))
            listening.listen(128)  # from here on a connection waits instead of failing
            self.port: int = listening.getsockname()[1]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.emulator.process", str(listening.fileno()), *paths],
                cwd=Path(__file__).parent.parent,
                env=os.environ | {"AWS_ACCESS_KEY_ID": self.access_key},  # not an argument: those are every user's to read
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[listening.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone: what it does then still needs the engine
                text=True,
            )
        assert self._process.stdout is not None
        status, _, reason = self._process.stdout.readline().strip().partition(" ")
        if status != READY:
            self.stop()
            raise UnreadableDataError(f"{paths[0]}: {reason or 'see engine.log'}")

    @property
    def url(self) -> str:
        """Its endpoint for AWS clients on this machine."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> "EngineClient":
        """A new client of it."""
        return EngineClient(self.port, self.access_key)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it. Everything that it answered is stored."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class EngineClient:
    """Plain JSON calls over one kept connection: the emulator's responses as they are, no types in between.

    Not for several threads at once.
    """

    def __init__(self, port: int, access_key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": authorization(access_key), "Content-Type": "application/x-amz-json-1.0"}

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "EngineClient":
        """A client of the engine that a run's environment names."""
        return cls(int(environment["VALHALLA_AWS_ENDPOINT"].rpartition(":")[2]), environment["AWS_ACCESS_KEY_ID"])

    def call(self, target: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One operation, e.g. "DynamoDB_20120810.DescribeTable". Raises EngineError with the engine's own words."""
        headers = {**self._headers, "X-Amz-Target": target}
        try:
            self._connection.request("POST", "/", json.dumps(arguments).encode(), headers)
            response = self._connection.getresponse()
            response_body: dict[str, Any] = json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise EngineError(f"The embedded engine doesn't respond: {error}") from error
        if response.status != 200:
            code = str(response_body.get("__type", response.status))
            raise EngineError(f"{code}: {response_body.get('message', response_body)}", code)
        return response_body

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
