"""What the tests of the template and of the artifact share."""

from pathlib import Path

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
