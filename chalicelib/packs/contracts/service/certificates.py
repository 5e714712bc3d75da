"""The certificate of a contract: what proves that it was signed, by whom, and as what they were shown."""

from collections.abc import Iterable
from typing import Annotated, Any, cast

from chalicelib.foundation.canonical_json import content_hash
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.http.responses import CONTENT_SECURITY_POLICY, ApiResponse
from chalicelib.foundation.presentation import present
from chalicelib.foundation.printing.document import Block, Document, Grid, Pairs, Prose, Section
from chalicelib.foundation.printing.texts import NONE, money_text
from chalicelib.packs.audit import public as audit
from chalicelib.packs.contracts.entities import Contract, Signature
from chalicelib.packs.contracts.permissions import sees_contacts
from chalicelib.packs.contracts.presenters import approval_views, document_view, evidence_view, party_views
from chalicelib.packs.contracts.rules.consent import CONSENT_TEXTS
from chalicelib.packs.contracts.schemas import (
    WET_INK,
    CertificateContract,
    CertificateSignature,
    ContractCertificateView,
    ContractFormatQuery,
)
from chalicelib.packs.contracts.service.wording import (
    AUTHENTICATIONS,
    KINDS,
    date_text,
    instant_text,
)

_MAX_SIGNATURES = 500
_CONTACTS = ("email", "ip_address", "user_agent")


def read_certificate(ctx: Context, id: str, query: ContractFormatQuery) -> Annotated[ApiResponse, ContractCertificateView]:
    """The certificate of a contract that was signed, as JSON, or as a page or a PDF to hand over."""
    contract = ctx.store.require(Contract, id)
    if contract.signed_at is None:
        raise NotFound("certificate")
    return answer(ctx, contract, query.format)


def answer(ctx: Context, contract: Contract, format: str) -> ApiResponse:
    """The certificate of a signed contract in a format. Three round trips."""
    view = _without_contacts(ctx, _certificate(ctx, contract))
    if format == "json":
        return ApiResponse(view)
    document = describe(view, ctx.settings.firm_time_zone)
    if format == "html":
        from chalicelib.foundation.printing import page

        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return ApiResponse(page.as_html(document), headers=headers, content_type="text/html; charset=utf-8", revision=contract.revision)
    from chalicelib.foundation.printing import pdf

    headers = {"Content-Disposition": f'inline; filename="{contract.id}-certificate.pdf"'}
    return ApiResponse(
        pdf.as_pdf(document, contract.updated_at), headers=headers, content_type="application/pdf", revision=contract.revision
    )


def _certificate(ctx: Context, contract: Contract) -> ContractCertificateView:
    """The certificate with all contacts, whoever reads it: so that it has one hash."""
    rows, _ = ctx.store.query_some([Signature.children_of(contract.id)], _MAX_SIGNATURES)
    signatures = [Signature.from_item(row) for row in rows]
    view = {
        "contract": present(
            CertificateContract,
            contract,
            parties=party_views(ctx, contract, contacts=True),
            renewal_months=contract.terms.renewal,
            document=document_view(contract, arrived=True),
            expires_on=contract.expires_on,
        ),
        "signatures": [evidence_view(signature, contract) for signature in signatures],
        "approvals": approval_views(contract),
        "trail": audit.chain_of(ctx, contract.id, [signature.id for signature in signatures]),
    }
    return cast(ContractCertificateView, {**view, "certificate_hash": content_hash(view)})


def _without_contacts(ctx: Context, certificate: ContractCertificateView) -> ContractCertificateView:
    """The certificate as the caller may see it."""
    if sees_contacts(ctx):
        return certificate
    hidden: dict[str, Any] = dict.fromkeys(_CONTACTS)
    contract = certificate["contract"]
    masked = {**contract, "parties": [{**party, "email": None} for party in contract["parties"]]}
    signatures = [{**signature, **hidden} for signature in certificate["signatures"]]
    return cast(ContractCertificateView, {**certificate, "contract": masked, "signatures": signatures})


# -- as a document


def describe(view: ContractCertificateView, zone: str) -> Document:
    """The document of a certificate. Its instants are those of the time zone `zone`."""
    contract = view["contract"]
    return Document(
        kicker="Certificate of signature",
        title=contract["title"],
        badges=[("Signed", "calm"), *([("Terminated", "alarm")] if contract["terminated_on"] else [])],  # type: ignore[list-item]
        head=Pairs(_head(contract, zone)),
        sections=[
            Section("What was signed", [Pairs(_content(contract))]),
            Section("Parties", [_parties(contract, zone)]),
            *_signatures(view, zone),
            *_attested(contract),
            Section("Approvals", [_approvals(view, zone)]),
            Section("The trail of these records", [Prose(_TRAIL, quiet=True), _trail(view, zone)]),
        ],
        small_print=[
            f"Contract {contract['id']}, version {contract['version']}, of deal {contract['deal_id']}.",
            f"SHA-256 of this certificate, in canonical form (RFC 8785): {view['certificate_hash']}",
        ],
        running=f"Certificate of signature · {contract['title']}",
    )


_TRAIL = (
    "Each change of the contract and each signature is a record of a chain, in which every hash covers the one before. "
    "The records themselves can be asked for by their numbers."
)


def _head(contract: CertificateContract, zone: str) -> list[tuple[str, str]]:
    document = contract["document"]
    rows = [("Kind", KINDS[contract["kind"]]), ("Signed by everybody", instant_text(contract["signed_at"], zone))]
    if contract["terminated_on"]:
        rows.append(("Terminated", date_text(contract["terminated_on"])))
    if document:
        rows += [("Document", f"{document['filename']}, {document['size']:,} bytes"), ("Its SHA-256", document["sha256"])]
    return [*rows, ("SHA-256 of the content", contract["content_hash"])]


def _content(contract: CertificateContract) -> list[tuple[str, str]]:
    first = contract["effective_on"] or contract["signed_on"]
    rows = [("Value", money_text(contract["value"], contract["currency"])), ("In force from", date_text(first))]
    if contract["sign_by"]:
        rows.append(("To be signed by", date_text(contract["sign_by"])))
    if contract["expires_on"]:
        rows.append(("Last day in force", date_text(contract["expires_on"])))
    if contract["term_months"]:
        rows.append(("Term", _months(contract["term_months"])))
    if contract["auto_renew"]:
        rows.append(("Renews by itself", f"for {_months(contract['renewal_months'] or 0)} at a time"))
    if contract["notice_months"] or contract["notice_days"]:
        length = _months(contract["notice_months"]) if contract["notice_months"] else f"{contract['notice_days']} days"
        rows.append(("Notice", f"{length} before the end of a term"))
    return rows


def _months(count: int) -> str:
    return "1 month" if count == 1 else f"{count} months"


def _parties(contract: CertificateContract, zone: str) -> Block:
    rows = [[one["name"], one["role"], one["email"] or NONE, instant_text(one["signed_at"], zone)] for one in contract["parties"]]
    return (
        Grid(("Party", "As", "E-mail", "Signed"), (23, 16, 27, 34), rows) if rows else Prose("It has no parties to sign here.", quiet=True)
    )


def _signatures(view: ContractCertificateView, zone: str) -> Iterable[Section]:
    """A section for each signature: those that stand first, void ones marked."""
    for signature in sorted(view["signatures"], key=lambda one: (one["void"] is not None, int(one["party_id"][1:]))):
        void = signature["void"]
        heading = f"Signature of {signature['party_name']}" + (" (void)" if void else "")
        yield Section(heading, [Pairs(_evidence(signature, zone))])


def _evidence(signature: CertificateSignature, zone: str) -> list[tuple[str, str]]:
    void, consent = signature["void"], signature["consent_version"]
    rows = [("Signed as", signature["typed_name"]), ("How", AUTHENTICATIONS[signature["authentication"]])]
    if signature["authentication"] == WET_INK:
        rows += [("Signed by hand on", date_text(signature["signed_on"])), ("Recorded", instant_text(signature["signed_at"], zone))]
        rows += [("SHA-256 of the signed file", signature["signed_file_sha256"] or NONE)]
    else:
        rows += [("Signed", instant_text(signature["signed_at"], zone))]
    rows += [("Attested by" if signature["authentication"] == WET_INK else "Recorded by", signature["recorded_by"])]
    if consent is not None:
        rows += [("Intent", "To sign, by typing the name"), (f"Consent, text {consent}", CONSENT_TEXTS.get(consent, NONE))]
    rows += [("Shown and signed, SHA-256", signature["content_hash"])]
    if signature["document_sha256"]:
        rows.append(("Document, SHA-256", signature["document_sha256"]))
    if signature["ip_address"] or signature["user_agent"]:
        rows += [("Network address", signature["ip_address"] or NONE), ("Program", signature["user_agent"] or NONE)]
    if void is not None:
        rows.append(("Void since", f"{instant_text(void['at'], zone)}, {void['why'].replace('_', ' ')}, by {void['by']}"))
    return [*rows, ("Record", signature["id"])]


def _attested(contract: CertificateContract) -> Iterable[Section]:
    if contract["attested_by"]:
        rows = [("Attested by", contract["attested_by"]), ("Signed by hand on", date_text(contract["signed_on"]))]
        rows += [("SHA-256 of the signed file", contract["signed_file_sha256"] or NONE)]
        yield Section("Signed by hand", [Pairs(rows)])


def _approvals(view: ContractCertificateView, zone: str) -> Block:
    rows = [
        [str(one["version"]), one["by"], instant_text(one["at"], zone), "void" if one["void"] else "stands"] for one in view["approvals"]
    ]
    return Grid(("Version", "By", "At", ""), (10, 42, 36, 12), rows) if rows else Prose("None.", quiet=True)


def _trail(view: ContractCertificateView, zone: str) -> Block:
    rows = [[f"{_kind(one['entity_id'])} {one['seq']}", one["action"], instant_text(one["at"], zone), one["hash"]] for one in view["trail"]]
    return Grid(("Record", "What", "At", "SHA-256"), (14, 10, 33, 43), rows)


def _kind(entity_id: str) -> str:
    return "Signature" if Signature.ID.is_id(entity_id) else "Contract"
