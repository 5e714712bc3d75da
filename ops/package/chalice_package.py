"""`chalice package`, in a process of its own, with the dependencies finished once and kept.

Chalice downloads and unpacks every dependency anew whenever a line of the app changes. What they are depends on the
requirements, the Python version, the architecture and the AWS services in use alone, so they are kept under a hash of those,
pruned and compiled.

    python -m ops.package.chalice_package CACHE package --stage dev --merge-template merge.json out
"""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from chalice.cli import cli
from chalice.deploy import deployer
from chalice.deploy.packager import DependencyBuilder

from ops.package import artifact

_CACHE = Path()


class KeptDependencies(DependencyBuilder):  # type: ignore[misc]
    """Chalice's builder of site-packages, asked only when it wasn't before."""

    def build_site_packages(self, abi: str, requirements_filepath: str, target_directory: str) -> None:
        """Fill the directory; raises MissingDependencyError where Chalice would package without what is missing."""
        services = artifact.services_used(Path("chalicelib"))
        asked = "\n".join(
            (abi, self._machine, *sorted(services), Path(requirements_filepath).read_text(), Path(artifact.__file__).read_text())
        )
        kept = _CACHE / hashlib.sha256(asked.encode()).hexdigest()[:16]
        if not kept.is_dir():
            _CACHE.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
                fresh = Path(folder) / "site-packages"
                fresh.mkdir()
                super().build_site_packages(abi, requirements_filepath, str(fresh))
                artifact.finish_dependencies(fresh, services)
                # Moved when whole: two runs at once, or one that is killed, leave no half of it behind.
                if not kept.is_dir():
                    fresh.rename(kept)
        shutil.copytree(kept, target_directory, dirs_exist_ok=True)


def main(arguments: list[str]) -> Any:
    """Run Chalice's own command line with the kept dependencies."""
    global _CACHE  # the builder is made deep inside Chalice, which offers no way to hand it anything
    _CACHE = Path(arguments[0])
    deployer.PipDependencyBuilder = KeptDependencies
    return cli(arguments[1:], obj={})


if __name__ == "__main__":
    main(sys.argv[1:])
