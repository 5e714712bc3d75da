"""The deployment zip: what Chalice packaged, without unused files, as bytecode, reproducible byte for byte.

A Lambda function can't write to its code folder, so a package without bytecode is compiled at every cold start, which is two
thirds of it. botocore ships models of 400 services and searches all their folders for each client it creates.

What makes it small: bytecode takes the place of its source and has no columns (tracebacks name files, lines and functions), libraries have
no symbols, models have no documentation, and the zip is compressed by libdeflate.
"""

import ast
import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import deflate

# Dependencies that nothing deployed imports: cffi is needed to build the bindings of argon2 and cryptography; at run time they
# import its `_cffi_backend` alone; fpdf2 goes without Pillow where a document has no images. boto3 and s3transfer would only be
# installed by a mistake in requirements.txt.
UNNEEDED = ("boto3", "s3transfer", "cffi", "pycparser", "PIL", "pillow.libs", "bin", "share")
# Services that libraries use by themselves.
_BY_LIBRARIES = frozenset({"dynamodb"})
# Tests inside packages, typing stubs and metadata: never read at run time. Then what dependencies have for uses that this code doesn't
# make: pydantic's former version and its plugin of a type checker, dateutil's copy of the time zones (the system's come first), of
# fontTools what fpdf2 doesn't import, and its compiled modules, which are there as bytecode, too.
_NEVER_DEPLOYED = (
    *("*.dist-info", "*.data", "**/tests", "**/*.pyi", "**/py.typed", "**/__pycache__", "**/*.pyc", "**/*.c", "**/*.h"),
    *("fontTools/**/*.so", *(f"fontTools/{part}" for part in ("cu2qu", "diff", "merge", "mtiLib", "qu2cu", "t1Lib", "ufoLib", "voltLib"))),
    *("fontTools/afmLib.py", "fontTools/fontBuilder.py", "fontTools/tfmLib.py", "fontTools/ttx.py", "fontTools/**/__main__.py"),
    *(f"fontTools/feaLib/{part}.py" for part in ("builder", "lexer", "parser", "variableScalar")),
    *(
        "fontTools/misc/filesystem",
        *(f"fontTools/misc/{part}.py" for part in ("eexec", "mac*", "psLib", "psOperators", "symfont", "testTools", "xmlReader")),
    ),
    *(f"fontTools/pens/{part}Pen.py" for part in ("cairo", "cocoa", "cu2qu", "freetype", "moments", "qt", "qu2cu", "quartz", "reportLab")),
    *(f"fontTools/pens/{part}Pen.py" for part in ("area", "hash*", "perimeter", "pointInside", "statistics", "svgPath", "wx")),
    *(f"fontTools/ttLib/{part}.py" for part in ("macUtils", "removeOverlaps", "reorderGlyphs", "scaleUpem", "woff2")),
    *(f"fontTools/ttLib/tables/{part}" for part in ("[FGS]__*", "T_S_I*", "F_F_T_M_.py", "V_D_M_X_.py", "E_B_S_C_.py", "L_T_S_H_.py")),
    *(f"fontTools/ttLib/tables/{part}" for part in ("_t_r_a_k.py", "_b_g_c_l.py", "_l_t_a_g.py", "_m_e_t_a.py", "grUtils.py", "*.txt")),
    *("fontTools/varLib/avar", *(f"fontTools/varLib/{part}.py" for part in ("avar*", "cff", "hvar", "interpolat*", "mutator", "plot"))),
    *("pydantic/v1", "pydantic/mypy.py", "annotated_types/test_cases.py", "dateutil/zoneinfo", "urllib3/contrib/emscripten"),
)
_PARTITION = "aws"
_ZIP_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_DEFLATE_LEVEL = 12  # of libdeflate: 4 % smaller than zlib's best


class ClientNameError(Exception):
    """A client is created with a name that can't be read from the code, so that its model would be missing."""


def finish_dependencies(tree: Path, services: frozenset[str]) -> None:
    """Prune, trim and compile a folder of freshly unpacked dependencies."""
    prune(tree)
    trim_botocore(tree, services)
    strip_libraries(tree)
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
        for compressed in newest.glob("*.json.gz"):
            model = without_documentation(json.loads(gzip.decompress(compressed.read_bytes())))
            compressed.with_suffix("").write_text(json.dumps(model, separators=(",", ":")))
            compressed.unlink()
    missing = services - {path.name for path in data.iterdir()}
    if missing:
        raise ClientNameError(f"botocore knows no service {', '.join(sorted(missing))}.")
    endpoints = data / "endpoints.json"
    document = json.loads(endpoints.read_text())
    document["partitions"] = [
        _keep_services(partition, services) for partition in document["partitions"] if partition["partition"] == _PARTITION
    ]
    endpoints.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True))


def without_documentation(model: object) -> object:
    """A model of botocore's without the texts about its operations and shapes, which are nine tenths of it."""
    if isinstance(model, dict):
        texts = {name for name, value in model.items() if name in {"documentation", "documentationUrl"} and isinstance(value, str)}
        return {name: without_documentation(value) for name, value in model.items() if name not in texts}
    return [without_documentation(item) for item in model] if isinstance(model, list) else model


def strip_libraries(tree: Path) -> None:
    """Remove from every shared library what is never loaded: symbols, debug information."""
    for path in tree.rglob("*.so"):
        path.write_bytes(loaded_part(path.read_bytes()))


def loaded_part(library: bytes) -> bytes:
    """An ELF library (64 bits, little endian) up to the end of its last segment, without the section table, which only linkers
    and debuggers read.

    Raises ValueError for a file of another format.
    """
    if library[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not an ELF library of 64 bits")
    (start,) = struct.unpack_from("<Q", library, 32)  # of the program headers; each is of one segment
    size, count = struct.unpack_from("<HH", library, 54)
    end = start + size * count
    for header in range(start, end, size):
        (offset,) = struct.unpack_from("<Q", library, header + 8)
        (length,) = struct.unpack_from("<Q", library, header + 32)
        end = max(end, offset + length)
    loaded = bytearray(library[:end])
    struct.pack_into("<Q", loaded, 40, 0)  # no section table
    struct.pack_into("<HHH", loaded, 58, 0, 0, 0)
    return bytes(loaded)


def _keep_services(partition: dict[str, object], services: frozenset[str]) -> dict[str, object]:
    all_services = partition["services"]
    assert isinstance(all_services, dict)
    return {**partition, "services": {name: endpoint for name, endpoint in all_services.items() if name in services}}


BUILD_DOCUMENTS = """
from chalicelib.foundation.http import openapi
from chalicelib.packs import PACKS
openapi.write(PACKS, openapi.PREBUILT)
"""


def build_documents(tree: Path) -> None:
    """Write the OpenAPI document now rather than at each start.

    It is built by the artifact itself without any other import path, which proves that the artifact is complete.
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
    subprocess.run([sys.executable, "-S", "-B", "-c", BUILD_DOCUMENTS], cwd=tree, env=environment, check=True)


def compile_all(tree: Path, part: str = ".") -> None:
    """Replace every module of that part of the tree by its bytecode. The paths in tracebacks are those in Lambda."""
    subprocess.run(
        [
            sys.executable, "-X", "no_debug_ranges", "-m", "compileall", "-b", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash",
            "-s", str(tree), "-p", "/var/task", str(tree / part),
        ],
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},  # determines the order of sets in bytecode
        check=True,
    )  # fmt: skip
    sources = [tree / part] if (tree / part).is_file() else list((tree / part).rglob("*.py"))
    for source in sources:
        source.unlink()


def write_zip(tree: Path, target: Path) -> None:
    """The tree as a zip whose bytes depend on its content alone: sorted names, one date, fixed permissions."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(tree):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), _ZIP_TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            content = path.read_bytes()
            entry.file_size = len(content)
            with archive.open(entry, "w") as file:
                file._compressor = _Compressor()  # type: ignore[attr-defined]  # zipfile has no public way to use another
                file.write(content)


class _Compressor:
    """libdeflate with the interface of `zlib.compressobj`."""

    def __init__(self) -> None:
        self._content = b""

    def compress(self, data: bytes) -> bytes:
        self._content += data
        return b""

    def flush(self) -> bytes:
        return bytes(deflate.deflate_compress(self._content, _DEFLATE_LEVEL))


def _files(tree: Path) -> Iterator[Path]:
    yield from sorted((path for path in tree.rglob("*") if path.is_file()), key=lambda path: path.relative_to(tree).as_posix())
