"""Users: profiles, roles, and who may change them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from pynamodb.expressions.condition import Condition

from chalicelib.foundation import emails, idempotency, observations, roles, signing
from chalicelib.foundation.access import require_live_caller, user_key
from chalicelib.foundation.actor import CallerRow
from chalicelib.foundation.auth import addresses, passwords, rate_limit
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import UserCreate, UserListQuery, UserPatch, UserSummary, UserView
from chalicelib.foundation.auth.user_events import add_user_event
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Forbidden, NotFound, Problem, ValidationFailed
from chalicelib.foundation.idempotency import IdempotencyRecordKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.observations import Observation
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.schema_types import PageOf
from chalicelib.foundation.store import keys, references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import all_of, any_of, attribute
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.store.unique import UniqueValue

ROLE_COUNTS = keys.config_row("holders")  # counts active holders of each role that somebody must hold, or only one may take
EMAILS = UniqueValue("email", normalize=emails.normalize_email)


_MAX_GOVERNING = 200
_PROFESSIONAL = "professional"  # the kind of entity that a user's professional_id names


# -- use cases


def create(ctx: Context, body: UserCreate) -> UserView:
    """Create a user with a first password. Raises Conflict where the mail address is taken."""
    passwords.validate_password(body.password, body.email)
    check_grant(ctx, body.roles, body.governance_roles)
    user = User.new(
        ctx,
        email=body.email,
        name=body.name,
        roles=sort_roles(body.roles),
        governance_roles=sort_roles(body.governance_roles),
        professional_id=check_professional_id(body.roles, body.professional_id),
        is_active=True,
        password_hash=passwords.hash_password(body.password),
        password_is_initial=True,
        epoch=0,
    )
    response = view(user)
    tx = idempotency.idempotent_transaction(ctx, response, _keyed_idempotency(ctx))
    add_create(ctx, tx, user)
    tx.commit()
    return response


def _keyed_idempotency(ctx: Context) -> IdempotencyRecordKey | None:
    """The caller's Idempotency-Key with a keyed fingerprint: the plain one is a fast hash of a body that holds the password."""
    if ctx.idempotency is None:
        return None
    fingerprint = signing.keyed_digest(ctx.secrets.cursor_key, ctx.idempotency.fingerprint.encode()).hex()
    return replace(ctx.idempotency, fingerprint=fingerprint)


def change(ctx: Context, id: str, body: UserPatch) -> UserView:
    """Update a user. New roles apply from the next refresh of a token, within 15 minutes; deactivation ends all sessions.

    Another mail address is pending until its holder confirms it. Raises Conflict where it is taken, RateLimited, and Forbidden for an
    API key. Three round trips more.
    """
    if "email" in body.changes:
        _check_address_change(ctx, get(ctx, id), body.email)
    return _change(ctx, id, lambda _: body.changes)


def grant_governance_role(ctx: Context, id: str, role: str) -> UserView:
    """Let a user hold a governance role, too; nothing changes where they do. As a change of their `governance_roles` (`change`)."""
    return _change(ctx, id, lambda user: {"governance_roles": {*user.governance_roles, role}})


def withdraw_governance_role(ctx: Context, id: str, role: str) -> UserView:
    """Take a governance role from a user, as a change of their `governance_roles`; NotFound where they don't hold it."""

    def changes(user: User) -> JsonObject:
        if role not in user.governance_roles:
            raise NotFound("holder of the role")
        return {"governance_roles": set(user.governance_roles) - {role}}

    return _change(ctx, id, changes)


def governing_users(ctx: Context) -> list[JsonObject]:
    """The list views of the active users who hold a governance role, the newest first; at most 200. One round trip."""
    rows, _ = ctx.store.query_some([User.GOVERNING.range(governs="0")], _MAX_GOVERNING)
    return [decode_view(row) for row in reversed(rows)]


def _check_address_change(ctx: Context, user: User, email: str) -> None:
    if ctx.actor.kind == "api_key":
        raise Forbidden("A mail address is changed by somebody who has signed in, not with an API key.")
    check_can_manage(ctx, user)
    if emails.normalize_email(email) == emails.normalize_email(user.email):
        return
    if EMAILS.find_owner(ctx.store, email) is not None:
        raise _email_taken(user.id)
    limit_address_changes(ctx, user)


def limit_address_changes(ctx: Context, user: User) -> None:
    """Raise RateLimited where a user's address was to be changed often: each request mails somebody. One round trip, rarely two."""
    rate_limit.consume(ctx, "email-change", user.id, every=600, burst=3)


@retry_on_conflict
def _change(ctx: Context, id: str, changes_of: Callable[[User], JsonObject]) -> UserView:
    user = get(ctx, id)
    ctx.check_if_match(user.revision)
    changes = dict(changes_of(user))
    check_can_manage(ctx, user)
    check_grant(
        ctx,
        set(changes.get("roles", ())) - set(user.roles),
        set(changes.get("governance_roles", user.governance_roles)) ^ set(user.governance_roles),
    )
    for name in ("roles", "governance_roles"):
        if name in changes:
            changes[name] = sort_roles(changes[name])
    changes["professional_id"] = check_professional_id(
        changes.get("roles", user.roles), changes.get("professional_id", user.professional_id)
    )
    if user.is_active and changes.get("is_active") is False:
        changes |= _deactivation(ctx, user)
    step = None
    if "email" in changes:
        governance_roles = {*user.governance_roles, *changes.get("governance_roles", ())}
        values, step = addresses.decide(user, changes.pop("email"), governance_roles)
        changes |= values
    if step is None and all(getattr(user, name) == value for name, value in changes.items()):
        return view(user)  # no change: no new revision and no audit record
    after = user.with_changes(ctx, **changes)
    tx = Transaction(ctx.store)
    add_update(ctx, tx, user, after)
    if step:
        addresses.add_step(ctx, tx, user, after, step)
    tx.commit()
    return view(after)


@retry_on_conflict
def deactivate(ctx: Context, id: str) -> None:
    """Deactivate a user: sign-in, refresh and API keys stop working. The record is kept: others refer to it."""
    user = get(ctx, id)
    ctx.check_if_match(user.revision)
    check_can_manage(ctx, user)
    if not user.is_active:
        return
    tx = Transaction(ctx.store)
    add_update(ctx, tx, user, user.with_changes(ctx, **_deactivation(ctx, user)))
    tx.commit()


def _deactivation(ctx: Context, user: User) -> dict[str, object]:
    """The changes of a deactivation. It ends sessions and keys permanently: a reactivated user creates new ones."""
    return {"is_active": False, "epoch": user.epoch + 1, "keys_valid_from": ctx.now}


def get(ctx: Context, id: str) -> User:
    """The user with this id; raises NotFound where there is none."""
    return ctx.store.require(User, id)


def current_user(ctx: Context) -> User:
    """The caller as a signed-in user of this stage; raises Forbidden for an API key and for a user of an external issuer."""
    if ctx.actor.kind != "user" or not ctx.actor.id.startswith("user_"):
        raise Forbidden("This takes a user of this stage who has signed in here.")
    user = get(ctx, ctx.actor.id)
    if not user.is_active:
        raise Forbidden("Your user is not active.")
    return user


def by_email(ctx: Context, email: str) -> User | None:
    """The user of this mail address, whatever its case. Two round trips, also where there is none, so that timing reveals nothing."""
    user = ctx.store.find(User, EMAILS.find_owner(ctx.store, email) or _UNKNOWN_USER_ID)
    return user if user and emails.normalize_email(user.email) == emails.normalize_email(email) else None


_UNKNOWN_USER_ID = f"user_{'0' * 26}"


def list_users(ctx: Context, query: UserListQuery) -> PageOf[UserSummary]:
    """A page of users, newest first."""

    def matches(row: JsonObject) -> bool:
        user_roles = (*row["roles"], *row["governance_roles"])
        return (query.role is None or query.role in user_roles) and query.is_active in (None, row["is_active"])

    return ctx.paginate(User.ALL.range(), query, lambda row: present_row(UserSummary, row), predicate=matches)


def view(user: User) -> UserView:
    """The API representation of a user: of the password only whether there is one."""
    return present(UserView, user, has_password=user.password_hash is not None)


# -- writing a user: always in one transaction with the unique guard of the mail address and the role counts


def add_create(ctx: Context, tx: Transaction, user: User, *, if_no_admin: Problem | None = None) -> None:
    """Add a new user to the transaction; with `if_no_admin` only while there is no administrator, else this problem is raised."""
    require_live_caller(ctx, tx)
    _update_role_counts(ctx, tx, user, {}, if_no_admin)
    EMAILS.claim(ctx, tx, user.email, user.id, _email_taken)
    _change_professional(ctx, tx, None, user.professional_id)
    tx.create(user)


def add_update(ctx: Context, tx: Transaction, before: User, after: User) -> None:
    """Add a changed user to the transaction, which stands only while the caller has the rights that this request read of them."""
    require_live_caller(ctx, tx, before)
    tx.save(after)
    EMAILS.change(ctx, tx, before.email, after.email, after.id, _email_taken)
    _change_professional(ctx, tx, before.professional_id, after.professional_id)
    _update_role_counts(ctx, tx, after, _role_counts(before))


def _change_professional(ctx: Context, tx: Transaction, before: str | None, after: str | None) -> None:
    """Let the user refer to another professional, who can't be deleted from then on; NotFound where there is none.

    A professional whom a user had before professionals were kept here has no counter: one round trip finds out.
    """
    id_format = ctx.packs.id_format(_PROFESSIONAL)
    if before == after or id_format is None:
        return
    if before is not None and ctx.store.get_item(references.counter_key(id_format, before)):
        references.remove_reference(tx, id_format, before)
    if after is not None:
        references.add_reference(tx, id_format, after)


def holders_of_professional(professional_id: str) -> references.Holders:
    """The users who are a professional, also those who were deactivated."""
    return references.Holders(User.BY_PROFESSIONAL.range(professional_id=professional_id))


def _email_taken(owner_id: str) -> Problem:  # noqa: ARG001 - whose it is, is nobody's business
    return Conflict("Another user has this mail address.", code="email_taken")


def _role_counts(user: User) -> dict[str, int]:
    """What a user adds to the role counts. An administrator counts once they can sign in: an invitation alone is not enough."""
    if not user.is_active:
        return {}
    counts = dict.fromkeys(user.governance_roles, 1)
    if "admin" in user.roles and user.password_hash:
        counts["admin"] = 1
    return counts


def _update_role_counts(ctx: Context, tx: Transaction, after: User, before: dict[str, int], if_no_admin: Problem | None = None) -> None:
    """Update the role counts: at least one administrator remains, and nobody takes a governance role that somebody holds."""
    counts = _role_counts(after)
    deltas = {role: counts.get(role, 0) - before.get(role, 0) for role in counts.keys() | before.keys()}
    deltas = {role: delta for role, delta in deltas.items() if delta}
    if not deltas:
        return
    self_granted = sorted(role for role, delta in deltas.items() if delta > 0 and role in roles.GOVERNANCE and after.id == ctx.actor.id)
    conditions = [_is_held_by_nobody(role) for role in (*(("admin",) if if_no_admin else ()), *self_granted)]
    if deltas.get("admin", 0) < 0:
        conditions.append(attribute("admin") > 1)

    def on_conflict(current_row: DynamoItem) -> Problem:
        if if_no_admin:
            return if_no_admin
        already_held = [role for role in self_granted if int(current_row.get(role, {"N": "0"})["N"])]
        if already_held:
            return Forbidden(f"{already_held[0]} is held already; its holder, or another administrator, must grant it to you.")
        return Conflict("The last administrator can't be removed or demoted.", code="last_administrator")

    tx.update(ROLE_COUNTS, add=deltas, when=all_of(*conditions) if conditions else None, on_conflict=on_conflict)
    for role in self_granted:
        title = f"An administrator took the governance role {role}, which nobody held"
        occasion = f"{after.id}#{role}#{ctx.request_id}"
        add_user_event(ctx, tx, "auth.self_grant", after.id, occasion, title, for_role="auditor", data={"role": role})
    if self_granted or (_holds_some(before) and not _holds_some(counts)):
        _observe_self_grant(ctx, tx, after, self_granted)


def _holds_some(counts: Iterable[str]) -> bool:
    """Whether governance roles are among these."""
    return not roles.GOVERNANCE.keys().isdisjoint(counts)


def _observe_self_grant(ctx: Context, tx: Transaction, user: User, granted: Sequence[str]) -> None:
    """Let it be a finding that a user has granted governance roles to themselves, until they hold none any more."""
    message = "A governance role was taken by an administrator for themselves."
    observation = Observation("SELF_APPROVAL", User.KIND, user.id, message, stands=bool(granted), particulars=tuple(granted))
    observations.add(ctx, tx, observation)


def _is_held_by_nobody(role: str) -> Condition:
    return any_of(attribute(role).does_not_exist(), attribute(role) == 0)


def caller_row(user: User) -> CallerRow:
    """What the rights of a caller rest on in the user's own row."""
    names = ("is_active", "deleted_at", "epoch", "keys_valid_from", "roles", "governance_roles")
    return CallerRow(user_key(user.id), {name: getattr(user, name) for name in names})


# -- rules


def sort_roles(names: Iterable[str]) -> list[str]:
    """Unique role names in the order of the matrix."""
    unique = set(names)
    return [role for role in (*roles.ROLES, *roles.GOVERNANCE_ROLES) if role in unique]


def check_professional_id(user_roles: Iterable[str], professional_id: str | None) -> str | None:
    """The professional's id; raises Invalid where the role professional needs one and there is none."""
    if "professional" in user_roles and professional_id is None:
        raise ValidationFailed.field("professional_id", "the role professional needs it", "missing")
    return professional_id


def check_own_password(user: User) -> None:
    """Raises Forbidden where a holder of a governance role still has a first password: it proves nothing, since somebody else has set it."""
    if user.governance_roles and user.password_is_initial:
        raise Forbidden("A holder of a governance role replaces a first password with a mailed code first: POST /auth/password-reset.")


def check_grant(ctx: Context, granted: Iterable[str], governance: Iterable[str]) -> None:
    """Raises Forbidden unless the caller may grant these roles: an administrator of users any role, others none that allows more.

    Governance roles are granted and removed by a signed-in administrator, never with an API key.
    """
    if set(governance) and (ctx.actor.kind == "api_key" or not ctx.actor.can("users:admin")):
        raise Forbidden("Governance roles are granted by a signed-in administrator.")
    if not ctx.actor.can("users:admin") and not ctx.roles.permissions(granted) <= ctx.actor.permissions:
        raise Forbidden("You can't grant a role that allows more than you may.")


def check_can_manage(ctx: Context, user: User) -> None:
    """Raises Forbidden where the user may do more than the caller: changing the mail address would take the account over."""
    if not ctx.actor.can("users:admin") and not ctx.roles.permissions((*user.roles, *user.governance_roles)) <= ctx.actor.permissions:
        raise Forbidden("You can't change a user who may more than you.")
