"""Where the effective value of a deal comes from, and how it compares with the policies: `?explain=true`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date, format_timestamp, parse_timestamp
from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization.repository import DEAL, DealState
from chalicelib.packs.finalization.schemas import CONTRACT_PRICE, GIVEN, FinalizationExplanations
from chalicelib.packs.governance import public as governance
from chalicelib.packs.holdings import public as holdings


@dataclass(frozen=True)
class _Explained:
    """What is explained: the values of a deal, the policies that it is compared with, and as of which instant and which day of the firm."""

    currency: str
    is_priced: bool  # by a pipeline
    given: Decimal | None
    contract_price: Decimal | None
    policies: Iterable[governance.Policy]
    policy_version: int
    at: str
    on: date

    @property
    def amount(self) -> Decimal | None:
        """The effective value."""
        return deals.value_of(self.given, self.contract_price).amount


def explanations(ctx: Context, state: DealState, policies: governance.Policies) -> FinalizationExplanations:
    """The explanations. One round trip for each currency of a policy that isn't the deal's."""
    deal, price = state.deal, state.pipeline.facts["contract_price"] if state.pipeline else None
    about, now = _about(policies, deal.kind), format_timestamp(ctx.now)
    return _explanations(
        ctx, _Explained(deal.currency, deal.priced_by is not None, deal.value, price, about, policies.version, now, ctx.today)
    )


def certified_explanations(ctx: Context, certified: JsonObject) -> FinalizationExplanations:
    """Those of a certificate, at the rates of its day: of all policies while these are still the same, else of those that it names as met.

    Round trips as of `explanations`.
    """
    deal, value, at = certified["deal"], certified["effective_value"] or {"amount": None, "basis": None}, certified["finalized_at"]
    given, price = (value["amount"] if value["basis"] == basis else None for basis in (GIVEN, CONTRACT_PRICE))
    in_force, version = governance.policies(ctx), certified["policy_version"]
    met = [
        governance.Policy(governance.FINALIZE, DEAL, tuple(one["roles"]), one["people"], one["kind"], one["above"], one["currency"])
        for one in certified["approvals"]
    ]
    about = _about(in_force, deal["kind"]) if in_force.version == version else met
    on = business_date(parse_timestamp(at), ctx.settings.firm_time_zone)
    return _explanations(
        ctx, _Explained(deal["currency"], given is None and deal["pipeline_id"] is not None, given, price, about, version, at, on)
    )


def _about(policies: governance.Policies, kind: str) -> list[governance.Policy]:
    """The policies for finalizing a deal of this kind, whatever it is worth."""
    return [policy for policy in policies.policies if policy.is_about(governance.FINALIZE, DEAL, kind)]


def _explanations(ctx: Context, explained: _Explained) -> FinalizationExplanations:
    return {"effective_value": _value(explained), "approvals": _approvals(ctx, explained)}


def _value(explained: _Explained) -> Explanation:
    inputs: JsonObject = {"value": explained.given, "currency": explained.currency}
    if explained.is_priced:
        inputs["contract_price"] = explained.contract_price
    missing = [name for name in ("value", "contract_price") if name in inputs] if explained.amount is None else []
    return explain("finalization.effective_value", inputs, explained.at, missing)


def _approvals(ctx: Context, explained: _Explained) -> Explanation:
    """Each policy for finalizing such a deal: the value in its currency at the rate of the day, and whether that is above its threshold."""
    amount, currency = explained.amount, explained.currency
    compared: list[JsonObject] = []
    missing: list[str] = []
    for policy in explained.policies:
        row: JsonObject = {"above": policy.above, "currency": policy.currency, "roles": list(policy.roles), "people": policy.people}
        rate = None
        if policy.currency is not None and amount is not None:
            rate = holdings.rate_on(ctx, currency, policy.currency, explained.on)
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
    inputs: JsonObject = {"amount": amount, "currency": currency, "policies": compared, "policy_version": explained.policy_version}
    lacking = ["effective_value", *missing] if amount is None else missing
    return explain("governance.requirement", inputs, explained.on.isoformat(), lacking)
