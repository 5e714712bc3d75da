"""`Any` switches the type checker off: it is counted, imports included, and stays rare."""

import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 10.0  # in 1,000 lines


def uses(source):
    """How often a module names `Any`; comments and texts don't count."""
    return sum(token.type == tokenize.NAME and token.string == "Any" for token in tokenize.generate_tokens(io.StringIO(source).readline))


def test_any_is_rare():
    files = {path.relative_to(ROOT): path.read_text() for path in sorted((ROOT / "chalicelib").rglob("*.py"))}
    counts = {path: uses(source) for path, source in files.items()}
    lines = sum(len(source.splitlines()) for source in files.values())
    share = 1000 * sum(counts.values()) / lines
    worst = "\n".join(f"{count:4} {path}" for path, count in sorted(counts.items(), key=lambda entry: -entry[1])[:15])
    assert share <= LIMIT, f"{share:.1f} in 1,000 lines; most are in\n{worst}"
