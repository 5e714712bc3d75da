"""What the tests of the template and of the artifact share, and those of the files that are imported."""

from pathlib import Path
from typing import Any

import pytest

from ops.package.build import Build
from tests.artifact import build_once, unpack


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The finished build of this source."""
    return build_once(tmp_path_factory)


@pytest.fixture(scope="session")
def tree(built: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its zip, unpacked as Lambda does."""
    return unpack(built, tmp_path_factory.mktemp("tree"))


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """`file("price\\n5\\n")`: a file of leads with this content."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "leads.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write
