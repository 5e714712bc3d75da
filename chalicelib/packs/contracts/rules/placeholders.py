"""The placeholders of templates: `{{name}}` stands for a value. Any other brace is refused, since it is most likely a slip in one."""

import re
from collections.abc import Collection, Mapping

_NAME = "[a-z][a-z0-9_]{0,59}"
_PLACEHOLDER = re.compile(rf"(?<!\{{)\{{\{{({_NAME})\}}\}}(?!\}})", re.ASCII)
_BRACE = re.compile(r"[{}]")


def placeholders(*texts: str) -> list[str]:
    """The names of the placeholders, each once, in the order in which they first come."""
    return list(dict.fromkeys(name for text in texts for name in _PLACEHOLDER.findall(text)))


def misplaced(text: str) -> str | None:
    """Some of the text around the first brace that is no placeholder; None where there are none."""
    rest = _PLACEHOLDER.sub(lambda match: "\0" * len(match[0]), text)
    found = _BRACE.search(rest)
    return None if found is None else text[found.start() : found.start() + 40].splitlines()[0]


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with a value in the place of each placeholder. What stands in a value stays as it is."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def missing(names: Collection[str], values: Mapping[str, str]) -> list[str]:
    """The placeholders that have no value."""
    return [name for name in names if name not in values]


def unknown(names: Collection[str], values: Mapping[str, str]) -> list[str]:
    """The values that no placeholder takes."""
    return [name for name in values if name not in names]
