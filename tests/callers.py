"""Callers that nobody has created: the rows of a user and of their session."""

from chalicelib.foundation.access import user_key
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.store import encode_key

SESSION = "test"


def sign_in_as(runtime: Runtime, user_id: str, roles: tuple[str, ...], professional_id: str | None) -> None:
    """The rows of a user who has these roles, and of their session: what a change of users, settings or policies reads of its caller.

    A user whom a test has created stays as they are. One who is made up here is in no index and on no trail.
    """
    ctx, key = runtime.context(request_id="sign-in"), user_key(user_id)
    known = ctx.store.get_item(key)
    if known is None or "t" not in known:
        earlier = {role["S"] for role in known["roles"]["L"]} if known else set()
        values = {"name": user_id, "email": "made-up@example.com", "roles": sorted({*roles, *earlier}), "professional_id": professional_id}
        user = User.new(ctx, id=user_id, governance_roles=[], is_active=True, password_is_initial=False, epoch=0, **values)
        row = {**encode_key(key), **user._encoded(), "sv": {"N": "1"}}
        runtime.dynamodb.put_item(TableName=runtime.settings.table, Item=row)
    epoch = int(known["epoch"]["N"]) if known else 0
    session = {"kind": "session", "created_at": ctx.now, "last_used_at": ctx.now, "address": "", "user_agent": "", "ttl": 2**33}
    ctx.store.put_values(ItemKey(user_id, f"F#{SESSION}"), {**session, "epoch": epoch, "token_hash": "", "rotations": 0})
