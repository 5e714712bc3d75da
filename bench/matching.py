"""Cost of a pipeline's matches in a market of 500 buyers, alone and among 10,000: round trips, read units, milliseconds."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import environments, harness
from bench.environments import BenchEnvironment
from bench.scale import cost
from bench.warm import LEAD

IN_MARKET = 500
SIZES = (500, 10_000)


def buyers(size: int, existing: int) -> Iterator[dict[str, Any]]:
    """Buyers number `existing` to `size`: the first 500 buy in the property's market, the others elsewhere."""
    for number in range(existing, size):
        market = "981*" if number < IN_MARKET else f"{200 + number % 700}*"
        box = {
            "markets": [market],
            "property_types": ["single_family"],
            "price_min": 50000,
            "price_max": 900000,
            "bedrooms_min": number % 5,
        }
        yield {"name": f"Buyer {number:05}", "email": f"buyer{number}@example.com", "buy_box": box}


def measure(sizes: tuple[int, ...] = SIZES) -> list[dict[str, Any]]:
    """A row for each size: the cost of a page of matches."""
    rows, existing = [], 0
    with harness.capture_stdout(), environments.counting_reads() as environment:
        pipeline = _under_contract(environment)
        for size in sizes:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda buyer: environment.call("POST", "/dispo/buyers", buyer), buyers(size, existing)))
            existing = size
            match_cost = cost(environment, lambda: environment.call("GET", f"/dispo/pipelines/{pipeline}/matches"))
            rows.append({"buyers": size, "in_market": IN_MARKET, **match_cost})
    return rows


def _under_contract(environment: BenchEnvironment) -> str:
    address = {**LEAD["property"]["address"]}
    lead = LEAD | {"property": {**LEAD["property"], "address": address, "type": "single_family"}}
    lead |= {"stage": "under_contract", "contract_price": 150000}
    return str(environment.call("POST", "/wholesale", lead)["id"])


if __name__ == "__main__":
    for row in measure():
        print(row)
