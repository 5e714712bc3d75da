"""Cost of a match over 100, 1,000 and 5,000 professionals, of whom everything is known: round trips, read units, milliseconds."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from bench import environments, harness
from bench.environments import BenchEnvironment
from bench.scale import cost
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.ids import ulid
from chalicelib.foundation.projections import AGGREGATE, Contribution, merge
from chalicelib.foundation.store.codec import DynamoItem, encode_item
from chalicelib.packs.scorecards import projections as scorecards
from chalicelib.packs.scorecards.entities import Professional
from chalicelib.packs.scorecards.rules.professionals import ROLES
from chalicelib.packs.scorecards.rules.scorecard import Record
from chalicelib.packs.signals.entities import CurrentSignals

SIZES = (100, 1_000, 5_000)
NEED = {"specializations": ["title", "real estate"], "jurisdiction": "US-WA", "max_rate": 250, "hours": 10, "limit": 50}
FIELDS = ("title", "real estate", "tax", "lending", "litigation", "appraisal")


class _Stamp:
    """Who writes, as entities ask."""

    actor = system_actor("bench")
    request_id = correlation_id = "bench"

    def __init__(self, now: datetime) -> None:
        self.now = now


def rows(size: int, existing: int) -> Iterator[DynamoItem]:
    """What matching reads of professionals number `existing` to `size`: cards, newest signals, and the numbers of ten interactions,
    a retainer and two tasks each.
    """
    chance, total = random.Random(existing), Contribution()
    for number in range(existing, size):
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        one = Professional.new(
            _Stamp(now),
            id=f"pro_{ulid(now)}",
            name=f"Professional Number {number:05}",
            role=ROLES[number % len(ROLES)],
            public_urls=[],
            jurisdictions=["US-WA"],
            specializations=chance.sample(FIELDS, 3),
            hourly_rate=Decimal(100 + number % 200),
            currency="USD",
            licenses=[{"kind": "bar", "number": "1", "jurisdiction": "US-WA", "expires_on": f"202{5 + number % 5}-12-31"}],
            is_active=True,
        )
        yield one.card.to_item()
        yield _signals(one.id, now, chance)
        for day in range(10):
            share = Decimal(chance.randrange(50, 100)) / 100
            record = Record(one.role, date(2026, 1, 1) + timedelta(days=9 * day), chance.random() < 0.8, share, share, Decimal(8))
            merge(total, scorecards.contribution(one.id, record))
        merge(total, {scorecards.score_row(one.id): {"retainers": 1, "minutes": chance.randrange(2400), "estimated": Decimal("6.5")}})
    for (pk, sk), numbers in total.items():
        if pk == scorecards.score_row("x")[0]:
            yield encode_item({"pk": pk, "sk": f"{sk}@1", "t": AGGREGATE, "g": 1, **numbers})


def _signals(professional_id: str, now: datetime, chance: random.Random) -> DynamoItem:
    signals = {
        "communication_clarity": Decimal(chance.randrange(100)) / 100,
        "professionalism_tone": Decimal(chance.randrange(100)) / 100,
        "transparency_level": Decimal(chance.randrange(100)) / 100,
        "response_expectation": 24,
        "service_specialization": [{"name": name, "hits": 3} for name in FIELDS[:3]],
        "risk_style": "balanced",
    }
    signal_id = f"sig_p{professional_id.partition('_')[2]}{ulid(now)}"
    return CurrentSignals.at(
        CurrentSignals.key_of(professional_id), changes=1, signal_id=signal_id, signals=signals, created_at=now
    ).to_item()


def measure(sizes: tuple[int, ...] = SIZES) -> list[dict[str, Any]]:
    """A row for each size: the cost of a match."""
    results, existing = [], 0
    with harness.capture_stdout(), environments.counting_reads() as environment:
        for size in sizes:
            _write(environment, list(rows(size, existing)))
            existing = size
            match_cost = cost(environment, partial(_match, environment, size))
            results.append({"professionals": size, **match_cost})
    return results


def _match(environment: BenchEnvironment, size: int) -> None:
    found = environment.call("POST", "/pros/match", NEED)
    assert found["eligible"] + found["ruled_out"] == size, found


def _write(environment: BenchEnvironment, items: list[DynamoItem]) -> None:
    client = environment.runtime.dynamodb
    for start in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        left = client.batch_write_item(RequestItems={harness.TABLE: requests})["UnprocessedItems"]
        assert not left


if __name__ == "__main__":
    for row in measure():
        print(row)
