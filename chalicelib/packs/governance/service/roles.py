"""The governance roles, and who holds them."""

from chalicelib.foundation.auth import users
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.roles import GOVERNANCE_ROLES
from chalicelib.packs.governance.presenters import role_view
from chalicelib.packs.governance.schemas import GovernanceRolesView, HolderChangeView, HolderRequest


def list_roles(ctx: Context) -> GovernanceRolesView:
    """What each governance role may do, and who holds it."""
    holders = users.governing_users(ctx)
    return {"roles": [role_view(role, holders) for role in GOVERNANCE_ROLES]}


def add_holder(ctx: Context, role: str, body: HolderRequest) -> HolderChangeView:
    """Let a user hold a governance role, as a change of their `governance_roles` does; nothing changes where they do."""
    _require_role(role)
    user = users.grant_governance_role(ctx, body.user_id, role)
    return {"user_id": user["id"], "role": role, "governance_roles": user["governance_roles"]}


def remove_holder(ctx: Context, role: str, user_id: str) -> None:
    """Take a governance role from a user, as a change of their `governance_roles` does."""
    _require_role(role)
    users.withdraw_governance_role(ctx, user_id, role)


def _require_role(role: str) -> None:
    if role not in GOVERNANCE_ROLES:
        raise NotFound("governance role")
