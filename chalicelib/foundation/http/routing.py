"""Matching of paths, the same locally, in tests and deployed: the gateway only knows `/` and `/{proxy+}`."""

import re
from typing import NamedTuple

from chalicelib.foundation.errors import MethodNotAllowed, NotFound

_SEGMENT = re.compile(r"[A-Za-z0-9._~:@!$&'()*+,;=-]+", re.ASCII)
_PARAMETER = re.compile(r"\{([a-z_]+)\}")


class Match(NamedTuple):
    """A route that was found: its path template, its verbs, and the path parameters."""

    template: str
    methods: tuple[str, ...]
    parameters: dict[str, str]


class Routes:
    """A tree of path segments. A literal segment goes before a parameter."""

    def __init__(self) -> None:
        self._root: _Node = _Node()

    def add(self, template: str, method: str) -> None:
        """Register one endpoint; two names for one parameter, or an endpoint twice, are mistakes of ours."""
        node = self._root
        for segment in _split(template):
            if found := _PARAMETER.fullmatch(segment):
                if node.parameter is None:
                    node.parameter = (found[1], _Node())
                assert node.parameter[0] == found[1], f"{template}: the parameter is {node.parameter[0]} elsewhere"
                node = node.parameter[1]
            else:
                node = node.literals.setdefault(segment, _Node())
        assert method not in node.methods, f"{method} {template} is registered twice"
        node.template = template
        node.methods.append(method)

    def match(self, path: str) -> Match:
        """The route for `path`; NotFound where there is none. One trailing slash is the same address."""
        node, parameters = self._root, {}
        for segment in _split(path):
            if literal := node.literals.get(segment):
                node = literal
            elif node.parameter and _SEGMENT.fullmatch(segment):
                name, node = node.parameter
                parameters[name] = segment
            else:
                raise NotFound("address")
        if not node.methods:
            raise NotFound("address")
        return Match(node.template, tuple(node.methods), parameters)


class _Node:
    __slots__ = ("literals", "methods", "parameter", "template")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: tuple[str, _Node] | None = None
        self.template = ""
        self.methods: list[str] = []


def _split(path: str) -> list[str]:
    return [] if path == "/" else path.removeprefix("/").removesuffix("/").split("/")


def verb(match: Match, method: str) -> str:
    """The registered verb that answers `method` (HEAD is answered as GET); MethodNotAllowed with Allow otherwise."""
    wanted = "GET" if method == "HEAD" else method
    if wanted not in match.methods:
        allowed = allow(match)
        raise MethodNotAllowed(f"{method} is not allowed here.", headers={"Allow": allowed}, allowed=allowed.split(", "))
    return wanted


def allow(match: Match) -> str:
    """The value of the Allow header."""
    verbs = set(match.methods) | {"OPTIONS"} | ({"HEAD"} if "GET" in match.methods else set())
    return ", ".join(sorted(verbs))
