"""What tests of documents share: somebody who sends documents, the mails that come of it, and who follows their links."""

import json
import re
from typing import Any

from chalicelib.foundation.events import Notification
from chalicelib.foundation.store.codec import decode_item
from chalicelib.packs.documents.entities import Route
from tests.api_user import ApiUser, all_rows
from tests.packs.documents.sample_contracts import SampleContract
from tests.packs.tasks.tasks_client import events, gate

__all__ = ["events", "gate"]

D = "/documents/routes"
URL = "https://files.example.com/agreement.pdf"
ANN = {"name": "Ann Adams", "email": "ann@example.com"}
FIRST, SECOND = "1a" * 32, "2b" * 32  # hashes of documents


class DocumentsClient(ApiUser):
    """Somebody at work. What is refused fails the test; `expect_error` expects it."""

    def professional(self, name: str = "Grace Hopper", **body: Any) -> str:
        given = {"name": name, "role": "lawyer", "email": f"{name.split()[0].lower()}@example.com", **body}
        return str(self.ok("POST", "/pros/scorecard/professionals", given)["id"])

    def deal(self, **body: Any) -> str:
        return str(self.ok("POST", "/deals", {"title": "1201 Pine St", **body})["id"])

    def body(self, deal: str | None = None, **body: Any) -> dict[str, Any]:
        """What sends a document to Ann, unless it is said otherwise; None leaves a field out."""
        to = {} if "professional_id" in body else {"recipient": ANN}
        given = {"deal_id": deal or self.deal(), "document_type": "disclosure", "storage_url": URL, **to, **body}
        return {name: value for name, value in given.items() if value is not None}

    def send(self, deal: str | None = None, **body: Any) -> Any:
        return self.ok("POST", D, self.body(deal, **body))

    def route(self, deal: str | None = None, **body: Any) -> str:
        return str(self.send(deal, **body)["id"])

    def read(self, id: str, **more: Any) -> Any:
        return self.ok("GET", f"{D}/{id}", **more)

    def move(self, id: str, status: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{D}/{id}/status", {"status": status, **body})

    def recall(self, id: str, reason: str = "wrong_document", **body: Any) -> Any:
        return self.move(id, "recalled", reason=reason, **body)

    def remind(self, id: str, **more: Any) -> Any:
        return self.ok("POST", f"{D}/{id}/remind", **more)

    def list(self, path: str = D, **query: str) -> list[Any]:
        """Every row of a list, page by page."""
        rows: list[Any] = []
        while True:
            page = self.ok("GET", path, query=query)
            rows += page["items"]
            if page["next_cursor"] is None:
                return rows
            query["cursor"] = page["next_cursor"]


class Recipient:
    """Who has a link, and no account."""

    def __init__(self, anonymous: Any, path: str) -> None:
        self.call, self.path = anonymous, path

    def look(self, **headers: str) -> Any:
        return self.call("GET", self.path, headers=headers)

    def open(self, **headers: str) -> Any:
        return self.call("POST", f"{self.path}/open", headers=headers)

    def acknowledge(self, document_sha256: str | None = None, name: str = "Ann Adams", **more: Any) -> Any:
        return self.call("POST", f"{self.path}/acknowledge", {"name": name, "document_sha256": document_sha256}, **more)


def mails(runtime: Any, id: str | None = None) -> list[dict[str, Any]]:
    """The mails in the outbox, the oldest first; those about one route."""
    found = [decode_item(raw) for raw in all_rows(runtime) if raw["pk"]["S"].startswith("MAIL#")]
    return sorted((mail for mail in found if id in (None, mail.get("about"))), key=lambda mail: mail["pk"])


def path_in(mail: dict[str, Any]) -> str:
    """The path of the link in a mail."""
    (path,) = re.findall(r"http://127\.0\.0\.1:8000(/d/[A-Za-z0-9_-]{43})\b", mail["text"])
    return str(path)


def kept(runtime: Any, id: str) -> Route:
    """The route as it lies in the table."""
    return Route.from_item(runtime.store().get_item(Route.ID.key(id)))


def contract(runtime: Any, deal: str, document_sha256: str | None = FIRST, status: str = "sent") -> str:
    """A contract of a deal, with this document."""
    ctx = runtime.context(request_id="contract")
    new = SampleContract.new(ctx, SampleContract.ID.new(ctx.now, deal), deal_id=deal, status=status, document_sha256=document_sha256)
    ctx.store.create(new)
    return str(new.id)


def change_contract(runtime: Any, id: str, **values: Any) -> None:
    ctx = runtime.context(request_id="contract")
    ctx.store.save(ctx.store.require(SampleContract, id).with_changes(ctx, **values))


def everything(runtime: Any) -> str:
    """The table as one text."""
    return json.dumps(all_rows(runtime), default=str)


def notifications(runtime: Any, *kinds: str) -> list[Notification]:
    return events(runtime, *kinds)
