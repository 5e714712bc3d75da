"""What who has a link sees and does; and that a link which leads nowhere says nothing of why."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from chalicelib.foundation import links
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.mail_events import MailEvent
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.documents.service import bounces
from tests.conftest import NOW
from tests.packs.documents.documents_client import (
    FIRST,
    SECOND,
    URL,
    D,
    DocumentsClient,
    Recipient,
    change_contract,
    contract,
    gate,
    kept,
    mails,
    path_in,
)

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}  # what a browser sends


class TestLooking:
    def test_what_it_shows(self, documents: DocumentsClient, holder):
        id = documents.route(title="Seller's disclosure", document_sha256=FIRST, due_on="2026-12-01")
        answer = holder(id).look()
        assert answer.status == 200
        assert answer.json() == {
            "title": "Seller's disclosure", "document_type": "disclosure", "status": "sent", "document_sha256": FIRST, "due_on": "2026-12-01",
        }  # fmt: skip
        assert answer.headers["cache-control"] == "no-store"
        assert URL not in answer.text

    def test_d25_scanners_look_first(self, documents: DocumentsClient, runtime, holder):
        """Three scanners and a person fetch it: four fetches, one opening."""
        deal = documents.deal()
        id = documents.route(deal)
        before, ver = kept(runtime, id), gate(runtime, deal)["ver"]
        for _ in range(4):
            holder(id).look()
        holder(id).call("HEAD", holder(id).path)
        holder(id).look(**{"Sec-Purpose": "prefetch"})
        holder(id).look(**{"Sec-Purpose": "prefetch;prerender"})
        assert kept(runtime, id).attribute_values == before.attribute_values  # no revision, so nothing on the trail
        assert gate(runtime, deal)["ver"] == ver
        holder(id).open()
        seen = documents.read(id)
        assert (seen["fetches"], seen["opens"], seen["status"]) == (4, 1, "opened")

    def test_only_opening_shows_where_it_is(self, documents: DocumentsClient, holder, clock):
        id = documents.route(document_sha256=FIRST)
        answer = holder(id).open()
        assert answer.json() == {"status": "opened", "url": URL, "document_sha256": FIRST}
        clock.now += timedelta(hours=1)
        assert holder(id).open().json() == answer.json()
        seen = documents.read(id)
        assert (seen["opens"], seen["opened_at"], seen["revision"]) == (2, format_timestamp(NOW), 2)
        assert seen["updated_by"] == f"link:{id}"


class TestAcknowledging:
    def test_the_first_one_stays(self, documents: DocumentsClient, holder, clock):
        id = documents.route(document_sha256=FIRST)
        first = holder(id).acknowledge(FIRST, headers={"User-Agent": "Firefox"})
        assert first.status == 200
        assert first.json() == {"status": "acknowledged", "acknowledged_at": format_timestamp(NOW), "document_sha256": FIRST}
        clock.now += timedelta(days=1)
        again = holder(id).acknowledge(FIRST, name="Somebody Else")
        assert (again.status, again.json()) == (200, first.json())
        seen = documents.read(id)
        assert (seen["opened_at"], seen["acknowledged_at"], seen["attested_by"]) == (format_timestamp(NOW), format_timestamp(NOW), None)
        assert seen["acknowledgement"] == {
            "name": "Ann Adams", "at": format_timestamp(NOW), "authentication": "email_link", "document_sha256": FIRST,
            "ip_address": "127.0.0.1", "user_agent": "Firefox",
        }  # fmt: skip
        assert seen["reminders"]["next_on"] is None
        assert holder(id).look().json()["status"] == "acknowledged"
        assert holder(id).open().json()["url"] == URL

    def test_of_what_was_seen(self, documents: DocumentsClient, holder):
        id = documents.route(document_sha256=FIRST)
        for other in (SECOND, None):
            answer = holder(id).acknowledge(other)
            assert (answer.status, answer.json()["code"]) == (409, "stale_hash")
        assert documents.read(id)["status"] == "sent"
        holder(id).acknowledge(FIRST)
        assert holder(id).acknowledge(SECOND).json()["code"] == "stale_hash"

    def test_without_a_hash_none_is_given(self, documents: DocumentsClient, holder):
        id = documents.route()
        assert holder(id).acknowledge(FIRST).json()["code"] == "stale_hash"
        assert holder(id).call("POST", f"{holder(id).path}/acknowledge", {"name": "Ann"}).status == 200

    def test_of_a_document_that_was_replaced(self, documents: DocumentsClient, runtime, holder):
        deal = documents.deal()
        id = contract(runtime, deal)
        route = documents.route(deal, contract_id=id)
        change_contract(runtime, id, document_sha256=SECOND)
        for given in (FIRST, SECOND):
            assert holder(route).acknowledge(given).json()["code"] == "stale_hash"
        change_contract(runtime, id, document_sha256=FIRST)
        assert holder(route).acknowledge(FIRST).status == 200

    def test_what_it_takes(self, documents: DocumentsClient, holder):
        id = documents.route()
        path = f"{holder(id).path}/acknowledge"
        for body in ({}, {"name": ""}, {"name": "x" * 201}, {"name": "x", "document_sha256": "y"}, {"name": "x", "colour": "red"}):
            assert holder(id).call("POST", path, body).status == 422
        assert holder(id).call("POST", path, raw="name=x", headers={"Content-Type": "text/plain"}).status == 415

    def test_a_contracts_own_file(self, documents: DocumentsClient, runtime, holder):
        """Signed for a few minutes; and once the contract has another document, there is nothing to show."""
        runtime.settings = replace(runtime.settings, files_bucket="files")
        deal = documents.deal()
        id = contract(runtime, deal)
        file = {"key": f"contracts/{id}/x", "version_id": "v1", "filename": "Purchase.pdf", "content_type": "application/pdf"}
        change_contract(runtime, id, document=file)
        route = documents.route(deal, contract_id=id, storage_url=None)
        url = holder(route).open().json()["url"]
        assert f"contracts/{id}/x" in url
        assert "versionId=v1" in url
        assert "X-Amz-Signature=" in url
        elsewhere = documents.route(deal, contract_id=id)
        assert holder(elsewhere).open().json()["url"] == URL
        change_contract(runtime, id, document_sha256=SECOND)
        assert holder(route).open().json()["url"] is None


class TestLinksThatLeadNowhere:
    @pytest.fixture
    def refusals(self, anonymous, documents, runtime, clock):
        """The answers to links that are wrong in every way there is, without the ids of the requests."""
        good = documents.route()
        token = path_in(mails(runtime, good)[0]).removeprefix("/d/")
        recalled, deleted, bounced, ended = (documents.route() for _ in range(4))
        paths = {
            name: path_in(mails(runtime, id)[0])
            for name, id in zip(("recalled", "deleted", "bounced", "ended"), (recalled, deleted, bounced, ended), strict=True)
        }
        documents.recall(recalled)
        documents.ok("DELETE", f"{D}/{deleted}")
        ctx = runtime.context(request_id="other")
        bounces.mail_failed(ctx, bounced, "sending-0", MailEvent("hard", ctx.now, "", "ann@example.com"))
        tx = Transaction(ctx.store)
        other = links.add_link(ctx, tx, "contract", good, epoch=0, ends_at=ctx.now + timedelta(days=1))
        tx.commit()
        wrong = {
            "unknown": f"/d/{'A' * 43}",
            "cut": f"/d/{token[:-1]}",
            "longer": f"/d/{token}A",
            "another case": f"/d/{token.swapcase()}",
            "of another purpose": f"/d/{other}",
            **paths,
        }

        def ask(method, suffix="", body=None):
            clock.now = NOW
            found = {}
            for name, path in wrong.items():
                clock.now = NOW + timedelta(days=90) if name == "ended" else NOW
                answer = anonymous(method, f"{path}{suffix}", body)
                members = answer.json() if answer.text else {}
                found[name] = (answer.status, {key: value for key, value in members.items() if key != "request_id"})
            return found

        return ask

    @pytest.mark.parametrize(
        ("method", "suffix", "body"),
        [("GET", "", None), ("POST", "/open", None), ("POST", "/acknowledge", {"name": "x", "document_sha256": None})],
    )
    def test_one_and_the_same_answer(self, refusals, method, suffix, body):
        found = refusals(method, suffix, body)
        assert {status for status, _ in found.values()} == {404}
        assert len({str(members) for _, members in found.values()}) == 1, found

    def test_it_ends_when_it_was_to(self, documents: DocumentsClient, holder, clock):
        id = documents.route(link_expires_at=format_timestamp(NOW + timedelta(days=3)))
        clock.now = NOW + timedelta(days=3) - timedelta(seconds=1)
        assert holder(id).look().status == 200
        clock.now = NOW + timedelta(days=3)
        assert holder(id).look().status == 404

    def test_a_reminders_link_is_another_one_and_both_live(self, documents: DocumentsClient, runtime, holder):
        id = documents.route()
        documents.remind(id)
        first, second = (path_in(mail) for mail in mails(runtime, id))
        assert first != second
        assert [holder(id, number).look().status for number in (0, 1)] == [200, 200]
        documents.recall(id)
        assert [holder(id, number).look().status for number in (0, 1)] == [404, 404]


class TestPages:
    def form(self, recipient: Recipient, suffix: str, to: str = "", **fields: str):
        headers = {**HTML, "Content-Type": "application/x-www-form-urlencoded"}
        query = {"to": to} if to else None
        return recipient.call("POST", f"{recipient.path}{suffix}", raw=urlencode(fields), headers=headers, query=query)

    def test_a_page_below_the_links_address_leads_on_too(self, documents: DocumentsClient, holder):
        id = documents.route()
        assert 'formaction="?to=acknowledge"' in self.form(holder(id), "/open").text
        assert self.form(holder(id), "/open", to="acknowledge", name="Ann Adams").status == 200
        assert documents.read(id)["status"] == "acknowledged"

    def test_from_the_link_to_the_end(self, documents: DocumentsClient, holder):
        """As a browser does it: each page has the form that leads to the next one."""
        id = documents.route(title="<b>Seller's</b> disclosure", document_sha256=FIRST, due_on="2026-12-01")
        recipient = holder(id)
        first = recipient.look(**HTML)
        assert first.headers["content-type"] == "text/html; charset=utf-8"
        assert 'formaction="?to=open"' in first.text
        assert "&lt;b&gt;Seller&#x27;s&lt;/b&gt; disclosure" in first.text
        assert "December 1, 2026" in first.text
        assert URL not in first.text
        second = self.form(recipient, "", to="open")
        assert f'href="{URL}"' in second.text
        assert 'formaction="?to=acknowledge"' in second.text
        assert f'name="document_sha256" value="{FIRST}"' in second.text
        third = self.form(recipient, "", to="acknowledge", name="Ann Adams", document_sha256=FIRST)
        assert third.status == 200
        assert "It was confirmed on November 24, 2026, 10:00 PST" in third.text
        assert documents.read(id)["status"] == "acknowledged"
        for page in (first, second, third):
            assert "Ann Adams" not in page.text
            assert recipient.path.removeprefix("/d/") not in page.text
            assert "<script" not in page.text
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert page.headers["referrer-policy"] == "no-referrer"

    def test_without_a_hash_the_field_is_absent(self, documents: DocumentsClient, holder):
        id = documents.route()
        assert "document_sha256" not in self.form(holder(id), "/open").text
        assert self.form(holder(id), "/acknowledge", name="Ann Adams", document_sha256="").status == 200

    def test_refusals_are_pages_too(self, documents: DocumentsClient, anonymous, holder):
        id = documents.route()
        missing = self.form(holder(id), "/acknowledge", name=" ")
        assert (missing.status, missing.headers["content-type"]) == (422, "text/html; charset=utf-8")
        gone = Recipient(anonymous, f"/d/{'A' * 43}").look(**HTML)
        assert (gone.status, "No such link." in gone.text) == (404, True)

    def test_a_replaced_document_asks_for_nothing(self, documents: DocumentsClient, runtime, holder):
        deal = documents.deal()
        id = contract(runtime, deal)
        route = documents.route(deal, contract_id=id, storage_url=None)
        assert "by another way" in self.form(holder(route), "/open").text
        change_contract(runtime, id, document_sha256=SECOND)
        for page in (holder(route).look(**HTML), self.form(holder(route), "/open")):
            assert "has been replaced" in page.text
            assert "acknowledge" not in page.text
        assert self.form(holder(route), "/acknowledge", name="Ann", document_sha256=FIRST).status == 409

    def test_after_it_was_confirmed(self, documents: DocumentsClient, holder):
        id = documents.route()
        self.form(holder(id), "/acknowledge", name="Ann Adams")
        for page in (holder(id).look(**HTML), self.form(holder(id), "/open"), self.form(holder(id), "/acknowledge", name="Other")):
            assert "It was confirmed on" in page.text
            assert "?to=acknowledge" not in page.text
