"""Contracts and templates as answers."""

from collections.abc import Mapping
from typing import Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present
from chalicelib.packs.contracts.entities import Contract, ContractTemplate, ContractVersion, Signature
from chalicelib.packs.contracts.permissions import sees_contacts
from chalicelib.packs.contracts.schemas import (
    CertificateSignature,
    ContractApprovalView,
    ContractDeclineView,
    ContractDocumentView,
    ContractNoticeView,
    ContractPartyView,
    ContractSignatureSummary,
    ContractSignatureView,
    ContractTemplateView,
    ContractVersionView,
    ContractView,
)

_CONTACTS = ("ip_address", "user_agent")  # of a signature


def contract_view(ctx: Context, contract: Contract, *, arrived: bool, explained: bool = False) -> ContractView:
    """A contract as of today. `arrived`: whether its document's bytes are there."""
    today, terms = ctx.today, contract.terms
    notice = contract.notice(today)
    explanation = {"explain": _explanation(ctx, contract)} if explained else {}
    return present(
        ContractView,
        contract,
        parties=party_views(ctx, contract),
        renewal_months=terms.renewal,
        document=document_view(contract, arrived=arrived),
        approvals=approval_views(contract),
        signatures=[_signature_summary(contract, signature) for signature in contract.signatures],
        decline=_decline_view(contract),
        starts_on=terms.starts_on,
        expires_on=contract.term_ends_on(today),
        in_force=contract.in_force(today),
        ended_on=contract.ended_on(today),
        notice=None if notice is None else _notice_view(notice._asdict()),
        warnings=list(ctx.warnings),
        **explanation,
    )


def party_views(ctx: Context, contract: Contract, *, contacts: bool | None = None) -> list[ContractPartyView]:
    """The parties. Their addresses are there for those who may see contacts, unless `contacts` says it."""
    shows = sees_contacts(ctx) if contacts is None else contacts
    names = ContractPartyView.__annotations__
    return [cast(ContractPartyView, {name: _shown(name, party, shows=shows) for name in names}) for party in contract.parties]


def _shown(name: str, party: Mapping[str, Any], *, shows: bool) -> object:
    return None if name == "email" and not shows else party.get(name)


def document_view(contract: Contract, *, arrived: bool) -> ContractDocumentView | None:
    """The document, where the contract has one."""
    document = contract.document
    if document is None:
        return None
    return {
        "filename": document["filename"],
        "content_type": document["content_type"],
        "size": document["size"],
        "sha256": document["sha256"],
        "arrived": arrived,
    }


def approval_views(contract: Contract) -> list[ContractApprovalView]:
    """The approvals, the oldest first."""
    return [
        {
            "by": one["by"],
            "at": one["at"],
            "version": one["version"],
            "content_hash": one["content_hash"],
            "void": cast(Any, contract.void_of(one["version"])),
        }
        for one in contract.approvals
    ]


def _signature_summary(contract: Contract, signature: JsonObject) -> ContractSignatureSummary:
    return {
        "id": signature["id"],
        "party_id": signature["party_id"],
        "authentication": signature["authentication"],
        "signed_at": signature["signed_at"],
        "void": cast(Any, contract.void_of(signature["version"])),
    }


def _decline_view(contract: Contract) -> ContractDeclineView | None:
    decline = contract.decline
    if decline is None:
        return None
    return {"party_id": decline["party_id"], "reason": decline["reason"], "note": decline.get("note"), "at": decline["at"]}


def _notice_view(notice: Mapping[str, Any]) -> ContractNoticeView:
    return cast(ContractNoticeView, {name: value if isinstance(value, str) else value.isoformat() for name, value in notice.items()})


def _explanation(ctx: Context, contract: Contract) -> Explanation:
    """What starts_on, expires_on, in_force, ended_on and notice come from."""
    names = (
        "effective_on",
        "signed_on",
        "expires_on",
        "term_months",
        "notice_months",
        "notice_days",
        "auto_renew",
        "terminated_on",
        "status",
    )
    inputs = {name: contract.attribute_values.get(name) for name in names}
    inputs |= {"renewal_months": contract.terms.renewal, "today": ctx.today, "firm_time_zone": ctx.settings.firm_time_zone}
    missing = ["effective_on"] if contract.terms.starts_on is None else []
    return explain("contracts.terms", inputs, format_timestamp(ctx.now), missing)


def version_view(contract: Contract, version: ContractVersion) -> ContractVersionView:
    """A version of a contract."""
    return present(ContractVersionView, version, at=version.entered_at, by=version.entered_by, void=contract.void_of(version.version))


def signature_view(ctx: Context, signature: Signature, contract: Contract) -> ContractSignatureView:
    """A signature of a contract."""
    hidden = {} if sees_contacts(ctx) else dict.fromkeys(_CONTACTS)
    return present(ContractSignatureView, signature, contract_status=contract.status, **hidden)


def evidence_view(signature: Signature, contract: Contract) -> CertificateSignature:
    """A signature as a certificate has it, with all contacts."""
    return present(CertificateSignature, signature, void=contract.void_of(signature.version))


def template_view(template: ContractTemplate) -> ContractTemplateView:
    """A template."""
    return present(ContractTemplateView, template)
