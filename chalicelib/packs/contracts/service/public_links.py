"""What parties do by the links in their mails, without an account: see what they are to sign, open it, sign or decline; and their copies.

A link to sign lives while the contract is sent, until its last day to sign. Showing one changes nothing, since mail scanners follow links: a
document counts as viewed once its page asked for it. Whatever is wrong with a link, the answer is one and the same.
"""

from collections.abc import Collection
from typing import Annotated

from chalicelib.foundation import links
from chalicelib.foundation.actor import Actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.http.public_page import view_or_page
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.links import Link
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.contracts import repository
from chalicelib.packs.contracts.entities import Contract
from chalicelib.packs.contracts.repository import ContractSnapshot
from chalicelib.packs.contracts.rules import parties
from chalicelib.packs.contracts.rules.consent import CONSENT_TEXTS, CONSENT_VERSION
from chalicelib.packs.contracts.rules.parties import Party
from chalicelib.packs.contracts.rules.statuses import DECLINED, SENT, SIGNED
from chalicelib.packs.contracts.schemas import (
    ContractCopyQuery,
    ContractCopyView,
    ContractDeclineRequest,
    ContractLinkView,
    ContractOpenedView,
    ContractPartyStatusView,
    ContractSignRequest,
)
from chalicelib.packs.contracts.service import certificates, documents, pages, signing
from chalicelib.packs.contracts.service.mails import COPY, SIGN
from chalicelib.packs.deals import public as deals

# -- to sign


def show_contract_link(ctx: Context, token: str) -> Annotated[ApiResponse, ContractLinkView]:
    """What a party is to sign, by the link in their mail. It changes nothing."""
    snapshot, party = _to_sign(ctx, token)
    view = _link_view(snapshot.contract, party)
    return view_or_page(ctx, view, lambda: pages.signing_page(view, party["status"]))


@retry_on_conflict
def open_contract_link(ctx: Context, token: str) -> Annotated[ApiResponse, ContractOpenedView]:
    """Where the party reads the document, for 5 minutes. The party has viewed it from then on."""
    snapshot, party = _to_sign(ctx, token)
    before = snapshot.contract
    opened = documents.download(ctx, before)
    contract = before
    if party["status"] == parties.NOTIFIED:
        viewed = parties.changed(before.parties, [party["id"]], status=parties.VIEWED, viewed_at=format_timestamp(ctx.now))
        contract = before.with_changes(ctx, parties=viewed)
        tx = Transaction(ctx.store)
        repository.add_move(ctx, tx, before, contract, deal_statuses=deals.ANY_STATUS)
        tx.commit()
    view, status = _link_view(contract, party), _status_of(contract, party)
    return view_or_page(ctx, opened, lambda: pages.signing_page(view, status, document_url=opened["url"]))


@retry_on_conflict
def sign_contract_link(ctx: Context, token: str, body: ContractSignRequest) -> Annotated[ApiResponse, ContractPartyStatusView]:
    """Sign as the party of the link: a typed name, the consent to what the page said, and the hash that it showed. Again: the same answer."""
    snapshot, party = _to_sign(ctx, token, done=(SIGNED,))
    contract = snapshot.contract
    if party["status"] != parties.SIGNED:
        contract = signing.sign_by_link(ctx, snapshot, party, body)
    return _status_answer(ctx, contract, party)


@retry_on_conflict
def decline_contract_link(ctx: Context, token: str, body: ContractDeclineRequest) -> Annotated[ApiResponse, ContractPartyStatusView]:
    """Decline as the party of the link, which ends the contract for everybody. Again: the same answer."""
    snapshot, party = _to_sign(ctx, token, done=(DECLINED,))
    contract = snapshot.contract
    if party["status"] != parties.DECLINED:
        contract = signing.decline_by_link(ctx, snapshot, party, body)
    return _status_answer(ctx, contract, party)


def _to_sign(ctx: Context, token: str, *, done: Collection[str] = ()) -> tuple[ContractSnapshot, Party]:
    """The contract of a link to sign, and the party, who acts from then on. Two round trips.

    `done` are statuses in which the contract may have come by what is asked for: then the party has done it, or the link is dead.
    """
    link = links.find_link(ctx, SIGN, token)
    snapshot, party = _find(ctx, link)
    contract = snapshot.contract
    is_open = contract.status == SENT and (contract.sign_by is None or ctx.today <= contract.sign_by)
    was_done = contract.status in done and party["status"] == contract.status
    if contract.sending != link.epoch or not (is_open or was_done):
        raise links.no_such_link()
    ctx.actor = Actor(id=f"party:{contract.id}:{party['id']}", kind="party")
    return snapshot, party


def _find(ctx: Context, link: Link) -> tuple[ContractSnapshot, Party]:
    try:
        snapshot = repository.read(ctx, link.thing_id)
    except NotFound:
        raise links.no_such_link() from None
    party = parties.find(snapshot.contract.parties, link.part)
    if party is None:
        raise links.no_such_link()
    return snapshot, party


def _link_view(contract: Contract, party: Party) -> ContractLinkView:
    return {
        "title": contract.title,
        "kind": contract.kind,
        "party": {"name": party["name"], "role": party["role"]},
        "parties": [{"name": one["name"], "role": one["role"], "status": one["status"]} for one in contract.parties],
        "status": contract.status,
        "content_hash": contract.content_hash,
        "document_sha256": contract.document_sha256,
        "sign_by": contract.sign_by.isoformat() if contract.sign_by else None,
        "consent_text": CONSENT_TEXTS[CONSENT_VERSION],
        "consent_version": CONSENT_VERSION,
    }


def _status_answer(ctx: Context, contract: Contract, party: Party) -> ApiResponse:
    status = _status_of(contract, party)
    view: ContractPartyStatusView = {"status": status}
    return view_or_page(ctx, view, lambda: pages.done_page(contract, status))


def _status_of(contract: Contract, party: Party) -> str:
    return next(str(one["status"]) for one in contract.parties if one["id"] == party["id"])


# -- copies


def show_contract_copy(ctx: Context, token: str, query: ContractCopyQuery) -> Annotated[ApiResponse, ContractCopyView]:
    """A party's copy of what was signed, or its certificate, for 90 days: it signs nothing. The certificate is without people's contacts."""
    contract = _copied(ctx, token)
    if query.certificate is not None:
        return certificates.answer(ctx, contract, query.certificate)
    view = _copy_view(contract)
    return view_or_page(ctx, view, lambda: pages.copy_page(view))


def open_contract_copy(ctx: Context, token: str) -> Annotated[ApiResponse, ContractOpenedView]:
    """Where the party reads the document that was signed, for 5 minutes."""
    contract = _copied(ctx, token)
    opened = documents.download(ctx, contract)
    return view_or_page(ctx, opened, lambda: pages.copy_page(_copy_view(contract), document_url=opened["url"]))


def _copied(ctx: Context, token: str) -> Contract:
    contract = _find(ctx, links.find_link(ctx, COPY, token))[0].contract
    if contract.signed_at is None:
        raise links.no_such_link()
    return contract


def _copy_view(contract: Contract) -> ContractCopyView:
    assert contract.signed_at is not None, "only what was signed has copies"
    return {
        "title": contract.title,
        "kind": contract.kind,
        "signed_at": format_timestamp(contract.signed_at),
        "content_hash": contract.content_hash,
        "document_sha256": contract.document_sha256,
    }
