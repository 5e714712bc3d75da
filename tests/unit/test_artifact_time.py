"""Nothing around the deployed artifact moves its time: the local run's clock is no part of it. What reads the time: `tests/architecture`."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_local_run_is_not_in_it(tree: Path) -> None:
    assert not (tree / "local").exists()
    compiled = [tree / "app.pyc", *(tree / "chalicelib").rglob("*.pyc")]
    assert len(compiled) > 100
    assert not [path for path in compiled if b"clock-ahead" in path.read_bytes() or b"VALHALLA_LOCAL" in path.read_bytes()]


def test_neither_the_environment_nor_a_file_moves_it(tree: Path, tmp_path: Path) -> None:
    ahead = str(30 * 86_400)
    (tmp_path / "clock-ahead").write_text(ahead)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "clock-ahead").write_text(ahead)
    names = ("CLOCK", "CLOCK_AHEAD", "NOW", "TIME", "AHEAD", "OFFSET", "FAKETIME")
    environment = {f"{prefix}{name}": ahead for prefix in ("", "VALHALLA_") for name in names} | {
        "PYTHONPATH": str(tree),
        "PATH": os.environ["PATH"],
        "VALHALLA_LOCAL": str(tmp_path),
        "VALHALLA_STAGE": "prod",
        "VALHALLA_TABLE": "valhalla-prod",
        "VALHALLA_SECRETS": "secretsmanager:none",
        "AWS_REGION": "us-east-1",
    }
    program = (
        "import time; from chalicelib.functions import process_runtime; runtime = process_runtime.runtime();"
        "print(abs(runtime.context(request_id='r').now.timestamp() - time.time()))"
    )
    shown = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert float(shown.stdout) < 5
