"""The embedded AWS engine, seen from the process that owns it: start, save, stop, and plain calls.

ministack runs in a process of its own, on a loopback socket that is bound here (no port to race for) and handed down.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

REGION = "us-east-1"
SERVICES = "dynamodb,dynamodbstreams,s3,ses,sqs,secretsmanager,ssm,sts"


class EngineError(Exception):
    """The engine refused a call or is gone."""


class Engine:
    """One running emulator. `port` is its loopback port; its state lies below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._saving = threading.Lock()
        for name in ("state", "s3", "tmp"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening, (directory / "engine.log").open("ab") as log:
            listening.bind(("127.0.0.1", 0))
            listening.listen(128)  # from here on a connection waits instead of failing
            self.port: int = listening.getsockname()[1]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.engine_process", str(listening.fileno())],
                cwd=Path(__file__).parent.parent,
                env=os.environ | self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[listening.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone: it saves before this ends
                text=True,
            )

    def _environment(self) -> dict[str, str]:
        directory = self._directory.resolve()
        return {
            "GATEWAY_PORT": "4566",  # not where it listens: under this address it keeps its queues, so that they outlive a restart
            "BIND_HOST": "127.0.0.1",
            "SERVICES": SERVICES,
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(directory / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(directory / "s3"),
            "TMPDIR": str(directory / "tmp"),
            "IOT_MTLS_ENABLED": "0",  # no MQTT listener on 8883
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{directory}/none",  # it must not tidy up anybody's containers
            "LOG_LEVEL": "ERROR",
        }

    @property
    def url(self) -> str:
        """Its endpoint for AWS clients on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""
        return self._process.poll() is None

    def save(self) -> bool:
        """Write everything it holds to disk, at one moment; False where that failed or the engine is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._saving:
            try:
                self._process.stdin.write("save\n")
                self._process.stdin.flush()
                return self._process.stdout.readline().strip() == "saved"
            except (OSError, ValueError):
                return False

    def stop(self) -> None:
        """End it as it stands: what was not saved is in the journal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._saving:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()


class EngineClient:
    """Plain JSON calls over one kept connection: the emulator's responses as they are, no types in between.

    Not for several threads at once.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def call(self, target: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One operation, e.g. "DynamoDB_20120810.DescribeTable". Raises EngineError with the engine's own words."""
        headers = {
            "X-Amz-Target": target,
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=local/20000101/{REGION}/dynamodb/aws4_request, SignedHeaders=, Signature=",
        }
        return self._exchange("POST", "/", json.dumps(arguments).encode(), headers)

    def get(self, path: str) -> dict[str, Any]:
        """One of the emulator's own pages, e.g. its outgoing mail."""
        return self._exchange("GET", path, None, {})

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            response_body: dict[str, Any] = json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise EngineError(f"The embedded engine doesn't respond: {error}") from error
        if response.status != 200:
            raise EngineError(f"{response_body.get('__type', response.status)}: {response_body.get('message', response_body)}")
        return response_body

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
