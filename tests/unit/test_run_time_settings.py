"""What is set at run time: one entity, cached by each process, and a version that others decide on."""

from datetime import timedelta

import pytest

from chalicelib.foundation import run_time_settings
from chalicelib.foundation.cache import Cache
from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.governance.entities import PolicySettings

ID = "cfg_policies"


def change(ctx, version: int, **values) -> PolicySettings:
    """Set them anew."""
    before = run_time_settings.read(ctx, PolicySettings)
    given = {"version": version, "policies": [], "self_approval": "finding", **values}
    after = PolicySettings.new(ctx, id=ID, **given) if before is None else before.with_changes(ctx, **given)
    run_time_settings.commit_change(ctx, Transaction(ctx.store), before, after)
    return after


def check(ctx, version: int) -> None:
    tx = Transaction(ctx.store)
    run_time_settings.check_version(ctx, tx, PolicySettings, version)
    tx.commit()


def test_there_is_one_id():
    assert PolicySettings.ID.example == ID
    assert PolicySettings.ID.is_id(ID)
    for other in ("cfg_others", "cfg_", "policies", "cfg_policies_01KB0Q5E8G7Z3V9X2M4N6P8R0T"):
        with pytest.raises(NotFound):
            PolicySettings.ID.key(other)


def test_what_nobody_has_set(context):
    ctx = context("operator")
    assert run_time_settings.read(ctx, PolicySettings) is None
    assert run_time_settings.cached(ctx, PolicySettings) is None
    assert run_time_settings.version_of(None) == 1
    check(ctx, 1)
    with pytest.raises(VersionConflict):
        check(ctx, 2)


def test_a_process_reads_them_once(context):
    ctx = context("operator")
    change(ctx, 2)
    before = ctx.store.round_trips
    assert [run_time_settings.cached(ctx, PolicySettings).version for _ in range(3)] == [2, 2, 2]
    assert ctx.store.round_trips - before == 2


def test_every_process_has_a_change_within_two_seconds(context, clock):
    one, other = context("operator"), context("operator")
    other.cache = Cache()
    change(one, 2)
    assert run_time_settings.cached(other, PolicySettings).version == 2
    change(one, 3)
    assert run_time_settings.cached(one, PolicySettings).version == 3, "this process at once"
    assert run_time_settings.cached(other, PolicySettings).version == 2
    other.now += timedelta(seconds=2)
    assert run_time_settings.cached(other, PolicySettings).version == 3


def test_nothing_is_decided_by_an_old_version(context):
    one, other = context("operator"), context("operator")
    other.cache = Cache()
    change(one, 2)
    assert run_time_settings.cached(other, PolicySettings).version == 2
    change(one, 3)
    with pytest.raises(VersionConflict):
        check(other, 2)
    assert run_time_settings.cached(other, PolicySettings).version == 3, "and it is read anew at once"
    check(other, 3)


def test_of_two_changes_at_once_one_is_refused(context):
    one, other = context("operator"), context("operator")
    before = change(one, 2)
    change(one, 3)
    with pytest.raises(VersionConflict):
        run_time_settings.commit_change(other, Transaction(other.store), before, before.with_changes(other, version=3))
