"""The runtime that the functions of a process share, made from its environment at the first use."""

import os
from functools import lru_cache

from chalicelib.foundation.runtime import Runtime
from chalicelib.packs import PACKS


@lru_cache(maxsize=1)
def runtime() -> Runtime:
    """The process's runtime. Raises SettingsError."""
    return Runtime.from_environment(os.environ, PACKS)
