"""The pages to which the links in parties' mails lead."""

from chalicelib.foundation.http.public_page import Anchor, Field, Form, Notice, Part, page
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.printing.document import Grid, Pairs, Prose, Tone
from chalicelib.packs.contracts.entities import Contract
from chalicelib.packs.contracts.rules.parties import DECLINED, SIGNED
from chalicelib.packs.contracts.schemas import ContractCopyView, ContractLinkView
from chalicelib.packs.contracts.service.wording import KINDS, PARTY_STATUSES, date_text, instant_text

_REASONS = (("price", "The price"), ("terms", "The terms"), ("authority", "I may not sign"), ("other", "Something else"))
_TONES: dict[str, Tone] = {SIGNED: "calm", DECLINED: "alarm"}
_OPEN, _DECLINE, _HERE = "?to=open", "?to=decline", "?"


def signing_page(view: ContractLinkView, status: str, *, document_url: str = "") -> ApiResponse:
    """What is to be signed, the way to the document, and the forms to sign and to decline."""
    party = view["party"]
    head = [("You sign as", f"{party['name']}, {party['role']}")]
    head += [("To be signed by", date_text(view["sign_by"]))] if view["sign_by"] else []
    rows = [[one["name"], one["role"], PARTY_STATUSES[one["status"]]] for one in view["parties"]]
    parts: list[Part] = [Pairs(head), Grid(("Party", "As", "Status"), (45, 30, 25), rows)]
    if status == SIGNED:
        parts += [Notice("You have signed. Once everybody has, you will get a copy by mail.")]
    parts += [Anchor("Open the document", document_url)] if document_url else [Form("Read the document", _OPEN)]
    if status != SIGNED:
        parts += _forms(view)
    parts += [Prose(_fingerprints(view["content_hash"], view["document_sha256"]), quiet=True)]
    return page(
        view["title"], parts, kicker=f"{KINDS[view['kind']]} to sign", badges=[(PARTY_STATUSES[status], _TONES.get(status, "watch"))]
    )


def _forms(view: ContractLinkView) -> list[Part]:
    sign = [
        Field("typed_name", "Your full name, as your signature", max_length=200),
        Field("consent", view["consent_text"], "flag"),
        Field("content_hash", "", "hidden", value=view["content_hash"]),
        Field("consent_version", "", "hidden", value=view["consent_version"]),
    ]
    decline = [
        Field("reason", "Why you don't sign", "choice", options=_REASONS),
        Field("note", "What you would like to add", "long-text", required=False, max_length=5000),
    ]
    return [
        Form("Sign", _HERE, sign),
        Prose("If you don't want to sign, say so here. That ends it for everybody."),
        Form("Decline", _DECLINE, decline, quiet=True),
    ]


def done_page(contract: Contract, status: str) -> ApiResponse:
    """That the party has signed, or declined."""
    words = {
        SIGNED: "Thank you. You have signed, and so has everybody else: your copy is on its way to you by mail."
        if contract.status == SIGNED
        else "Thank you. You have signed. Once everybody has, you will get a copy by mail.",
        DECLINED: "You have declined. Nobody can sign it any more, and everybody is told.",
    }
    return page(contract.title, [Notice(words[status])], badges=[(PARTY_STATUSES[status], _TONES[status])])


def copy_page(view: ContractCopyView, *, document_url: str = "") -> ApiResponse:
    """What was signed, with the ways to the document and the certificate."""
    parts: list[Part] = [
        Pairs([("Signed by everybody", instant_text(view["signed_at"], "UTC"))]),
        Anchor("Open the document", document_url) if document_url else Form("Read the document", _OPEN),
        Anchor("Open the certificate", "?certificate=pdf"),
        Prose(_fingerprints(view["content_hash"], view["document_sha256"]), quiet=True),
    ]
    return page(view["title"], parts, kicker=f"Your copy: {KINDS[view['kind']].lower()}", badges=[("Signed", "calm")])


def _fingerprints(content_hash: str, document_sha256: str | None) -> str:
    lines = [f"What it says, SHA-256: {content_hash}"]
    return "\n".join([*lines, f"The document, SHA-256: {document_sha256}"] if document_sha256 else lines)
