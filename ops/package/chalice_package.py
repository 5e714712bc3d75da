"""`chalice package`, in a process of its own, with cached dependencies.

Chalice downloads and unpacks every dependency again whenever a line of the app changes. They depend only on the requirements, the
Python version, the architecture and the AWS services in use, so they are cached under a hash of those, pruned and compiled.

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


class CachedDependencies(DependencyBuilder):  # type: ignore[misc]
    """Chalice's builder of site-packages with a cache."""

    def build_site_packages(self, abi: str, requirements_filepath: str, target_directory: str) -> None:
        """Fill the directory; raises MissingDependencyError where Chalice would package without a missing dependency."""
        services = artifact.services_used(Path("chalicelib"))
        cache_key = "\n".join(
            (abi, self._machine, *sorted(services), Path(requirements_filepath).read_text(), Path(artifact.__file__).read_text())
        )
        cached = _CACHE / hashlib.sha256(cache_key.encode()).hexdigest()[:16]
        if not cached.is_dir():
            _CACHE.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
                fresh = Path(folder) / "site-packages"
                fresh.mkdir()
                super().build_site_packages(abi, requirements_filepath, str(fresh))
                artifact.finish_dependencies(fresh, services)
                # Moved when complete: concurrent or interrupted runs leave no partial folder.
                if not cached.is_dir():
                    fresh.rename(cached)
        shutil.copytree(cached, target_directory, dirs_exist_ok=True)


def main(arguments: list[str]) -> Any:
    """Run Chalice's own command line with the cached dependencies."""
    global _CACHE  # Chalice creates the builder itself and offers no way to pass arguments to it
    _CACHE = Path(arguments[0])
    deployer.PipDependencyBuilder = CachedDependencies
    return cli(arguments[1:], obj={})


if __name__ == "__main__":
    main(sys.argv[1:])
