"""Where the effective value of a deal comes from, and how it compares with the policies: `?explain=true`."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization.repository import DEAL, DealState
from chalicelib.packs.finalization.schemas import FinalizationExplanations
from chalicelib.packs.governance import public as governance
from chalicelib.packs.holdings import public as holdings


def explanations(ctx: Context, state: DealState, policies: governance.Policies) -> FinalizationExplanations:
    """The explanations. One round trip for each currency of a policy that isn't the deal's."""
    return {"effective_value": _value(ctx, state), "approvals": _approvals(ctx, state, policies)}


def _value(ctx: Context, state: DealState) -> Explanation:
    inputs: JsonObject = {"kind": state.deal.kind, "value": state.deal.value, "currency": state.deal.currency}
    if state.deal.kind == deals.WHOLESALE:
        inputs["contract_price"] = state.pipeline.facts["contract_price"] if state.pipeline else None
    missing = [name for name in ("value", "contract_price") if name in inputs] if state.value.amount is None else []
    return explain("finalization.effective_value", inputs, format_timestamp(ctx.now), missing)


def _approvals(ctx: Context, state: DealState, policies: governance.Policies) -> Explanation:
    """Each policy for finalizing such a deal: the value in its currency at the rate of today, and whether that is above its threshold."""
    amount, currency = state.value.amount, state.deal.currency
    compared: list[JsonObject] = []
    missing: list[str] = []
    for policy in policies.policies:
        if not policy.is_about(governance.FINALIZE, DEAL, state.deal.kind):
            continue
        row: JsonObject = {"above": policy.above, "currency": policy.currency, "roles": list(policy.roles), "people": policy.people}
        rate = None
        if policy.currency is not None and amount is not None:
            rate = holdings.rate_on(ctx, currency, policy.currency, ctx.today)
            converted = None if rate is None else holdings.convert(amount, rate, policy.currency)
            row |= {
                "amount": converted,
                "rate": rate and rate.display,
                "rate_on": rate and rate.on.isoformat(),
                "rate_source": rate and rate.source,
            }
            missing += [f"rate {currency} to {policy.currency}"] if rate is None else []
        row["applies"] = policy.is_exceeded(amount, rate.exact if rate else None)
        compared.append(row)
    inputs: JsonObject = {"amount": amount, "currency": currency, "policies": compared, "policy_version": policies.version}
    return explain("governance.requirement", inputs, ctx.today.isoformat(), ["effective_value", *missing] if amount is None else missing)
