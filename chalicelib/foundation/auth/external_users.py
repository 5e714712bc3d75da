"""Users of the external issuer who are refused here, whatever the issuer says.

They have no record as users. So they are refused by a block of their id, `oidc:<subject>`, and where a mail address in their token is
that of a user who was deactivated here.
"""

from datetime import timedelta

from chalicelib.foundation import idempotency
from chalicelib.foundation.auth.entities import ExternalBlock, User
from chalicelib.foundation.auth.schemas import ExternalBlockCreate, ExternalBlockSummary, ExternalBlockView
from chalicelib.foundation.auth.tokens import Claims
from chalicelib.foundation.auth.users import EMAILS
from chalicelib.foundation.cache import CachePolicy
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, Problem, Unauthenticated
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.store.unique import UniqueValue

BLOCKED = UniqueValue.by_digest("external-block", keep_value=False)
ADMISSION = CachePolicy("external-users", timedelta(seconds=2), 1000)  # as long as a process trusts an API key without reading it again


def check_admission(ctx: Context, claims: Claims) -> None:
    """Raise Unauthenticated for a user of the issuer who was deactivated here. One or two strong reads, at most every two seconds."""
    identity = (claims.user_id, claims.addresses)
    if ctx.cache.get(ctx, ADMISSION, identity, lambda: _is_refused(ctx, claims)).value:
        raise Unauthenticated("This user was deactivated here.")


def _is_refused(ctx: Context, claims: Claims) -> bool:
    block, guards = BLOCKED.key(claims.user_id), [EMAILS.key(address) for address in claims.addresses]
    found = ctx.store.batch_get([block, *guards])
    if block in found:
        return True
    owners = {owner for guard in guards if (owner := EMAILS.owner_in(found.get(guard)))}
    users = ctx.store.batch_get([User.ID.key(owner) for owner in owners]) if owners else {}
    return any(user is not None and not user.is_active for user in (parse_live(User, item) for item in users.values()))


# -- blocks


def block(ctx: Context, body: ExternalBlockCreate) -> ExternalBlockView:
    """Refuse a user of the issuer. Raises Conflict where they are blocked already."""
    blocked = ExternalBlock.new(ctx, user_id=body.user_id, reason=body.reason)
    response = present(ExternalBlockView, blocked)
    tx = idempotency.idempotent_transaction(ctx, response)
    BLOCKED.claim(ctx, tx, body.user_id, blocked.id, _already_blocked)
    tx.create(blocked)
    tx.commit()
    return response


def _already_blocked(block_id: str) -> Problem:
    return Conflict("This user is blocked already.", code="blocked", id=block_id)


def list_blocks(ctx: Context, query: PageParams) -> PageOf[ExternalBlockSummary]:
    """A page of blocks, newest first."""
    return ctx.paginate(ExternalBlock.ALL.range(), query, lambda row: present_row(ExternalBlockSummary, row))


def get(ctx: Context, id: str) -> ExternalBlockView:
    """One block; raises NotFound where there is none."""
    return present(ExternalBlockView, ctx.store.require(ExternalBlock, id))


@retry_on_conflict
def lift(ctx: Context, id: str) -> None:
    """Let the user in again, with the roles that the issuer's groups give them."""
    blocked = ctx.store.require(ExternalBlock, id)
    ctx.check_if_match(blocked.revision)
    tx = Transaction(ctx.store)
    tx.save(blocked.soft_deleted(ctx))
    BLOCKED.release(tx, blocked.user_id)
    tx.commit()
