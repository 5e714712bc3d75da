"""A: the settings of a stage, one frozen object, read from the environment once.

A missing or invalid setting fails the start with one line that names it. A pack's own settings are declared by the pack.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from chalicelib.foundation import environment as env
from chalicelib.foundation.dates import is_time_zone
from chalicelib.foundation.environment import SettingsError, setting
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.money import MINOR_UNITS
from chalicelib.foundation.roles import ROLES

S = TypeVar("S")


def _zone(value: str) -> str:
    if not is_time_zone(value):
        raise ValueError("must be an IANA time zone, e.g. America/Los_Angeles")
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


def _rate(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 100_000):
        raise ValueError("must be a number of requests a second, e.g. 100")
    return int(value)


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for part in value.split(",") if (name := part.strip()))


def _minutes_of_a_day(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 1440):
        raise ValueError("must be a number of minutes from 1 to 1440")
    return int(value)


def _group_roles(value: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
    if any(not group.strip() or not role.strip() for group, _, role in pairs):
        raise ValueError("must be pairs such as Deal Team=dealmaker, separated by commas")
    if wrong := {role.strip() for _, _, role in pairs} - (set(ROLES) - {"professional"}):  # who is which professional no group says
        raise ValueError(f"knows no role {', '.join(sorted(wrong))} for a group")
    return tuple((group.strip(), role.strip()) for group, _, role in pairs)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between stages. Each field names its environment variable."""

    stage: str = setting("VALHALLA_STAGE", "the stage's name, e.g. dev or prod", env.text)
    table: str = setting("VALHALLA_TABLE", "the DynamoDB table's name", env.text)
    region: str = setting("AWS_REGION", "the AWS region", env.text)
    secrets: str = setting("VALHALLA_SECRETS", "the location of the secrets: file:<path> or secretsmanager:<name>", env.text)
    aws_endpoint: str | None = setting("VALHALLA_AWS_ENDPOINT", "an AWS emulator's URL; unset on AWS", env.text, None)
    public_url: str = setting("VALHALLA_PUBLIC_URL", "the URL under which callers reach the API", env.text, "http://127.0.0.1:8000")
    throttle_rate: int | None = setting(
        "VALHALLA_THROTTLE_RATE", "requests a second that the stage takes; one caller may send a quarter of them", _rate, None
    )
    cors_origins: tuple[str, ...] = setting("VALHALLA_CORS_ORIGINS", "origins that a browser may call from", _origins, ())
    firm_time_zone: str = setting("VALHALLA_FIRM_TIME_ZONE", "the time zone whose days are business days", _zone, "America/Los_Angeles")
    default_currency: str = setting("VALHALLA_DEFAULT_CURRENCY", "the currency where none is given", _currency, "USD")
    count_capacity: bool = setting("VALHALLA_COUNT_CAPACITY", "count consumed capacity and answer it", env.flag, False)
    debug_endpoints: bool = setting("VALHALLA_DEBUG_ENDPOINTS", "serve /debug", env.flag, False)
    mail_sender: str = setting("VALHALLA_MAIL_SENDER", "the address that mail comes from", env.text, "valhalla@example.com")
    mail_configuration_set: str | None = setting(
        "VALHALLA_MAIL_CONFIGURATION_SET",
        "the SES configuration set whose events (bounces, complaints) reach the outbox queue",
        env.text,
        None,
    )
    outbox_queue: str | None = setting("VALHALLA_OUTBOX_QUEUE", "the URL of the queue that mail and webhooks leave by", env.text, None)
    files_bucket: str | None = setting("VALHALLA_FILES_BUCKET", "the bucket of documents and exports", env.text, None)
    seals_bucket: str | None = setting("VALHALLA_SEALS_BUCKET", "the bucket under object lock, of the trail's seals", env.text, None)
    app_url: str | None = setting("VALHALLA_APP_URL", "the front end's URL, where links in mail lead to", _base_url, None)
    oidc_issuer: str | None = setting("VALHALLA_OIDC_ISSUER", "an outside OpenID issuer whose tokens are taken", _safe_url, None)
    oidc_audience: str | None = setting("VALHALLA_OIDC_AUDIENCE", "the audience that its tokens must be for", env.text, None)
    oidc_client_ids: tuple[str, ...] = setting(
        "VALHALLA_OIDC_CLIENT_IDS", "clients whose access tokens are taken without an audience, as Cognito's are", _names, ()
    )
    oidc_max_minutes: int = setting("VALHALLA_OIDC_MAX_MINUTES", "how many minutes its tokens may be issued for", _minutes_of_a_day, 60)
    oidc_jwks_url: str | None = setting("VALHALLA_OIDC_JWKS_URL", "where its public keys are", _safe_url, None)
    oidc_groups_claim: str = setting("VALHALLA_OIDC_GROUPS_CLAIM", "the claim that lists a user's groups", env.text, "groups")
    oidc_group_roles: tuple[tuple[str, str], ...] = setting(
        "VALHALLA_OIDC_GROUP_ROLES", "which group holds which role, e.g. Deal Team=dealmaker,Admins=admin", _group_roles, ()
    )
    git_revision: str = setting("VALHALLA_GIT_REVISION", "the deployed revision", env.text, "unknown")
    built_at: str = setting("VALHALLA_BUILT_AT", "when the artifact was made", env.text, "unknown")

    of_packs: tuple[object, ...] = ()  # the settings that packs declare, one object a pack

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], packs: Iterable[Pack] = ()) -> "Settings":
        """Read the settings, those of the packs among them; SettingsError names the first that is missing or wrong."""
        values: JsonObject = env.read(cls, environment)
        if "oidc_issuer" in values and not ("oidc_jwks_url" in values and values.keys() & {"oidc_audience", "oidc_client_ids"}):
            raise SettingsError(
                "VALHALLA_OIDC_ISSUER needs VALHALLA_OIDC_JWKS_URL, and VALHALLA_OIDC_AUDIENCE or VALHALLA_OIDC_CLIENT_IDS, as well."
            )
        declared = [pack.settings for pack in packs if pack.settings is not None]
        return cls(**values, of_packs=tuple(declaration(**env.read(declaration, environment)) for declaration in declared))

    def of(self, declared: type[S]) -> S:
        """The settings that a pack declares in `declared`; their defaults where none were read, as in tests."""
        return next((known for known in self.of_packs if isinstance(known, declared)), None) or declared()
