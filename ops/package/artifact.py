"""The finished zip: what Chalice packaged, less what no request needs, with its bytecode, the same bytes each time.

A Lambda function can't write beside its code, so a package without bytecode is compiled again at every cold start: two
thirds of it. botocore brings models of 400 services and looks through all their folders for each client it makes.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

# Packages that something in requirements.txt names, but that nothing deployed imports: cffi is needed to build the
# bindings of argon2 and cryptography; at run time they import its `_cffi_backend` alone. boto3 and s3transfer would
# only come with a mistake in requirements.txt.
UNNEEDED = ("boto3", "s3transfer", "cffi", "pycparser", "bin")
# Services that libraries ask for by themselves.
_BY_LIBRARIES = frozenset({"dynamodb"})
# Folders of tests inside of packages, typing stubs and metadata: read by tools, never at run time.
_NEVER_DEPLOYED = ("*.dist-info", "**/tests", "**/*.pyi", "**/py.typed", "**/__pycache__", "**/*.pyc", "**/*.c", "**/*.h")
_PARTITION = "aws"
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ClientNameError(Exception):
    """A client is made of a name that can't be read from the code, so that its model would be left out."""


def finish_dependencies(tree: Path, services: frozenset[str]) -> None:
    """Make a folder of freshly unpacked dependencies what is deployed of them."""
    prune(tree)
    trim_botocore(tree, services)
    compile_all(tree)


def finish(packaged: Path, finished: Path) -> None:
    """Make `finished` from what Chalice packaged with finished dependencies: add what can be built beforehand, compile, zip."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        with zipfile.ZipFile(packaged) as archive:
            archive.extractall(tree)
        build_documents(tree)
        for ours in ("app.py", "chalice", "chalicelib"):
            compile_all(tree, ours)
        write_zip(tree, finished)


def prune(tree: Path) -> None:
    """Take out what is never imported."""
    for name in UNNEEDED:
        shutil.rmtree(tree / name, ignore_errors=True)
    for pattern in _NEVER_DEPLOYED:
        for path in list(tree.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def services_used(package: Path) -> frozenset[str]:
    """The AWS services that the code makes clients of: the first argument of each `client(...)` call.

    Raises ClientNameError where that isn't a plain string, save in the one function that makes them all.
    """
    found = set(_BY_LIBRARIES)
    for path in sorted(package.rglob("*.py")):
        if path.name == "aws.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in {"client", "create_client"}:
                continue
            name = node.args[0] if node.args else None
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                raise ClientNameError(f"{path}:{node.lineno} makes a client of a service that can't be read from the code.")
            found.add(name.value)
    return frozenset(found)


def trim_botocore(tree: Path, services: frozenset[str]) -> None:
    """Leave botocore the newest models of these services, and the endpoints of one partition."""
    data = tree / "botocore" / "data"
    for folder in [path for path in data.iterdir() if path.is_dir()]:
        if folder.name not in services:
            shutil.rmtree(folder)
            continue
        *older, newest = sorted(path for path in folder.iterdir() if path.is_dir())
        for version in older:
            shutil.rmtree(version)
        for example in newest.glob("examples-*"):
            example.unlink()
    missing = services - {path.name for path in data.iterdir()}
    if missing:
        raise ClientNameError(f"botocore knows no service {', '.join(sorted(missing))}.")
    endpoints = data / "endpoints.json"
    known = json.loads(endpoints.read_text())
    known["partitions"] = [_only(one, services) for one in known["partitions"] if one["partition"] == _PARTITION]
    endpoints.write_text(json.dumps(known, separators=(",", ":"), sort_keys=True))


def _only(partition: dict[str, object], services: frozenset[str]) -> dict[str, object]:
    kept = partition["services"]
    assert isinstance(kept, dict)
    return {**partition, "services": {name: said for name, said in kept.items() if name in services}}


_BUILD = """
from chalicelib.foundation.http import openapi
from chalicelib.packs import PACKS
openapi.write(PACKS, openapi.PREBUILT)
"""


def build_documents(tree: Path) -> None:
    """Write what the manifests say once, here, and not at each start: the OpenAPI document.

    It is built by the artifact itself, with nothing else to import from, which proves that nothing is missing in it.
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "-S", "-B", "-c", _BUILD], cwd=tree, env=environment, check=True)


def compile_all(tree: Path, part: str = ".") -> None:
    """Bytecode for every module of that part of the tree, to be taken as it is (its source is never looked at again).

    Compile after the last edit: unchecked bytecode hides a later one. The paths in tracebacks are those in Lambda.
    """
    subprocess.run(
        [
            sys.executable, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash",
            "-s", str(tree), "-p", "/var/task", str(tree / part),
        ],
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},  # the order of sets in bytecode hangs on it
        check=True,
    )  # fmt: skip


def write_zip(tree: Path, target: Path) -> None:
    """The tree as a zip whose bytes hang on its content alone: sorted names, one date, one set of rights."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(tree):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            archive.writestr(entry, path.read_bytes())


def _files(tree: Path) -> Iterator[Path]:
    yield from sorted((path for path in tree.rglob("*") if path.is_file()), key=lambda path: path.relative_to(tree).as_posix())
