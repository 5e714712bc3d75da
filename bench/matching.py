"""A pipeline's matches in a market of 500 buyers, alone and among 10,000: trips, read units and milliseconds, on DynamoDB Local."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import engines, house
from bench.engines import World
from bench.scale import cost
from bench.warm import LEAD

IN_MARKET = 500
SIZES = (500, 10_000)


def buyers(size: int, there: int) -> Iterator[dict[str, Any]]:
    """Buyers that bring their number from `there` to `size`: the first 500 buy where the house stands, the others elsewhere."""
    for number in range(there, size):
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
    """A row a size: what a page of matches costs."""
    rows, there = [], 0
    with house.quiet(), engines.counting_reads() as world:
        pipeline = _under_contract(world)
        for size in sizes:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda one: world.call("POST", "/dispo/buyers", one), buyers(size, there)))
            there = size
            found = cost(world, lambda: world.call("GET", f"/dispo/pipelines/{pipeline}/matches"))
            rows.append({"buyers": size, "in_market": IN_MARKET, **found})
    return rows


def _under_contract(world: World) -> str:
    address = {**LEAD["property"]["address"]}
    lead = LEAD | {"property": {**LEAD["property"], "address": address, "type": "single_family"}}
    lead |= {"stage": "under_contract", "contract_price": 150000}
    return str(world.call("POST", "/wholesale", lead)["id"])


if __name__ == "__main__":
    for row in measure():
        print(row)
