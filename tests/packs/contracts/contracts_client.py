"""What tests of contracts share: somebody who opens deals, drafts contracts and moves them, by the API alone."""

import hashlib
import re
from typing import Any

from chalicelib.foundation import links
from chalicelib.foundation.events import Notification
from chalicelib.foundation.store.codec import decode_item
from chalicelib.packs.contracts.entities import Contract
from tests import moto_buckets
from tests.api_user import ApiUser, all_rows

C = "/contracts/lifecycle"
ANN = {"name": "Ann Seller", "email": "ann@example.com", "role": "seller", "side": "opposing"}
BOB = {"name": "Bob Buyer", "email": "bob@example.com", "role": "buyer", "side": "ours"}


class ContractsClient(ApiUser):
    """Somebody at work. What is refused fails the test; `expect_error` expects it."""

    def professional(self, name: str = "Grace Hopper", **body: Any) -> str:
        return str(self.ok("POST", "/pros/scorecard/professionals", {"name": name, "role": "lawyer", **body})["id"])

    def deal(self, **body: Any) -> str:
        return str(self.ok("POST", "/deals", {"title": "1201 Pine St", **body})["id"])

    def contract(self, deal: str | None = None, **body: Any) -> str:
        return str(self.ok("POST", C, {"deal_id": deal or self.deal(), "title": "Purchase agreement", **body})["id"])

    def read(self, id: str, **more: Any) -> Any:
        return self.ok("GET", f"{C}/{id}", **more)

    def patch(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{C}/{id}", body)

    def move(self, id: str, status: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{C}/{id}/status", {"status": status, **body})

    def list(self, path: str = C, **query: str) -> list[Any]:
        """Every row of a list, page by page."""
        rows: list[Any] = []
        while True:
            page = self.ok("GET", path, query=query)
            rows += page["items"]
            if page["next_cursor"] is None:
                return rows
            query["cursor"] = page["next_cursor"]


def kept(runtime: Any, id: str) -> Contract:
    """The contract as it lies in the table."""
    return Contract.from_item(runtime.store().get_item(Contract.ID.key(id)))


def gate(runtime: Any, root_id: str) -> Any:
    """The gate of a deal, or of a professional, as plain values."""
    from chalicelib.foundation.store.keys import reference_counter

    return decode_item(runtime.store().get_item(reference_counter(root_id)))


# -- documents


def upload(client: ContractsClient, id: str, content: bytes = b"%PDF-1.7 the contract", **body: Any) -> str:
    """Upload a document of a draft by the URL that the API gives; its hash."""
    sha256 = hashlib.sha256(content).hexdigest()
    announced = {"filename": "purchase.pdf", "content_type": "application/pdf", "size": len(content), "sha256": sha256, **body}
    place = client.ok("POST", f"{C}/{id}/document", announced)
    answer = moto_buckets.send(place["method"], place["url"], headers=place["headers"], body=content)
    assert answer.status in (200, 412), answer
    return sha256


def approved(client: ContractsClient, counsel: ContractsClient, deal: str | None = None, **body: Any) -> str:
    """A contract with a document that counsel has approved."""
    id = client.contract(deal, **body)
    upload(client, id)
    client.move(id, "under_review")
    counsel.move(id, "approved")
    return id


def sent(client: ContractsClient, counsel: ContractsClient, deal: str | None = None, **body: Any) -> str:
    """A contract that is sent to its parties."""
    id = approved(client, counsel, deal, **{"parties": [ANN], **body})
    client.move(id, "sent")
    return id


# -- mails and links


def mails(runtime: Any, to: str = "") -> list[Any]:
    """The mails of contracts, the oldest first."""
    rows = [decode_item(raw) for raw in all_rows(runtime) if raw["pk"]["S"].startswith("MAIL#")]
    return [row for row in sorted(rows, key=lambda row: row["pk"]) if row.get("about", "").startswith("ctr_") and to in row["to"]]


def token_of(mail: Any) -> str:
    """The token of the link in a mail."""
    found = re.search(r"/s/(?:copies/)?([A-Za-z0-9_-]{43})", mail["text"])
    assert found, mail["text"]
    return found[1]


def link_of(runtime: Any, party: Any, id: str) -> str:
    """The token of the latest link to sign a contract that was mailed to a party."""
    sent = [token_of(mail) for mail in mails(runtime, party["email"]) if (mail["purpose"], mail["about"]) == ("contract-sign", id)]
    ctx = runtime.context(request_id="links")
    return max(sent, key=lambda token: links.find_link(ctx, "contract-sign", token).epoch)


def signing(client: ContractsClient, id: str, **body: Any) -> dict[str, Any]:
    """What a party posts to sign a contract."""
    return {
        "typed_name": "Ann Seller",
        "consent": True,
        "content_hash": client.read(id)["content_hash"],
        "consent_version": "2026-11",
        **body,
    }


def sign(runtime: Any, client: ContractsClient, anonymous: Any, id: str, *parties: Any) -> None:
    """Sign a contract by the links of these parties, one after the other."""
    for party in parties:
        answer = anonymous("POST", f"/s/{link_of(runtime, party, id)}", signing(client, id, typed_name=party["name"]))
        assert answer.status == 200, answer.text


def events(runtime: Any, *kinds: str) -> list[Notification]:
    """The events of these kinds, the oldest first."""
    found = [Notification.from_item(raw) for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == "event"]
    return sorted((event for event in found if event.event in kinds), key=lambda event: (event.created_at, event.id))
