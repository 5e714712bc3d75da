"""Run as a program: every request model of every pack is validated for the first time by 32 threads at once.

It prints the failures that are no refusal of the input, and how many models were validated.
"""

import sys
import threading

from pydantic import BaseModel

from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.http.handlers import handler_for, validate
from chalicelib.packs import PACKS

THREADS = 32


def models() -> list[type[BaseModel]]:
    """The request models of all endpoints."""
    specs = [handler_for(pack, endpoint) for pack in PACKS for endpoint in pack.endpoints]
    return list(dict.fromkeys(model for spec in specs for model in (spec.query, spec.body) if model is not None))


def failures_of(model: type[BaseModel]) -> list[str]:
    """What other than a refusal the threads met."""
    failures: list[str] = []
    start = threading.Barrier(THREADS)

    def validate_once() -> None:
        start.wait()
        try:
            validate(model, {"unknown": 1})
        except ValidationFailed:
            pass
        except Exception as error:
            failures.append(f"{model.__name__}: {error!r}")

    threads = [threading.Thread(target=validate_once) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


if __name__ == "__main__":
    sys.setswitchinterval(1e-6)
    found = models()
    print([failure for model in found for failure in failures_of(model)], len(found))  # noqa: T201
