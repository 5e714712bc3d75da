"""The finished build of this source, made once a test run however many processes share it."""

import fcntl
import os
import zipfile
from pathlib import Path

import pytest

from ops.package.build import Build, build

STAGE = "dev"


def build_once(factory: pytest.TempPathFactory) -> Build:
    """The build of the dev stage; the first of a run's processes to ask makes it, the others wait."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of this run's workers
    out = shared / "build"
    with (shared / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out / "template.json").exists():
            return build(STAGE, out)
    return Build(STAGE, out / "deployment.zip", out / "template.json")


def unpack(made: Build, folder: Path) -> Path:
    """The zip's files in `folder`."""
    with zipfile.ZipFile(made.zip_file) as archive:
        archive.extractall(folder)
    return folder
