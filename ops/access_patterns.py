"""`python -m ops access-patterns`: the table of access patterns in docs/access-patterns.md, from their declarations."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from chalicelib.foundation.manifest import Pack, import_string
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store.access_patterns import AccessPattern, patterns_of
from chalicelib.foundation.store.row import Row

PAGE = Path(__file__).parents[1] / "docs" / "access-patterns.md"
_BEGIN, _END = "<!-- access patterns: written by python -m ops access-patterns -->", "<!-- end of the access patterns -->"
_HEAD = ("row", "pattern", "index", "partition", "sort key", "serves")

app = typer.Typer()


def declared_rows(packs: Iterable[Pack]) -> Iterator[tuple[Pack, type[Row]]]:
    """The entities and other rows of the packs, each with its pack."""
    for pack in packs:
        for path in (*pack.entities.values(), *pack.rows):
            yield pack, import_string(path)


def declared_patterns(packs: Iterable[Pack]) -> Iterator[tuple[Pack, type[Row], AccessPattern]]:
    """The access patterns that the rows of the packs declare."""
    for pack, row in declared_rows(packs):
        for pattern in patterns_of(row):
            yield pack, row, pattern


def table(packs: Iterable[Pack]) -> str:
    """The access patterns as a table in Markdown, in the order of the packs."""
    lines = [_HEAD, ("---",) * len(_HEAD)]
    for pack, row, pattern in declared_patterns(PackRegistry(packs).in_order):
        keys = (f"`{template.text}`" for template in (pattern.partition, pattern.sort))
        lines.append((f"{pack.letter}: {row.__name__}", pattern.name, pattern.index, *keys, pattern.serves))
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def with_table(page: str, packs: Iterable[Pack]) -> str:
    """The page with the present table between its markers. ValueError where it has none."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the page has no markers for the access patterns")
    return f"{before}{begin}\n\n{table(packs)}\n\n{end}{after}"


@app.command("access-patterns")
def access_patterns_command(
    stage: Annotated[str, typer.Option(help="It is the same for every stage: ignored.", hidden=True)] = "",  # noqa: ARG001
) -> None:
    """Write the declared access patterns into docs/access-patterns.md. It needs no stage."""
    from chalicelib.packs import PACKS

    PAGE.write_text(with_table(PAGE.read_text(), PACKS))
    Console(highlight=False, soft_wrap=True).print(f"{sum(1 for _ in declared_patterns(PACKS))} access patterns are in {PAGE}.")
