"""openapi-python-client takes the whole document, and its client works against a running system."""

import os
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import ROOT, Server, run

PROGRAM = Path(__file__).with_name("python_program.py")


@pytest.fixture(scope="module")
def generated(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package `valhalla_client`. A schema or an operation that the generator leaves out is a warning."""
    folder = tmp_path_factory.mktemp("python")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the generator formats its code with ruff
    arguments = ["--path", document, "--meta", "none", "--output-path", folder / "valhalla_client", "--fail-on-warning"]
    said = run(sys.executable, "-m", "openapi_python_client", "generate", *arguments, cwd=folder, PATH=path)
    assert "warning" not in said.lower(), said
    return folder


def test_the_program_is_typed_strictly(generated: Path) -> None:
    cache = ROOT / ".mypy_cache" / "clients"
    arguments = ["--strict", "--follow-imports", "silent", "--cache-dir", cache, "--config-file", os.devnull]
    said = run(sys.executable, "-m", "mypy", *arguments, PROGRAM, cwd=generated, MYPYPATH=str(generated))
    assert "Success" in said, said


def test_the_client_creates_edits_and_lists(generated: Path, server: Server) -> None:
    said = run(sys.executable, PROGRAM, server.url, server.token, cwd=generated, PYTHONPATH=str(generated))
    assert said.endswith("ok\n"), said
