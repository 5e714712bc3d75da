"""The pages of a link in a real browser: from the mail to the acknowledgement, by its buttons alone, without a script."""

import os
from typing import Any

import pytest

from tests.api.browser import CHROMIUM, served
from tests.packs.documents.documents_client import FIRST, DocumentsClient, mails, path_in


@pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed: apt-get install chromium")
def test_from_the_mail_to_the_end(documents: DocumentsClient, runtime: Any, app: Any) -> None:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "continuous integration must have Chromium"
    id = documents.route(title="Seller's disclosure of 1201 Pine Street", document_sha256=FIRST, due_on="2026-12-01")
    link = path_in(mails(runtime, id)[0])
    with served(app) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"])
        page = browser.new_context(java_script_enabled=False, viewport={"width": 900, "height": 760}).new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{base}{link}")
        assert page.get_by_role("heading", level=1).inner_text() == "Seller's disclosure of 1201 Pine Street"
        page.get_by_role("button", name="Open the document").click()
        assert page.get_by_role("link", name="Read the document").get_attribute("href") == "https://files.example.com/agreement.pdf"
        assert documents.read(id)["status"] == "opened"
        page.get_by_role("button", name="I have received and read it").click()  # the name is needed: the browser says so
        assert documents.read(id)["status"] == "opened"
        page.get_by_label("Your full name").fill("Ann Adams")
        page.get_by_role("button", name="I have received and read it").click()
        assert "It was confirmed on November 24, 2026" in page.get_by_role("status").inner_text()
        page.set_viewport_size({"width": 390, "height": 760})
        page.goto(f"{base}{link}")
        browser.close()
    assert documents.read(id)["acknowledgement"]["name"] == "Ann Adams"
    assert said == []  # neither script nor policy complains
