"""Who decides, and what callers see whose rights are limited to their own deals."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from chalicelib.foundation.auth import sessions
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, NotFound
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.packs.deals import public as deals
from chalicelib.packs.governance.rules.verdicts import person_of

READ, ASK, REVIEW, HOLDERS = "governance:read", "governance:ask", "governance:review", "governance:holders"
OWN_DEALS = "governance:own-deals"

# -- who decides


class Decider(NamedTuple):
    """A person who has signed in, as their rows say now: who they are to the rules, and the governance roles that they hold."""

    user_id: str
    professional_id: str | None
    roles: frozenset[str]

    @property
    def person(self) -> str:
        """Who they are to the rules."""
        return person_of(self.user_id, self.professional_id)

    @property
    def names(self) -> frozenset[str]:
        """The ids by which a subject or a request may know them."""
        return frozenset({self.user_id, self.person})

    def require_role(self, *roles: str) -> None:
        """Raise Forbidden unless they hold one of these roles."""
        if self.roles.isdisjoint(roles):
            raise Forbidden(f"This takes a holder of {' or '.join(roles)}.")


def decider_keys(ctx: Context) -> tuple[ItemKey, ...]:
    """The rows that say who the caller is and what they hold. Raises Forbidden for who isn't a person that has signed in here."""
    if ctx.actor.kind != "user" or not ctx.actor.id.startswith("user_"):
        raise Forbidden("This takes a person who has signed in here.")
    return sessions.caller_keys(ctx.actor)


def read_decider(ctx: Context, items: Mapping[ItemKey, DynamoItem]) -> Decider:
    """The caller by these rows, on which the transaction of `access.require_live_caller` depends from now on."""
    user, rows = sessions.live_user(ctx, ctx.actor, items)
    ctx.actor = replace(ctx.actor, rows=rows)
    return Decider(user.id, user.professional_id, frozenset(sessions.effective_roles(user)))


# -- own deals


def is_limited(ctx: Context) -> bool:
    """Whether the caller is limited to their own deals: no role of theirs reads governance without that limit."""
    if not ctx.actor.can(OWN_DEALS):
        return False
    rights = [ctx.roles.permissions([role]) for role in ctx.actor.roles]
    return not any(READ in each and OWN_DEALS not in each for each in rights)


def root_keys(partitions: Iterable[str]) -> list[ItemKey]:
    """The rows that say whose these roots are: the gate of a deal, the pipeline itself."""
    return [reference_counter(root) if deals.is_deal(root) else ItemKey(root, ROOT_SORT_KEY) for root in partitions]


def is_own_root(ctx: Context, partition: str, rows: Mapping[ItemKey, DynamoItem]) -> bool:
    """Whether a root is the caller's own deal, or a pipeline that is theirs or nobody's."""
    (key,) = root_keys([partition])
    if deals.is_deal(partition):
        gate = deals.parse_gate(rows.get(key))
        return gate is not None and deals.is_own(ctx.actor.id, gate.owner, gate.team)
    owner = rows[key].get("owner", {}).get("S") if key in rows else None
    return partition.startswith("pipe_") and key in rows and owner in (None, ctx.actor.id)


def require_visible(ctx: Context, partition: str, rows: Mapping[ItemKey, DynamoItem], name: str) -> None:
    """Raise NotFound of `name` for who is limited to their own deals, where it lies in another's partition."""
    if is_limited(ctx) and not is_own_root(ctx, partition, rows):
        raise NotFound(name)


def require_may_ask(ctx: Context, partition: str, rows: Mapping[ItemKey, DynamoItem]) -> None:
    """Raise Forbidden for who is limited to their own deals, about what lies in another's deal or pipeline."""
    is_somebodys = deals.is_deal(partition) or partition.startswith("pipe_")
    if is_somebodys and is_limited(ctx) and not is_own_root(ctx, partition, rows):
        raise Forbidden("It belongs to somebody else.")
