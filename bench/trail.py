"""The trail: what reading, sealing and verifying it costs, and how long the verification of a whole stage takes."""

import time
from collections.abc import Callable
from typing import Any

from bench import environments, harness
from bench.environments import BenchEnvironment
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.context import Context
from chalicelib.packs.audit import repository, sealing
from chalicelib.packs.audit.seals import FIRST, make_seal
from ops.trail import broken_chains, verify_stage

Operation = Callable[[BenchEnvironment, dict[str, str]], Any]
CHAINS = 5000
_BULK = 100  # pipelines of a request


def _today(env: BenchEnvironment) -> str:
    return env.runtime.clock().date().isoformat()


def _context(env: BenchEnvironment) -> Context:
    return env.runtime.context(request_id="bench", actor=system_actor("trail-seal"))


def _seal_today(env: BenchEnvironment, _: dict[str, str]) -> None:
    """The seal of what was recorded so far, as the schedule makes it, but for S3."""
    ctx = _context(env)
    day = ctx.now.date()
    repository.last_seal(ctx.store)
    recorded = sealing.read_day(ctx, day)
    assert recorded is not None
    key = ctx.secrets.seal_keys[0]
    repository.create_seal(ctx.store, make_seal(day, recorded, FIRST, key.kid, key.private_pem))


# On the deal `handed` with its tasks and packets, and on the pipeline `busy`.
OPERATIONS: list[tuple[str, Operation]] = [
    ("read an entity's trail", lambda env, ids: env.call("GET", f"/audit/trail/{ids['busy']}")),
    ("changes of a day", lambda env, _: env.call("GET", "/audit/trail", query={"from": _today(env), "to": _today(env)})),
    ("timeline of a deal", lambda env, ids: env.call("GET", f"/deals/{ids['handed']}/timeline")),
    ("verify a chain", lambda env, ids: env.call("GET", f"/audit/verify/{ids['busy']}")),
    ("seal all that was recorded", _seal_today),
    ("verify that day", lambda env, _: env.call("GET", "/audit/verify", query={"date": _today(env)})),
    ("list seals", lambda env, _: env.call("GET", "/audit/seals")),
    ("ask for an export", lambda env, _: env.call("POST", "/audit/export", {"from": _today(env), "to": _today(env)})),
]


def measure(chains: int = CHAINS) -> dict[str, Any]:
    """How long it takes to verify so many chains of one record, in one pass and one chain after the other (of which a tenth is measured)."""
    from chalicelib.functions import streams

    with harness.capture_stdout(), environments.counting_reads() as environment:
        for _ in range(chains // _BULK):
            environment.call("POST", "/wholesale/bulk", {"items": [{"notes": "x"}] * _BULK})
            records = environment.records()
            for start in range(0, len(records), 60):
                streams.audit(environment.runtime, {"Records": records[start : start + 60]})
        context = lambda: _context(environment)  # noqa: E731
        began = time.perf_counter()
        verdict = verify_stage(environment.runtime, context)
        whole = time.perf_counter() - began
        assert not verdict.broken, verdict.broken
        some = verdict.entities[::10]
        began = time.perf_counter()
        assert not list(broken_chains(context, some))
        each = (time.perf_counter() - began) / len(some)
    found = len(verdict.entities)
    return {
        "chains": found,
        "seconds": round(whole, 2),
        "one_by_one_seconds": round(each * found, 2),
        "ratio": round(each * found / whole, 1),
    }
