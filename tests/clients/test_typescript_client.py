"""openapi-typescript and openapi-fetch take the whole document: a strict program without a cast works against a running system."""

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from tests.clients.conftest import ROOT, Server, run

SOURCE = Path(__file__).with_name("typescript")
NPM = shutil.which("npm")


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """The packages of the lock file, installed once for each of its versions."""
    digest = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = ROOT / ".cache" / "clients" / digest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(SOURCE / name, folder / name)
            run("npm", "ci", "--ignore-scripts", cwd=folder)
            (folder / "installed").touch()
    return folder / "node_modules"


@pytest.mark.skipif(NPM is None and not os.environ.get("CI"), reason="npm is not installed: apt-get install npm")
def test_a_strict_program_creates_edits_and_lists(document: Path, node_modules: Path, server: Server, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    for name in ("program.ts", "tsconfig.json", "package.json"):
        shutil.copy(SOURCE / name, tmp_path / name)
    said = run("node_modules/.bin/openapi-typescript", document, "--output", "valhalla.ts", cwd=tmp_path)
    assert "warn" not in said.lower(), said
    assert "Record<string, never>" not in _schemas((tmp_path / "valhalla.ts").read_text()), "an object without fields"
    run("node_modules/.bin/tsc", "--project", "tsconfig.json", cwd=tmp_path)
    said = run("node", "out/program.js", server.url, server.token, cwd=tmp_path, NO_PROXY="127.0.0.1")
    assert said == "ok\n", said


def _schemas(types: str) -> str:
    return types.partition("export interface components {")[2].partition("export type $defs")[0]
