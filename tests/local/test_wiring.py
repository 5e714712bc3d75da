import stat
from pathlib import Path

import pytest

from chalicelib.foundation.auth import tokens, users
from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import ItemKey
from local import wiring
from local.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def claims(ctx: Context, workspace: Workspace) -> tokens.Claims:
    return tokens.verify(workspace.admin_token.read_text(), ctx.settings, ctx.secrets, ctx.now)


def test_the_first_start_makes_an_administrator_and_the_next_ones_leave_them(ctx: Context, workspace: Workspace) -> None:
    wiring.create_administrator(ctx, workspace)
    password = workspace.admin_password.read_text()
    made = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert made is not None
    wiring.create_administrator(ctx, workspace)
    again = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert again is not None
    assert (again.id, again.revision) == (made.id, made.revision)
    assert workspace.admin_password.read_text() == password
    assert stat.S_IMODE(workspace.admin_password.stat().st_mode) == 0o600


def test_the_token_is_the_administrators_and_outlives_a_working_day(ctx: Context, workspace: Workspace) -> None:
    wiring.create_administrator(ctx, workspace)
    wiring.write_token(ctx, workspace)
    found = claims(ctx, workspace)
    made = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert made is not None
    assert (found.user_id, "admin" in found.roles) == (made.id, True)
    assert (found.expires_at - ctx.now).days >= 29
    assert stat.S_IMODE(workspace.admin_token.stat().st_mode) == 0o600
    assert ctx.store.get_item(ItemKey(made.id, f"F#{found.session}")) is not None, "a session that can be seen and ended"


def test_without_that_administrator_there_is_no_token(ctx: Context, workspace: Workspace) -> None:
    workspace.write_private(workspace.admin_token, "an old one")
    wiring.write_token(ctx, workspace)
    assert not workspace.admin_token.exists()
