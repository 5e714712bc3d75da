"""A: the settings of a stage, one frozen object, read from the environment once.

A missing or invalid setting fails the start with one line that names it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.foundation.auth.roles import ROLES
from chalicelib.foundation.money import MINOR_UNITS


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it."""


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value.strip()


def _flag(value: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False, "": False}
    if value.lower() not in words:
        raise ValueError("must be true or false")
    return words[value.lower()]


def _days(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 366):
        raise ValueError("must be a number of days from 1 to 366")
    return int(value)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be an IANA time zone, e.g. America/Los_Angeles") from None
    return value


def _currency(value: str) -> str:
    if value not in MINOR_UNITS:
        raise ValueError("must be an ISO 4217 code, e.g. USD")
    return value


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in value.split(",") if part.strip())
    if any(not origin.startswith(("http://", "https://")) or origin.endswith("/") for origin in origins):
        raise ValueError("must be origins such as https://app.example.com, separated by commas")
    return origins


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


def _base_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be a URL such as https://app.example.com")
    return value.rstrip("/")


def _safe_url(value: str) -> str:
    parts = urlsplit(value)
    loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or loopback):
        raise ValueError("must be an https URL (http only on this machine)")
    return value


def _group_roles(value: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
    if any(not group.strip() or not role.strip() for group, _, role in pairs):
        raise ValueError("must be pairs such as Deal Team=dealmaker, separated by commas")
    if wrong := {role.strip() for _, _, role in pairs} - (set(ROLES) - {"professional"}):  # who is which professional no group says
        raise ValueError(f"knows no role {', '.join(sorted(wrong))} for a group")
    return tuple((group.strip(), role.strip()) for group, _, role in pairs)


_REQUIRED = object()


def _setting(env: str, about: str, parse: Callable[[str], Any] = _text, default: Any = _REQUIRED) -> Any:
    metadata = {"env": env, "about": about, "parse": parse, "required": default is _REQUIRED}
    return field(metadata=metadata) if default is _REQUIRED else field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between stages. Each field names its environment variable."""

    stage: str = _setting("VALHALLA_STAGE", "the stage's name, e.g. dev or prod")
    table: str = _setting("VALHALLA_TABLE", "the DynamoDB table's name")
    region: str = _setting("AWS_REGION", "the AWS region")
    secrets: str = _setting("VALHALLA_SECRETS", "the location of the secrets: file:<path> or secretsmanager:<name>")
    aws_endpoint: str | None = _setting("VALHALLA_AWS_ENDPOINT", "an AWS emulator's URL; unset on AWS", default=None)
    public_url: str = _setting("VALHALLA_PUBLIC_URL", "the URL under which callers reach the API", default="http://127.0.0.1:8000")
    cors_origins: tuple[str, ...] = _setting("VALHALLA_CORS_ORIGINS", "origins that a browser may call from", _origins, ())
    firm_time_zone: str = _setting("VALHALLA_FIRM_TIME_ZONE", "the time zone whose days are business days", _zone, "America/Los_Angeles")
    default_currency: str = _setting("VALHALLA_DEFAULT_CURRENCY", "the currency where none is given", _currency, "USD")
    count_capacity: bool = _setting("VALHALLA_COUNT_CAPACITY", "count consumed capacity and answer it", _flag, False)
    debug_endpoints: bool = _setting("VALHALLA_DEBUG_ENDPOINTS", "serve /debug", _flag, False)
    offer_before_contract: str = _setting(
        "VALHALLA_OFFER_BEFORE_CONTRACT", "what an offer of a house not under contract meets", _choice("refuse", "warn"), "refuse"
    )
    require_pof: bool = _setting("VALHALLA_REQUIRE_POF", "refuse to assign without a proof of funds", _flag, False)
    fx_max_age_days: int = _setting("VALHALLA_FX_MAX_AGE_DAYS", "how many days old a rate may be that is converted by", _days, 30)
    mail_sender: str = _setting("VALHALLA_MAIL_SENDER", "the address that mail comes from", default="valhalla@example.com")
    outbox_queue: str | None = _setting("VALHALLA_OUTBOX_QUEUE", "the URL of the queue that mail and webhooks leave by", default=None)
    app_url: str | None = _setting("VALHALLA_APP_URL", "the front end's URL, where links in mail lead to", _base_url, None)
    oidc_issuer: str | None = _setting("VALHALLA_OIDC_ISSUER", "an outside OpenID issuer whose tokens are taken", _safe_url, None)
    oidc_audience: str | None = _setting("VALHALLA_OIDC_AUDIENCE", "the audience that its tokens must be for", default=None)
    oidc_jwks_url: str | None = _setting("VALHALLA_OIDC_JWKS_URL", "where its public keys are", _safe_url, None)
    oidc_groups_claim: str = _setting("VALHALLA_OIDC_GROUPS_CLAIM", "the claim that lists a user's groups", default="groups")
    oidc_group_roles: tuple[tuple[str, str], ...] = _setting(
        "VALHALLA_OIDC_GROUP_ROLES", "which group holds which role, e.g. Deal Team=dealmaker,Admins=admin", _group_roles, ()
    )
    git_revision: str = _setting("VALHALLA_GIT_REVISION", "the deployed revision", default="unknown")
    built_at: str = _setting("VALHALLA_BUILT_AT", "when the artifact was made", default="unknown")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings; raises SettingsError with setting line that names the first setting that is missing or wrong."""
        values: dict[str, Any] = {}
        for setting in fields(cls):
            env, parse = setting.metadata["env"], setting.metadata["parse"]
            value = environment.get(env)
            if value is None or (value == "" and not setting.metadata["required"]):
                if setting.metadata["required"]:
                    raise SettingsError(f"{env} is not set: {setting.metadata['about']}.")
                continue
            try:
                values[setting.name] = parse(value)
            except ValueError as error:
                raise SettingsError(f"{env} {error} ({setting.metadata['about']}).") from None
        if "oidc_issuer" in values and not {"oidc_audience", "oidc_jwks_url"} <= values.keys():
            raise SettingsError("VALHALLA_OIDC_ISSUER needs VALHALLA_OIDC_AUDIENCE and VALHALLA_OIDC_JWKS_URL beside it.")
        return cls(**values)
