"""What docs/access-patterns.md says of round trips, by what is done."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "access-patterns.md"
_ROW = re.compile(r"^\| ((?:GET|POST|PUT|PATCH|DELETE|the same)[^|]*) \|[^|]*\| (\d+) \|", re.MULTILINE)


def documented_round_trips(beginning: str) -> dict[str, int]:
    """The round trips of endpoints whose path begins so. "the same, …" goes on with the endpoint above it."""
    counts, endpoint = {}, ""
    for operation, trips in _ROW.findall(PAGE.read_text()):
        endpoint = endpoint if operation.startswith("the same") else re.split(", ", operation)[0]
        if endpoint.split(" ")[1].startswith(beginning):
            counts[operation.replace("the same", endpoint)] = int(trips)
    return counts
