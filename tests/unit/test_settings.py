"""Settings: each from the environment, each with one clear line where it is wrong, each documented."""

import dataclasses
import re
from pathlib import Path

import pytest

from chalicelib.foundation.environment import SettingsError, setting_fields
from chalicelib.foundation.settings import Settings
from chalicelib.packs import PACKS
from chalicelib.packs.dispositions.settings import DispositionsSettings
from chalicelib.packs.holdings.settings import HoldingsSettings

DECLARED = (Settings, *(pack.settings for pack in PACKS if pack.settings))
FIELDS = {one.metadata["env"]: one for declared in DECLARED for one in setting_fields(declared)}
NEEDED = {
    "VALHALLA_STAGE": "dev",
    "VALHALLA_TABLE": "valhalla-dev",
    "AWS_REGION": "us-west-2",
    "VALHALLA_SECRETS": "file:/tmp/secrets.json",
}
PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def row(one):
    default = "needed" if one.metadata["required"] else shown(one.default)
    return f"| `{one.metadata['env']}` | {one.metadata['about']} | {default} |"


def shown(default):
    if default in (None, "", ()):
        return "unset"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize("env", FIELDS)
def test_every_setting_is_documented_with_its_default(env):
    assert row(FIELDS[env]) in PAGE.read_text().splitlines(), f"docs/settings.md lacks the row\n{row(FIELDS[env])}"


def test_the_page_names_no_setting_that_does_not_exist():
    assert set(re.findall(r"^\| `([A-Z_]+)`", PAGE.read_text(), re.MULTILINE)) == set(FIELDS)


def test_what_is_needed_is_enough():
    found = Settings.from_environment(NEEDED)
    assert (found.stage, found.table, found.region) == ("dev", "valhalla-dev", "us-west-2")
    assert found.cors_origins == ()


@pytest.mark.parametrize("env", NEEDED)
@pytest.mark.parametrize("given", [None, "", "   "])
def test_a_missing_one_is_named_in_one_line(env, given):
    environment = {name: value for name, value in NEEDED.items() if name != env} | ({} if given is None else {env: given})
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environment, PACKS)
    assert str(caught.value).startswith(env)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("env", "given"),
    [
        ("VALHALLA_CORS_ORIGINS", "app.example.com"),
        ("VALHALLA_CORS_ORIGINS", "https://app.example.com/"),
        ("VALHALLA_CORS_ORIGINS", "*"),
        ("VALHALLA_FIRM_TIME_ZONE", "Mars/Olympus"),
        ("VALHALLA_FIRM_TIME_ZONE", "../etc/passwd"),
        ("VALHALLA_DEFAULT_CURRENCY", "usd"),
        ("VALHALLA_COUNT_CAPACITY", "perhaps"),
        ("VALHALLA_OFFER_BEFORE_CONTRACT", "allow"),
    ],
)
def test_a_wrong_one_is_named_in_one_line(env, given):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({**NEEDED, env: given}, PACKS)
    assert str(caught.value).startswith(env)
    assert "\n" not in str(caught.value)


def test_values_are_read_as_what_they_are():
    given = {"VALHALLA_CORS_ORIGINS": "https://a.example.com, https://b.example.com", "VALHALLA_COUNT_CAPACITY": "TRUE"}
    found = Settings.from_environment({**NEEDED, **given})
    assert found.cors_origins == ("https://a.example.com", "https://b.example.com")
    assert found.count_capacity is True


def test_each_pack_has_its_own():
    found = Settings.from_environment({**NEEDED, "VALHALLA_REQUIRE_POF": "true"}, PACKS)
    assert found.of(DispositionsSettings) == DispositionsSettings(require_pof=True)
    assert found.of(HoldingsSettings).fx_max_age_days == 30


def test_no_variable_is_declared_twice():
    assert len(FIELDS) == sum(len(setting_fields(declared)) for declared in DECLARED)


def test_an_empty_optional_one_is_as_good_as_none():
    assert Settings.from_environment({**NEEDED, "VALHALLA_AWS_ENDPOINT": ""}).aws_endpoint is None


def test_settings_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.from_environment(NEEDED).stage = "prod"
