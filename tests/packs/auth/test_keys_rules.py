"""Signing keys: rotation with an overlap, the published set, and what start-up does not import."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from moto import mock_aws
from typer.testing import CliRunner

import ops.bootstrap
import ops.cli
from chalicelib.foundation import aws, key_pairs
from chalicelib.foundation.auth import key_rotation, tokens
from chalicelib.foundation.auth.sessions import RefreshToken
from chalicelib.foundation.errors import Unauthenticated
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import Secrets, completed, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.packs import PACKS

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
OVERLAP = timedelta(minutes=30)
SETTINGS = Settings(stage="test", table="t", region="us-east-1", secrets="file:/dev/null")


def issue(secrets, now):
    return tokens.issue(SETTINGS, secrets, now, user_id="user_x", roles=["viewer"], session="ses_x")


def verify(token, secrets, now):
    return tokens.verify(token, SETTINGS, secrets, now)


@pytest.fixture
def first():
    return new_secrets(NOW - timedelta(days=90))


def test_the_new_key_is_published_at_once_and_signs_when_its_time_comes(first):
    found = key_rotation.rotate_json(first, NOW, OVERLAP)
    secrets = Secrets.from_json(found.secrets)
    old = Secrets.from_json(first).signing_keys[0].kid
    assert {key["kid"] for key in tokens.key_set(secrets)} == {old, found.added}
    assert tokens.signing_key(secrets, NOW + OVERLAP - timedelta(milliseconds=1)).kid == old
    assert tokens.signing_key(secrets, NOW + OVERLAP).kid == found.added
    assert found.dropped == ()


def test_a_token_of_the_old_key_holds_to_its_end_whatever_rotates(first):
    second = key_rotation.rotate_json(first, NOW, OVERLAP)
    last_moment = NOW + OVERLAP + timedelta(minutes=5)  # a process that learns of the new key only then
    token = issue(Secrets.from_json(first), last_moment)
    third = key_rotation.rotate_json(second.secrets, last_moment + timedelta(minutes=1), OVERLAP)
    end = last_moment + tokens.ACCESS_TTL + tokens.LEEWAY
    assert verify(token, Secrets.from_json(third.secrets), end).user_id == "user_x"
    fourth = key_rotation.rotate_json(third.secrets, end + timedelta(minutes=20), OVERLAP)
    assert Secrets.from_json(first).signing_keys[0].kid in (*third.dropped, *fourth.dropped)
    with pytest.raises(Unauthenticated):
        verify(token, Secrets.from_json(fourth.secrets), end)


def test_everything_else_in_the_secret_stays(first):
    before, after = json.loads(first), json.loads(key_rotation.rotate_json(first, NOW, OVERLAP).secrets)
    assert {name: value for name, value in after.items() if name != "signing_keys"} == {
        name: value for name, value in before.items() if name != "signing_keys"
    }


def test_seal_keys_are_added_on_request_only_and_stay(first):
    assert key_rotation.rotate_json(first, NOW, OVERLAP).added_seal_key == ""
    found = key_rotation.rotate_json(first, NOW, OVERLAP, seal_key=True)
    later = key_rotation.rotate_json(found.secrets, NOW + timedelta(days=400), OVERLAP, seal_key=True)
    keys = Secrets.from_json(later.secrets).seal_keys
    assert [key.kid for key in keys][1:] == [found.added_seal_key, later.added_seal_key]
    assert keys[:1] == Secrets.from_json(first).seal_keys
    assert key_pairs.active_key(keys, NOW + OVERLAP - timedelta(milliseconds=1)) == keys[0]
    assert key_pairs.active_key(keys, NOW + OVERLAP) == keys[1]
    assert [key["kid"] for key in key_pairs.key_set(keys)] == [key.kid for key in keys]
    assert not {key.private_pem for key in keys} & {key.private_pem for key in Secrets.from_json(later.secrets).signing_keys}


def test_secrets_of_before_there_were_seals_get_a_key_that_seals_at_once(first):
    old = json.dumps({name: value for name, value in json.loads(first).items() if name != "seal_keys"})
    assert Secrets.from_json(old).seal_keys == ()
    with pytest.raises(ValueError, match="empty"):
        key_pairs.active_key(Secrets.from_json(old).seal_keys, NOW)
    found = key_rotation.rotate_json(old, NOW, OVERLAP)
    (key,) = Secrets.from_json(found.secrets).seal_keys
    assert (key.kid, key.active_from) == (found.added_seal_key, NOW)
    (key,) = Secrets.from_json(completed(old, NOW)).seal_keys
    assert key.active_from == NOW
    assert completed(first, NOW) == first


def test_one_rotation_at_a_time(first):
    found = key_rotation.rotate_json(first, NOW, OVERLAP)
    with pytest.raises(ValueError, match="not begun"):
        key_rotation.rotate_json(found.secrets, NOW + timedelta(minutes=29), OVERLAP)


def test_an_overlap_shorter_than_anyones_cache_is_refused(first):
    with pytest.raises(ValueError, match="10 minutes"):
        key_rotation.rotate_json(first, NOW, timedelta(minutes=9))


def test_a_file_of_secrets_is_replaced_whole_and_readable_by_its_owner_only(first, tmp_path):
    path = tmp_path / "secrets.json"
    path.write_text(first)
    settings = Settings(stage="test", table="t", region="us-east-1", secrets=f"file:{path}")
    found = key_rotation.rotate(settings, NOW, OVERLAP)
    assert path.read_text() == found.secrets
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_says_what_it_did(first, tmp_path, monkeypatch):
    path = tmp_path / "secrets.json"
    path.write_text(first)
    settings = Settings(stage="test", table="t", region="us-east-1", secrets=f"file:{path}")
    monkeypatch.setattr(ops.cli, "runtime", lambda: Runtime(settings, packs=PACKS, dynamodb=object(), clock=lambda: NOW))
    run = CliRunner()
    said = run.invoke(ops.bootstrap.app, ["rotate-keys", "--overlap-minutes", "15"])
    assert said.exit_code == 0, said.output
    assert "signs from 2026-11-24 18:15:00 UTC on" in said.output
    assert "PRIVATE" not in said.output
    assert "seals" not in said.output
    again = run.invoke(ops.bootstrap.app, ["rotate-keys"])
    assert again.exit_code == 2
    assert "not begun" in again.output


def test_the_command_adds_a_seal_key_on_request(first, tmp_path, monkeypatch):
    path = tmp_path / "secrets.json"
    path.write_text(first)
    settings = Settings(stage="test", table="t", region="us-east-1", secrets=f"file:{path}")
    monkeypatch.setattr(ops.cli, "runtime", lambda: Runtime(settings, packs=PACKS, dynamodb=object(), clock=lambda: NOW))
    said = CliRunner().invoke(ops.bootstrap.app, ["rotate-keys", "--seal-key"])
    assert "s20261124180000 is a new key that seals the trail" in said.output
    assert "PRIVATE" not in said.output


def test_secrets_manager_gets_the_rotated_secret(first):
    settings = Settings(stage="test", table="t", region="us-east-1", secrets="secretsmanager:valhalla/test")
    with mock_aws():
        aws.client.cache_clear()
        manager = aws.client("secretsmanager", settings)
        manager.create_secret(Name="valhalla/test", SecretString=first)
        found = key_rotation.rotate(settings, NOW, OVERLAP)
        assert manager.get_secret_value(SecretId="valhalla/test")["SecretString"] == found.secrets
    aws.client.cache_clear()


def test_the_published_keys_are_public_and_verify(first):
    secrets = Secrets.from_json(first)
    [key] = tokens.key_set(secrets)
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    claims = jwt.decode(
        issue(secrets, NOW),
        jwt.PyJWK(key),
        ["ES256"],
        audience=tokens.AUDIENCE,
        issuer="valhalla:test",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["sub"] == "user_x"


def test_secrets_and_tokens_do_not_show_themselves(first):
    assert "PRIVATE" not in repr(Secrets.from_json(first))
    assert "aaaa" not in repr(RefreshToken("user_x", "ses_x", 0, b"aaaa"))


def test_start_up_imports_nothing_of_passwords_and_tokens():
    """What signs in pays for it; every other cold start doesn't: argon2 30 ms, PyJWT with cryptography 90 ms."""
    code = "import app, sys; print([name for name in ('argon2', 'jwt', 'cryptography', 'urllib3.poolmanager', 'pydantic') if name in sys.modules])"
    root = Path(__file__).parents[3]
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True).stdout
    assert not {"argon2", "jwt", "cryptography"} & set(json.loads(said.replace("'", '"'))), said
