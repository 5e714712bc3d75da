"""The deployment zip: what Chalice packaged, without unused files, with bytecode, reproducible byte for byte.

A Lambda function can't write to its code folder, so a package without bytecode is compiled at every cold start, which is two
thirds of it. botocore ships models of 400 services and searches all their folders for each client it creates.
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

# Dependencies that nothing deployed imports: cffi is needed to build the bindings of argon2 and cryptography; at run time they
# import its `_cffi_backend` alone. boto3 and s3transfer would only be installed by a mistake in requirements.txt.
UNNEEDED = ("boto3", "s3transfer", "cffi", "pycparser", "bin")
# Services that libraries use by themselves.
_BY_LIBRARIES = frozenset({"dynamodb"})
# Tests inside packages, typing stubs and metadata: never read at run time.
_NEVER_DEPLOYED = ("*.dist-info", "**/tests", "**/*.pyi", "**/py.typed", "**/__pycache__", "**/*.pyc", "**/*.c", "**/*.h")
_PARTITION = "aws"
_ZIP_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


class ClientNameError(Exception):
    """A client is created with a name that can't be read from the code, so that its model would be missing."""


def finish_dependencies(tree: Path, services: frozenset[str]) -> None:
    """Prune, trim and compile a folder of freshly unpacked dependencies."""
    prune(tree)
    trim_botocore(tree, services)
    compile_all(tree)


def finish(packaged: Path, finished: Path) -> None:
    """Write `finished` from what Chalice packaged with finished dependencies: add the prebuilt documents, compile, zip."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        with zipfile.ZipFile(packaged) as archive:
            archive.extractall(tree)
        build_documents(tree)
        for part in ("app.py", "chalice", "chalicelib"):
            compile_all(tree, part)
        write_zip(tree, finished)


def prune(tree: Path) -> None:
    """Remove what is never imported."""
    for name in UNNEEDED:
        shutil.rmtree(tree / name, ignore_errors=True)
    for pattern in _NEVER_DEPLOYED:
        for path in list(tree.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def services_used(package: Path) -> frozenset[str]:
    """The AWS services that the code creates clients for: the first argument of each `client(...)` call.

    Raises ClientNameError where that isn't a string literal, except in the function that creates them all.
    """
    services = set(_BY_LIBRARIES)
    for path in sorted(package.rglob("*.py")):
        if path.name == "aws.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in {"client", "create_client"}:
                continue
            name = node.args[0] if node.args else None
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                raise ClientNameError(f"{path}:{node.lineno} creates a client of a service that can't be read from the code.")
            services.add(name.value)
    return frozenset(services)


def trim_botocore(tree: Path, services: frozenset[str]) -> None:
    """Keep only the newest models of these services, and the endpoints of one partition."""
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
    document = json.loads(endpoints.read_text())
    document["partitions"] = [
        _keep_services(partition, services) for partition in document["partitions"] if partition["partition"] == _PARTITION
    ]
    endpoints.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True))


def _keep_services(partition: dict[str, object], services: frozenset[str]) -> dict[str, object]:
    all_services = partition["services"]
    assert isinstance(all_services, dict)
    return {**partition, "services": {name: endpoint for name, endpoint in all_services.items() if name in services}}


_BUILD = """
from chalicelib.foundation.http import openapi
from chalicelib.packs import PACKS
openapi.write(PACKS, openapi.PREBUILT)
"""


def build_documents(tree: Path) -> None:
    """Write the OpenAPI document now rather than at each start.

    It is built by the artifact itself without any other import path, which proves that the artifact is complete.
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "-S", "-B", "-c", _BUILD], cwd=tree, env=environment, check=True)


def compile_all(tree: Path, part: str = ".") -> None:
    """Compile every module of that part of the tree to unchecked bytecode (its source is not read at run time).

    Compile after the last edit: unchecked bytecode hides a later one. The paths in tracebacks are those in Lambda.
    """
    subprocess.run(
        [
            sys.executable, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash",
            "-s", str(tree), "-p", "/var/task", str(tree / part),
        ],
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},  # determines the order of sets in bytecode
        check=True,
    )  # fmt: skip


def write_zip(tree: Path, target: Path) -> None:
    """The tree as a zip whose bytes depend on its content alone: sorted names, one date, fixed permissions."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(tree):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), _ZIP_TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            archive.writestr(entry, path.read_bytes())


def _files(tree: Path) -> Iterator[Path]:
    yield from sorted((path for path in tree.rglob("*") if path.is_file()), key=lambda path: path.relative_to(tree).as_posix())
