"""How a computed figure explains itself: `?explain=true`, in one form everywhere."""

from collections.abc import Iterable, Mapping
from typing import NotRequired

from typing_extensions import TypedDict

from chalicelib.foundation.json_codec import JsonObject


class Formula(TypedDict):
    """A formula, and which edition of it."""

    id: str
    version: int


class Explanation(TypedDict):
    """Where a computed figure comes from.

    `as_of` is the instant or the day that the inputs hold for; `missing` names the inputs that it would need and that are unknown.
    """

    inputs: JsonObject
    formula: Formula
    as_of: str
    missing: list[str]


class Explained(TypedDict):
    """The part of an answer that is there on request: `?explain=true`."""

    explain: NotRequired[Explanation]


def explain(formula: str, inputs: Mapping[str, object], as_of: str, missing: Iterable[str] = (), *, version: int = 1) -> Explanation:
    """The explanation of a figure by the `version` of a `formula`, from these inputs."""
    return {
        "inputs": dict(inputs),
        "formula": {"id": formula, "version": version},
        "as_of": as_of,
        "missing": list(missing),
    }
