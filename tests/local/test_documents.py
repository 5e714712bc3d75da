"""Documents in the local run: mail through SES on the embedded engine, read where it lies, its link followed to the end; and mail that comes back."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.test_real_system import Firm, within

ROUTES = "/documents/routes"
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    running = Firm(tmp_path)
    yield running
    running.close()


def test_from_the_mail_to_the_acknowledgement_and_what_comes_back(firm: Firm) -> None:
    deal = made(firm, "/deals", {"title": "1201 Pine St", "kind": "purchase"})["id"]
    sent = {
        "deal_id": deal,
        "document_type": "disclosure",
        "title": "Seller's disclosure",
        "storage_url": "https://files.example.com/a.pdf",
    }

    # To Ann, who follows the link in her mail, without an account.
    route = made(firm, ROUTES, {**sent, "recipient": {"name": "Ann Adams", "email": "ann@example.com"}, "document_sha256": "1a" * 32})["id"]
    (mail,) = mails_to(firm, "ann@example.com", 1)
    assert "Subject: A document for you: Seller's disclosure" in mail
    link = link_in(mail)
    page = visit(firm, "GET", link, headers={"Accept": "text/html"})
    assert (page.status_code, "Open the document" in page.text, "<script" in page.text) == (200, True, False)
    assert firm.web.head(link, headers={"Authorization": ""}).status_code == 200
    assert visit(firm, "GET", link).json()["status"] == "sent"
    opened = visit(firm, "POST", f"{link}/open", headers=_FORM)
    assert "https://files.example.com/a.pdf" in opened.text
    confirmed = visit(firm, "POST", f"{link}/acknowledge", headers=_FORM, data={"name": "Ann Adams", "document_sha256": "1a" * 32})
    assert (confirmed.status_code, "It was confirmed on" in confirmed.text) == (200, True)
    seen = firm.web.get(f"{ROUTES}/{route}").json()
    assert (seen["status"], seen["fetches"], seen["opens"]) == ("acknowledged", 2, 1)
    assert seen["acknowledgement"]["authentication"] == "email_link"
    trail = within(10, lambda: len(found := firm.trail(route)) == 3 and found)
    assert {record["actor"] for record in trail} >= {f"link:{route}"}

    # To an address that there isn't: SES says so, the route bounces, and its link is dead.
    lost = made(firm, ROUTES, {**sent, "recipient": {"name": "Bob", "email": "bounce@simulator.amazonses.com"}})["id"]
    dead = link_in(mails_to(firm, "bounce@simulator.amazonses.com", 1)[0])
    bounced = within(20, lambda: (one := firm.web.get(f"{ROUTES}/{lost}").json())["status"] == "bounced" and one)
    assert bounced["status_reason"] == "hard"
    assert visit(firm, "GET", dead).status_code == 404
    events = firm.web.get("/events").json()["items"]
    assert [event["subject_id"] for event in events if event["kind"] == "documents.bounced"] == [lost]
    again = firm.web.patch(f"{ROUTES}/{lost}/status", json={"status": "sent", "email": "bob@example.com"})
    assert again.status_code == 200, again.text
    assert visit(firm, "GET", link_in(mails_to(firm, "bob@example.com", 1)[0])).status_code == 200
    assert visit(firm, "GET", dead).status_code == 404

    # To somebody who complains of it; and a reminder, whose link lives beside the first one.
    unwanted = made(firm, ROUTES, {**sent, "recipient": {"name": "Cleo", "email": "complaint@simulator.amazonses.com"}})["id"]
    complained = within(20, lambda: (one := firm.web.get(f"{ROUTES}/{unwanted}").json())["status"] == "bounced" and one)
    assert complained["status_reason"] == "complaint"
    assert firm.web.post(f"{ROUTES}/{lost}/remind").status_code == 200
    first, second = (link_in(mail) for mail in mails_to(firm, "bob@example.com", 2))
    assert first != second
    assert [visit(firm, "GET", one).status_code for one in (first, second)] == [200, 200]
    recalled = firm.web.patch(f"{ROUTES}/{lost}/status", json={"status": "recalled", "reason": "wrong_document"})
    assert recalled.status_code == 200, recalled.text
    assert [visit(firm, "GET", one).status_code for one in (first, second)] == [404, 404]


def made(firm: Firm, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = firm.web.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def mails_to(firm: Firm, address: str, count: int) -> list[str]:
    """The mails that SES has delivered to an address, once there are so many."""
    folder = firm.run.workspace / "mail"
    files = within(20, lambda: len(found := sorted(folder.glob(f"*{address}*.txt"))) >= count and found)
    assert files, f"no mail to {address}"
    return [file.read_text() for file in files]


def link_in(mail: str) -> str:
    (link,) = re.findall(r"https?://[^/\s]+(/d/[A-Za-z0-9_-]{43})\b", mail)
    return str(link)


def visit(firm: Firm, method: str, path: str, **more: Any) -> Any:
    """A request of somebody without an account."""
    more["headers"] = {"Authorization": "", **more.get("headers", {})}
    return firm.web.request(method, path, **more)
