"""Users: who they are, what they hold, and who may change it."""

import hmac
from collections.abc import Iterable
from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.auth import emails, passwords, roles
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import NewUser, UserPatch, UsersQuery
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from chalicelib.foundation.events import Event
from chalicelib.foundation.idempotency import IdempotencyKey
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store import keys, pages
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.transactions import Transaction

HOLDERS = keys.config("holders")  # how many active users hold each role that somebody must, or may once, hold


# -- use cases


def create(ctx: Context, body: NewUser) -> dict[str, Any]:
    """A user with a first password. Conflict where the mail address is taken."""
    passwords.check(body.password, body.email)
    check_grant(ctx, body.roles, body.governance_roles)
    user = User.fresh(
        ctx,
        email=body.email,
        name=body.name,
        roles=in_order(body.roles),
        governance_roles=in_order(body.governance_roles),
        professional_id=professional_of(body.roles, body.professional_id),
        is_active=True,
        password_hash=passwords.keep(body.password),
        password_is_initial=True,
        epoch=0,
    )
    answer = view(user)
    tx = idempotency.transaction(ctx, answer, _keyed(ctx))
    add(ctx, tx, user)
    tx.commit()
    return answer


def _keyed(ctx: Context) -> IdempotencyKey | None:
    """The caller's Idempotency-Key with a fingerprint under a key of ours: the plain one is a quick hash over the password."""
    if ctx.idempotency is None:
        return None
    fingerprint = hmac.digest(ctx.secrets.cursor_key, ctx.idempotency.fingerprint.encode(), "sha256").hex()
    return IdempotencyKey(ctx.idempotency.key, fingerprint)


def change(ctx: Context, id: str, body: UserPatch) -> dict[str, Any]:
    """Change a user. Roles reach the tokens in use at their next refresh, within 15 minutes; deactivation ends all sessions."""

    def step() -> User:
        user = get(ctx, id)
        ctx.expect_revision(user.revision)
        changes = dict(body.changes)
        check_reach(ctx, user)
        check_grant(
            ctx,
            set(changes.get("roles", ())) - set(user.roles),
            set(changes.get("governance_roles", user.governance_roles)) ^ set(user.governance_roles),
        )
        for name in ("roles", "governance_roles"):
            if name in changes:
                changes[name] = in_order(changes[name])
        changes["professional_id"] = professional_of(changes.get("roles", user.roles), changes.get("professional_id", user.professional_id))
        if user.is_active and changes.get("is_active") is False:
            changes |= _out(ctx, user)
        if all(getattr(user, name) == value for name, value in changes.items()):
            return user  # nothing new: no revision, and nothing for the trail
        after = user.changed(ctx, **changes)
        tx = Transaction(ctx.store)
        put(ctx, tx, user, after)
        tx.commit()
        return after

    return view(ctx.store.settle(step))


def deactivate(ctx: Context, id: str) -> None:
    """Deactivate a user: no sign-in, no refresh, no key of theirs works from now on. The row stays: others refer to who acted."""

    def step() -> None:
        user = get(ctx, id)
        ctx.expect_revision(user.revision)
        check_reach(ctx, user)
        if not user.is_active:
            return
        tx = Transaction(ctx.store)
        put(ctx, tx, user, user.changed(ctx, **_out(ctx, user)))
        tx.commit()

    ctx.store.settle(step)


def _out(ctx: Context, user: User) -> dict[str, Any]:
    """What a deactivation changes. It ends sessions and keys for good: who comes back signs in anew and makes new keys."""
    return {"is_active": False, "epoch": user.epoch + 1, "keys_valid_from": ctx.now}


def get(ctx: Context, id: str) -> User:
    """The user of that id; NotFound where there is none."""
    user = ctx.store.find(User, id)
    if user is None:
        raise NotFound("user")
    return user


def own(ctx: Context) -> User:
    """The caller as a user of ours who is signed in; Forbidden for a key, and for whom an outside issuer vouches for."""
    if ctx.actor.kind != "user" or not ctx.actor.id.startswith("user_"):
        raise Forbidden("This takes a user of this stage who has signed in here.")
    user = get(ctx, ctx.actor.id)
    if not user.is_active:
        raise Forbidden("Your user is not active.")
    return user


def by_email(ctx: Context, email: str) -> User | None:
    """The user of that mail address, whatever its case. Two round trips, also where there is none: time tells nothing."""
    guard = ctx.store.get_raw(_guard(email))
    user = ctx.store.find(User, guard["owner"]["S"] if guard else _NOBODY)
    return user if user and emails.same(user.email) == emails.same(email) else None


_NOBODY = f"user_{'0' * 26}"


def listed(ctx: Context, query: UsersQuery) -> dict[str, Any]:
    """A page of users, newest first."""

    def wanted(row: dict[str, Any]) -> bool:
        held = (*row["roles"], *row["governance_roles"])
        return (query.role is None or query.role in held) and query.is_active in (None, row["is_active"])

    filters = query.model_dump_json(exclude={"limit", "cursor"})
    seal = pages.CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, filters, ctx.actor.id)
    found = pages.page(ctx.store, [pages.Partition("gsi1", "USER")], seal, limit=query.limit, cursor=query.cursor, keep=wanted)
    return {"items": found.rows, "next_cursor": found.next_cursor}


def view(user: User) -> dict[str, Any]:
    """A user as the API shows them: nothing of the password but whether there is one."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "roles": user.roles,
        "governance_roles": user.governance_roles,
        "professional_id": user.professional_id,
        "is_active": user.is_active,
        "has_password": user.password_hash is not None,
        "password_is_initial": user.password_is_initial,
        "revision": user.revision,
        "created_at": user.created_at,
        "created_by": user.created_by,
        "updated_at": user.updated_at,
        "updated_by": user.updated_by,
    }


# -- writing a user: with the guard of the mail address and the count of holders, always in one transaction


def add(ctx: Context, tx: Transaction, user: User, *, if_no_admin: Problem | None = None) -> None:
    """Put a new user into the transaction; with `if_no_admin` only while nobody is an administrator, else refused with that."""
    _count(ctx, tx, user, {}, if_no_admin)
    _claim(ctx, tx, user)
    tx.create(user)


def put(ctx: Context, tx: Transaction, before: User, after: User) -> None:
    """Put a changed user into the transaction."""
    tx.save(after)
    if emails.same(before.email) != emails.same(after.email):
        tx.delete(_guard(before.email))
        _claim(ctx, tx, after)
    _count(ctx, tx, after, _held(before))


def _guard(email: str) -> Key:
    return keys.unique("email", emails.same(email))


def _claim(ctx: Context, tx: Transaction, user: User) -> None:
    tx.put_row(
        _guard(user.email),
        {"owner": user.id, "request_id": ctx.request_id},
        "attribute_not_exists(pk)",
        Conflict("Another user has this mail address.", code="email_taken"),
    )


def _held(user: User) -> dict[str, int]:
    """What a user adds to the count of holders. An administrator counts once they can sign in: a mere invitation can't help."""
    if not user.is_active:
        return {}
    held = dict.fromkeys(user.governance_roles, 1)
    if "admin" in user.roles and user.password_hash:
        held["admin"] = 1
    return held


def _count(ctx: Context, tx: Transaction, after: User, before: dict[str, int], if_no_admin: Problem | None = None) -> None:
    """Keep the count of holders: at least one administrator always, and nobody takes a governance role that somebody holds."""
    now = _held(after)
    moved = {role: now.get(role, 0) - before.get(role, 0) for role in now.keys() | before.keys()}
    moved = {role: by for role, by in moved.items() if by}
    if not moved:
        return
    taken = sorted(role for role, by in moved.items() if by > 0 and role in roles.GOVERNANCE and after.id == ctx.actor.id)
    names = {f"#{role}": role for role in moved}
    values: dict[str, Any] = {f":{role}": by for role, by in moved.items()}
    conditions = []
    if if_no_admin:
        conditions.append("(attribute_not_exists(#admin) OR #admin = :none)")
        values[":none"] = 0
    if moved.get("admin", 0) < 0:
        conditions.append("#admin > :one")
        values[":one"] = 1
    for role in taken:
        conditions.append(f"(attribute_not_exists(#{role}) OR #{role} = :none)")
        values[":none"] = 0

    def refusal(held: Raw) -> Problem:
        if if_no_admin:
            return if_no_admin
        mine = [role for role in taken if int(held.get(role, {"N": "0"})["N"])]
        if mine:
            return Forbidden(f"{mine[0]} is held already; its holder, or another administrator, must grant it to you.")
        return Conflict("The last administrator can't be removed or demoted.", code="last_administrator")

    expression = "ADD " + ", ".join(f"#{role} :{role}" for role in moved)
    tx.update(HOLDERS, expression, " AND ".join(conditions), refusal, values, names)
    for role in taken:
        tx.create(_self_grant(ctx, after, role))


def _self_grant(ctx: Context, user: User, role: str) -> Event:
    return Event.single(
        ctx,
        f"auth.self_grant#{user.id}#{role}#{ctx.request_id}",
        on=ctx.today,
        event="auth.self_grant",
        subject_type="user",
        subject_id=user.id,
        title=f"An administrator took the governance role {role}, which nobody held",
        for_role="auditor",
        data={"role": role},
    )


# -- rules


def in_order(names: Iterable[str]) -> list[str]:
    """Role names once each, in the matrix's order."""
    given = set(names)
    return [role for role in (*roles.ROLES, *roles.GOVERNANCE_ROLES) if role in given]


def professional_of(held: Iterable[str], professional_id: str | None) -> str | None:
    """The professional whom a user is; Invalid where the role needs one and none is named."""
    if "professional" in held and professional_id is None:
        raise Invalid.field("professional_id", "the role professional needs it", "missing")
    return professional_id


def check_grant(ctx: Context, granted: Iterable[str], governance: Iterable[str]) -> None:
    """Whether the caller may grant these roles: all of them as an administrator of users, else none that can do more than they.

    Governance roles are granted and taken by a signed-in administrator, never by a program's key.
    """
    if set(governance) and (ctx.actor.kind == "api_key" or not ctx.actor.may("users:admin")):
        raise Forbidden("Governance roles are granted by a signed-in administrator.")
    if not ctx.actor.may("users:admin") and not roles.permissions(granted) <= ctx.actor.permissions:
        raise Forbidden("You can't grant a role that allows more than you may.")


def check_reach(ctx: Context, user: User) -> None:
    """Whether the caller may change this user: not one who can do more than they, or changing an address would take it over."""
    if not ctx.actor.may("users:admin") and not roles.permissions((*user.roles, *user.governance_roles)) <= ctx.actor.permissions:
        raise Forbidden("You can't change a user who may more than you.")
