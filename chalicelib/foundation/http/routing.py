"""Path matching, the same locally, in tests and deployed: the gateway has only the routes `/` and `/{proxy+}`."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from chalicelib.foundation.errors import MethodNotAllowed, NotFound

_SEGMENT = re.compile(r"[A-Za-z0-9._~:@!$&'()*+,;=-]+", re.ASCII)
_PARAMETER = re.compile(r"\{([a-z_]+)\}")


class RouteMatch(NamedTuple):
    """A matched route: its path template, its methods, and the path parameters."""

    template: str
    methods: tuple[str, ...]
    parameters: dict[str, str]


class Router:
    """A tree of path segments. A literal segment has precedence over a parameter."""

    def __init__(self) -> None:
        self._root: _Node = _Node()

    def add(self, template: str, method: str) -> None:
        """Register one endpoint. AssertionError for two names of one parameter, or an endpoint registered twice."""
        node = self._root
        for segment in _split(template):
            if match := _PARAMETER.fullmatch(segment):
                if node.parameter is None:
                    node.parameter = (match[1], _Node())
                assert node.parameter[0] == match[1], f"{template}: the parameter is {node.parameter[0]} elsewhere"
                node = node.parameter[1]
            else:
                node = node.literals.setdefault(segment, _Node())
        assert method not in node.methods, f"{method} {template} is registered twice"
        node.template = template
        node.methods.append(method)

    def match(self, path: str) -> RouteMatch:
        """The route for `path`; one trailing slash is ignored. Raises NotFound, which repeats no token of a link."""
        node, parameters = self._root, {}
        template = ""
        for segment in _split(path):
            if literal := node.literals.get(segment):
                node, template = literal, f"{template}/{segment}"
            elif node.parameter and _SEGMENT.fullmatch(segment):
                name, node = node.parameter
                parameters[name] = segment
                template += f"/{{{name}}}"
            else:
                raise _no_such_address(node, template, parameters)
        if not node.methods:
            raise _no_such_address(node, template, parameters)
        return RouteMatch(node.template, tuple(node.methods), parameters)


class _Node:
    __slots__ = ("literals", "methods", "parameter", "template")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: tuple[str, _Node] | None = None
        self.template = ""
        self.methods: list[str] = []


def _no_such_address(node: _Node, template: str, parameters: Mapping[str, str]) -> NotFound:
    """What is answered to a path that leads nowhere beyond `node`: below a link it names the template, as the answers of links do."""
    if "token" in parameters:
        return NotFound("address", instance=template)
    if node.parameter and node.parameter[0] == "token":
        return NotFound("address", instance=f"{template}/{{token}}")
    return NotFound("address")


def _split(path: str) -> list[str]:
    return [] if path == "/" else path.removeprefix("/").removesuffix("/").split("/")


def resolve_method(match: RouteMatch, method: str) -> str:
    """The registered method that serves `method` (HEAD is served as GET). Raises MethodNotAllowed with Allow."""
    resolved = "GET" if method == "HEAD" else method
    if resolved not in match.methods:
        allowed = allow_header(match)
        raise MethodNotAllowed(f"{method} is not allowed here.", headers={"Allow": allowed}, allowed=allowed.split(", "))
    return resolved


def allow_header(match: RouteMatch) -> str:
    """The value of the Allow header."""
    methods = set(match.methods) | {"OPTIONS"} | ({"HEAD"} if "GET" in match.methods else set())
    return ", ".join(sorted(methods))
