"""The policies: Odin proposes, King or Queen confirms."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from chalicelib.foundation import run_time_settings
from chalicelib.foundation.access import require_live_caller
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Forbidden, NotFound, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction, read_or_replay
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.money import money_error
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.governance.entities import DEFAULTS, PolicySettings, encode_policy
from chalicelib.packs.governance.permissions import Decider, decider_keys, read_decider
from chalicelib.packs.governance.presenters import policies_view, proposal_view
from chalicelib.packs.governance.repository import POLICIES_KEY
from chalicelib.packs.governance.rules.policies import Policy, approving_roles
from chalicelib.packs.governance.rules.powers import ODIN, RULERS
from chalicelib.packs.governance.schemas import GovernancePolicy, PoliciesRequest, PoliciesView, PolicyProposalView

PROPOSAL_DAYS = 7  # in which a proposal can be confirmed
_PROPOSAL = IdFormat("prop", "proposal")


def get_policies(ctx: Context) -> PoliciesView:
    """The policies in force, and the proposal that waits for confirmation."""
    return _view(ctx, run_time_settings.read(ctx, PolicySettings))


def _view(ctx: Context, settings: PolicySettings | None) -> PoliciesView:
    return policies_view(DEFAULTS if settings is None else settings.in_force, _proposals(ctx, settings))


def _proposals(ctx: Context, settings: PolicySettings | None) -> list[JsonObject]:
    """The proposal that can still be confirmed, where there is one."""
    proposal = settings and settings.proposal
    return [proposal] if proposal and proposal["expires_at"] > format_timestamp(ctx.now) else []


@retry_on_conflict
def propose_policies(ctx: Context, body: PoliciesRequest) -> PolicyProposalView:
    """Propose policies in place of those that hold. It takes Odin; the proposal replaces an earlier one, and lapses after 7 days."""
    policies = _checked(body.policies)
    before, decider = _read(ctx)
    decider.require_role(ODIN)
    proposal = {
        "id": _PROPOSAL.new(ctx.now),
        "policies": list(map(encode_policy, policies)),
        "self_approval": body.self_approval,
        "proposed_by": ctx.actor.id,
        "person": decider.person,
        "proposed_at": format_timestamp(ctx.now),
        "expires_at": format_timestamp(_end(ctx.now)),
    }
    tx = Transaction(ctx.store)
    require_live_caller(ctx, tx)
    after = _first(ctx).with_values(proposal=proposal) if before is None else before.with_changes(ctx, proposal=proposal)
    tx.create(after) if before is None else tx.save(after)
    tx.commit()
    return proposal_view(proposal)


@retry_on_conflict
def confirm_proposal(ctx: Context, id: str) -> PoliciesView:
    """Let proposed policies hold. It takes King or Queen, another person than who proposed them."""
    _PROPOSAL.key(id)
    before, decider = _read(ctx)
    proposal = next((each for each in _proposals(ctx, before) if each["id"] == id), None)
    if before is None or proposal is None:
        raise NotFound(_PROPOSAL.name)
    decider.require_role(*RULERS)
    if proposal["person"] == decider.person:
        raise Forbidden("A proposal is confirmed by another person than who made it.")
    values = {name: proposal[name] for name in ("policies", "self_approval")}
    after = before.with_changes(ctx, version=before.version + 1, proposal=None, **values)
    view = _view(ctx, after)
    tx = idempotent_transaction(ctx, view)
    require_live_caller(ctx, tx)
    run_time_settings.commit_change(ctx, tx, before, after)
    return view


def _read(ctx: Context) -> tuple[PolicySettings | None, Decider]:
    rows: Mapping[ItemKey, DynamoItem] = read_or_replay(ctx, [POLICIES_KEY, *decider_keys(ctx)])
    return parse_live(PolicySettings, rows.get(POLICIES_KEY)), read_decider(ctx, rows)


def _first(ctx: Context) -> PolicySettings:
    """The settings with the defaults, which hold until a proposal is confirmed."""
    values = {"version": DEFAULTS.version, "policies": list(map(encode_policy, DEFAULTS.policies)), "self_approval": DEFAULTS.self_approval}
    return PolicySettings.new(ctx, id=PolicySettings.ID.example, **values)


def _end(now: datetime) -> datetime:
    return now + timedelta(days=PROPOSAL_DAYS)


def _checked(given: list[GovernancePolicy]) -> list[Policy]:
    """The policies. Raises ValidationFailed for each that contradicts itself, or is there twice."""
    errors: list[JsonObject] = []
    policies: list[Policy] = []
    for index, one in enumerate(given):
        policy = Policy(**{**one.model_dump(), "roles": tuple(one.roles)})
        errors += [
            {"loc": ["policies", str(index), field], "message": message, "type": "value_error"}
            for field, message in _mistakes(policy, policies)
        ]
        policies.append(policy)
    if errors:
        raise ValidationFailed(errors)
    return policies


def _mistakes(policy: Policy, earlier: list[Policy]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if (policy.above is None) != (policy.currency is None):
        found.append(("currency", "an amount and its currency go together"))
    elif policy.above is not None and policy.currency is not None and (error := money_error(policy.above, policy.currency)):
        found.append(("above", error))
    if idle := sorted(set(policy.roles) - set(approving_roles(policy.subject_type))):
        found.append(("roles", f"{', '.join(idle)} may not approve a {policy.subject_type}"))
    if any(each._replace(roles=(), people=0) == policy._replace(roles=(), people=0) for each in earlier):
        found.append(("requested_action", "there are two policies for the same"))
    return found
