"""The first administrator of a stage. Nobody can make them through the API, so they are made from a shell."""

import secrets

from chalicelib.foundation.auth import emails, passwords, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.store.transactions import Transaction

# One person begins alone: what an administrator may not do (send, approve) somebody must. They can give these up later.
ROLES = ("admin", "operator", "counsel")


def first_administrator(ctx: Context, email: str, name: str, password: str | None = None) -> tuple[User, str]:
    """The first administrator and their password: the given one, or a fresh one to be shown once.

    Conflict where an administrator exists, also when two try at the same moment. ValueError for what is no mail address,
    Invalid for a password that doesn't do.
    """
    address = emails.clean(email)
    chosen = password or secrets.token_urlsafe(18)
    passwords.check(chosen, address)
    user = User.fresh(
        ctx,
        email=address,
        name=name,
        roles=list(ROLES),
        governance_roles=[],
        is_active=True,
        password_hash=passwords.keep(chosen),
        password_is_initial=password is None,
        epoch=0,
    )
    tx = Transaction(ctx.store)
    users.add(ctx, tx, user, if_no_admin=Conflict("There is an administrator already.", code="administrator_exists"))
    tx.commit()
    return user, chosen
