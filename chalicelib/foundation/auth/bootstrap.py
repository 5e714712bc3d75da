"""The first administrator of a stage. The API offers no way to create one, so it is done from a shell."""

import secrets

from chalicelib.foundation import emails
from chalicelib.foundation.auth import passwords, users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.store.transactions import Transaction

# The first user works alone and must also do what an administrator may not (send, approve). These roles can be removed later.
ROLES = ("admin", "operator", "counsel")


def create_first_admin(ctx: Context, email: str, name: str, password: str | None = None) -> tuple[User, str]:
    """Create the first administrator; returns the user and their password: the given one, or a generated one to be shown once.

    Raises Conflict where an administrator exists, also when two try at the same moment; ValueError for an invalid mail address;
    Invalid for a password that is not accepted.
    """
    valid_email = emails.validate_email(email)
    initial_password = password or secrets.token_urlsafe(18)
    passwords.validate_password(initial_password, valid_email)
    user = User.new(
        ctx,
        email=valid_email,
        name=name,
        roles=list(ROLES),
        governance_roles=[],
        is_active=True,
        password_hash=passwords.hash_password(initial_password),
        password_is_initial=password is None,
        epoch=0,
    )
    tx = Transaction(ctx.store)
    users.add_create(ctx, tx, user, if_no_admin=Conflict("There is an administrator already.", code="administrator_exists"))
    tx.commit()
    return user, initial_password
