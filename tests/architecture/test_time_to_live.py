"""Rows that end count as gone from that instant on, though DynamoDB serves them for days: one module decides it for all readers."""

import ast
from pathlib import Path

CHALICELIB = Path(__file__).parents[2] / "chalicelib"
READER = CHALICELIB / "foundation" / "store" / "expiry.py"
CACHE = CHALICELIB / "foundation" / "cache.py"  # whose entries have a time to live too, and are no rows


def reads(source):
    """The lines that compare a `ttl`, or take it out of a row or put it in a condition, without asking the module that knows."""
    tree = ast.parse(source)
    asked = {id(argument) for call in ast.walk(tree) if isinstance(call, ast.Call) and _name(call) == "has_ended" for argument in call.args}
    for node in ast.walk(tree):
        if (
            (isinstance(node, ast.Compare) and any(_is_ttl(part) and id(part) not in asked for part in (node.left, *node.comparators)))
            or (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript) and _is_ttl(node.value))
            or (
                isinstance(node, ast.Call)
                and _name(node) == "attribute"
                and [ast.unparse(one) for one in node.args] in (["'ttl'"], ["TTL_ATTRIBUTE"])
            )
        ):
            yield node.lineno


def _name(call):
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _is_ttl(node):
    if isinstance(node, ast.Attribute):
        return node.attr == "ttl"
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == "ttl"


def test_only_one_module_looks_at_when_a_row_ends():
    found = [
        f"{path.relative_to(CHALICELIB)}:{line}"
        for path in sorted(CHALICELIB.rglob("*.py"))
        if path not in (READER, CACHE)
        for line in reads(path.read_text())
    ]
    assert found == []


def test_it_finds_what_it_looks_for():
    for line in ('row["ttl"]["N"]', 'row["ttl"] > now', "event.ttl <= now", 'attribute("ttl") < now', "attribute(TTL_ATTRIBUTE) < now"):
        assert list(reads(line)) != [], line
    for line in ('has_ended(row["ttl"], now)', "has_ended(event.ttl, now)", 'values["ttl"] = 1', '{"ttl": now}'):
        assert list(reads(line)) == [], line
