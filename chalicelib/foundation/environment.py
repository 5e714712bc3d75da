"""Settings from environment variables: a frozen dataclass, each field of which names its variable, its meaning and its parser.

    @dataclass(frozen=True, kw_only=True)
    class HoldingsSettings:
        fx_max_age_days: int = setting("VALHALLA_FX_MAX_AGE_DAYS", "how many days old a rate may be", days, 30)

A missing or invalid variable raises SettingsError with one line that names it.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, field, fields
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Required:
    """Stands for the absent default of a required setting."""


_REQUIRED = _Required()


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it."""


def text(value: str) -> str:
    """A text that is not blank."""
    if not value.strip():
        raise ValueError("must not be empty")
    return value.strip()


def flag(value: str) -> bool:
    """True or false."""
    words = {"true": True, "1": True, "false": False, "0": False, "": False}
    if value.lower() not in words:
        raise ValueError("must be true or false")
    return words[value.lower()]


def days(value: str) -> int:
    """A number of days, a year at most."""
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 366):
        raise ValueError("must be a number of days from 1 to 366")
    return int(value)


def choice(*choices: str) -> Callable[[str], str]:
    """One of some words."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


def setting(env: str, about: str, parse: Callable[[str], T], default: T | _Required = _REQUIRED) -> T:
    """A field that is read from the variable `env`; required where it has no default. `parse` raises ValueError."""
    metadata = {"env": env, "about": about, "parse": parse, "required": default is _REQUIRED}
    return cast(T, field(metadata=metadata) if default is _REQUIRED else field(default=default, metadata=metadata))


def setting_fields(declared: type) -> list[Field[Any]]:
    """The fields of a class of settings that are read from the environment."""
    return [entry for entry in fields(declared) if "env" in entry.metadata]


def read(declared: type, environment: Mapping[str, str]) -> dict[str, object]:
    """The values by field, for those that the environment sets. Raises SettingsError for the first that is missing or wrong.

    An empty optional variable counts as absent.
    """
    values: dict[str, object] = {}
    for entry in setting_fields(declared):
        env, about = entry.metadata["env"], entry.metadata["about"]
        value = environment.get(env)
        if value is None or (value == "" and not entry.metadata["required"]):
            if entry.metadata["required"]:
                raise SettingsError(f"{env} is not set: {about}.")
            continue
        try:
            values[entry.name] = entry.metadata["parse"](value)
        except ValueError as error:
            raise SettingsError(f"{env} {error} ({about}).") from None
    return values
