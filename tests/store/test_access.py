"""Owners, active users and contacts."""

from dataclasses import replace

import pytest

from chalicelib.foundation import access
from chalicelib.foundation.errors import Forbidden, NotFound, ValidationFailed
from chalicelib.foundation.store.codec import encode_item
from chalicelib.foundation.store.store import encode_key
from chalicelib.foundation.store.transactions import Transaction

ANY = "wholesale:any-owner"


@pytest.mark.parametrize(
    ("permissions", "owner", "allowed"),
    [((), "user_me", True), ((), None, True), ((), "user_other", False), ((ANY,), "user_other", True), (("other:any-owner",), "user_other", False)],
)  # fmt: skip
def test_ones_own_nobodys_or_anybodys_with_the_permission(context, permissions, owner, allowed):
    ctx = context(user="user_me")
    ctx.actor = replace(ctx.actor, permissions=frozenset(permissions))
    assert access.can_write(ctx, owner, ANY) == allowed
    if allowed:
        access.require_owner(ctx, owner, ANY)
    else:
        with pytest.raises(Forbidden, match="It belongs to somebody else"):
            access.require_owner(ctx, owner, ANY)
        with pytest.raises(Forbidden, match="The pipeline belongs"):
            access.require_owner(ctx, owner, ANY, "The pipeline belongs to somebody else.")


@pytest.mark.parametrize(
    ("permissions", "right", "professional", "limited_to"),
    [
        (("tasks:read",), "read", "pro_me", None),
        (("tasks:read", "tasks:own"), "read", "pro_me", "pro_me"),
        (("tasks:read", "tasks:own"), "status", "pro_me", "pro_me"),
        (("tasks:read", "tasks:own-status"), "read", "pro_me", None),
        (("tasks:read", "tasks:own-status"), "status", "pro_me", "pro_me"),
        (("tasks:read", "retainers:own"), "read", "pro_me", None),
        (("tasks:read", "tasks:own"), "read", None, ""),
    ],
)
def test_a_professional_is_limited_to_their_own(context, permissions, right, professional, limited_to):
    ctx = context(user="user_me")
    ctx.actor = replace(ctx.actor, permissions=frozenset(permissions), professional_id=professional)
    assert access.own_professional(ctx, "tasks", right) == limited_to
    access.require_own_professional(ctx, "tasks", professional or "", "task", right)
    if limited_to is None:
        access.require_own_professional(ctx, "tasks", "pro_other", "task", right)
    else:
        for other in ("pro_other", None):
            with pytest.raises(NotFound):
                access.require_own_professional(ctx, "tasks", other, "task", right)


def test_users_own_what_they_create_keys_and_jobs_own_nothing(context):
    ctx = context(user="user_me")
    assert access.default_owner(ctx) == "user_me"
    for kind in ("api_key", "system"):
        ctx.actor = replace(ctx.actor, kind=kind)
        assert access.default_owner(ctx) is None


@pytest.mark.parametrize(
    ("user", "is_active"),
    [(None, False), ({"is_active": True}, True), ({"is_active": False}, False), ({}, False), ({"is_active": True, "deleted_at": "2026"}, False)],
)  # fmt: skip
def test_a_transaction_stands_only_with_an_active_user(context, user, is_active):
    ctx = context(user="user_me")
    key = access.user_key("user_other")
    item = None
    if user is not None:
        item = encode_key(key) | encode_item(user)
        ctx.store.call("put_item", TableName=ctx.store.table, Item=item)
    assert access.is_active_user(item) == is_active
    tx = Transaction(ctx.store)
    access.require_active_user(ctx, tx, "user_other", "assignee")
    if is_active:
        tx.commit()
    else:
        with pytest.raises(ValidationFailed) as refused:
            tx.commit()
        assert refused.value.members["errors"] == [{"loc": ["assignee"], "message": "no active user has this id", "type": "value_error"}]


def test_nobody_and_the_caller_are_not_looked_for(context):
    ctx = context(user="user_me")
    tx = Transaction(ctx.store)
    access.require_active_user(ctx, tx, None)
    access.require_active_user(ctx, tx, "user_me")
    assert len(tx) == 0


def test_contacts_are_masked_for_those_who_may_not_see_them(context):
    seller = {"name": "Ada", "phone": None, "best_time": "noon"}
    masked = {"name": "•••", "phone": None, "best_time": "noon"}
    assert access.mask(seller, ("name", "phone", "email")) == masked
    ctx = context()
    assert access.mask_unless(ctx, "wholesale:contacts", seller, ("name", "phone", "email")) == masked
    ctx.actor = replace(ctx.actor, permissions=frozenset({"wholesale:contacts"}))
    assert access.mask_unless(ctx, "wholesale:contacts", seller, ("name",)) == seller
    assert access.mask_unless(ctx, "wholesale:contacts", None, ("name",)) is None
