"""DynamoDB Local: Amazon's own engine, the judge of what DynamoDB does. Fetched once into `.cache/`, started for those who need it.

The jar comes in the npm package `amplify-dynamodb-simulator`, pinned by version and checksum. `python -m tests.dynamodb_local`
fetches it ahead of time. Where Java or npm is missing its tests are skipped and say so, but never where CI is set.

A conftest that wants it imports the fixtures: `from tests.dynamodb_local import dynamodb_local, dynamodb_local_url`.
"""

import hashlib
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.aws import client
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store import table

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
SHA512 = "c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c5280439836665e89aa515dbad6908422c7cf1129e91cb5a3b4c1ea7888a17b9002749ec1"
CACHE = Path(__file__).parent.parent / ".cache" / "dynamodb-local"
_NEEDED = "package/emulator/DynamoDBLocal"  # the jar and its libraries
_START_SECONDS = 60


def missing() -> str:
    """Why DynamoDB Local can't run here; empty where it can."""
    absent = [tool for tool in ("java", *(() if CACHE.exists() else ("npm",))) if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not installed" if absent else ""


def fetch() -> Path:
    """The folder with the jar, fetched and checked if it isn't there yet. Two that fetch at once don't harm each other."""
    if CACHE.exists():
        return CACHE
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as scratch:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        packed = next(Path(scratch).glob("*.tgz"))
        found = hashlib.sha512(packed.read_bytes()).hexdigest()
        if found != SHA512:
            raise RuntimeError(f"{PACKAGE} has the checksum {found}, not the pinned one.")
        with tarfile.open(packed) as archive:
            wanted = [member for member in archive.getmembers() if member.name.startswith(_NEEDED)]
            archive.extractall(scratch, wanted, filter="data")
        try:
            (Path(scratch) / "package" / "emulator").rename(CACHE)
        except OSError:
            if not CACHE.exists():
                raise
    return CACHE


def start() -> tuple[subprocess.Popen[bytes], str]:
    """A running engine, in memory, and its URL."""
    home = fetch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["java", "-Xmx512m", f"-Djava.library.path={home}/DynamoDBLocal_lib", "-jar", f"{home}/DynamoDBLocal.jar"]
    process = subprocess.Popen(
        [*command, "-inMemory", "-sharedDb", "-port", str(port)], cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return process, f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()
    raise RuntimeError("DynamoDB Local did not start.")


@pytest.fixture(scope="session")
def dynamodb_local_url() -> Iterator[str]:
    """One engine for the session."""
    if reason := missing():
        if os.environ.get("CI"):
            pytest.fail(f"DynamoDB Local is needed where CI is set: {reason}")
        pytest.skip(f"DynamoDB Local can't run here: {reason}")
    process, url = start()
    yield url
    process.kill()
    process.wait()


@pytest.fixture
def dynamodb_local(dynamodb_local_url: str, settings: Settings) -> Iterator[Any]:
    """A client on a fresh table `settings.table`; it bears threads."""
    found = client("dynamodb", replace(settings, aws_endpoint=dynamodb_local_url))
    table.create(found, settings.table)
    yield found
    found.delete_table(TableName=settings.table)


if __name__ == "__main__":
    print(fetch())  # noqa: T201
