"""Templates, and contracts that are made from them."""

import base64
import hashlib

import pytest

from tests import moto_buckets
from tests.packs.contracts.contracts_client import ANN, C, ContractsClient, kept

T = "/contracts/templates"
LETTER = {
    "name": "Letter",
    "kind": "engagement",
    "title": "Engagement of {{firm}}",
    "body": "{{firm}} advises on {{address}}.\n\nThe fee is {{fee}}.",
}
VALUES = {"firm": "Hopper LLP", "address": "1201 Pine St", "fee": "USD 2,500"}


@pytest.fixture
def template(counsel: ContractsClient) -> str:
    return str(counsel.ok("POST", T, LETTER)["id"])


def text_of(content: bytes) -> str:
    pdfium = pytest.importorskip("pypdfium2")
    return "\n".join(page.get_textpage().get_text_bounded() for page in pdfium.PdfDocument(content))


class TestTemplates:
    def test_life(self, counsel: ContractsClient, contracts: ContractsClient, template):
        seen = contracts.ok("GET", f"{T}/{template}")
        assert {name: seen[name] for name in LETTER} == LETTER
        assert seen["placeholders"] == ["firm", "address", "fee"]
        assert [(row["id"], row["name"], row["kind"]) for row in contracts.list(T)] == [(template, "Letter", "engagement")]
        assert counsel.ok("PATCH", f"{T}/{template}", {"title": "Engagement", "kind": "nda"})["placeholders"] == ["firm", "address", "fee"]
        assert counsel.ok("PATCH", f"{T}/{template}", {"kind": "nda"})["revision"] == 2
        counsel.expect_error(412, "PATCH", f"{T}/{template}", {"kind": "other"}, headers={"If-Match": '"1"'})
        counsel.ok("DELETE", f"{T}/{template}")
        counsel.expect_error(404, "GET", f"{T}/{template}")
        assert contracts.list(T) == []

    def test_only_counsel_writes_them(self, contracts: ContractsClient, template):
        contracts.expect_error(403, "POST", T, LETTER)
        contracts.expect_error(403, "PATCH", f"{T}/{template}", {"name": "x"})
        contracts.expect_error(403, "DELETE", f"{T}/{template}")

    @pytest.mark.parametrize(
        "change",
        [
            {"body": "{{Firm}}"},
            {"body": "{{ firm }}"},
            {"body": "{firm}"},
            {"title": "{{firm"},
            {"body": "x" * 50_001},
            {"body": " \n "},
            {"title": ""},
            {"kind": "lease"},
        ],
    )
    def test_what_is_no_template(self, counsel: ContractsClient, template, change):
        counsel.expect_error(422, "POST", T, {**LETTER, **change})
        counsel.expect_error(422, "PATCH", f"{T}/{template}", change)

    def test_the_longest(self, counsel: ContractsClient):
        assert len(counsel.ok("POST", T, {**LETTER, "body": "🙂" * 50_000})["body"]) == 50_000


class TestContracts:
    def make(self, client, template, **body):
        return client.ok("POST", f"{C}/from-template", {"template_id": template, "deal_id": client.deal(), "values": VALUES, **body})

    def test_a_draft_whose_document_is_the_filled_text(self, contracts: ContractsClient, counsel, template, runtime):
        seen = self.make(contracts, template, parties=[ANN], value=5, sign_by="2026-12-01")
        assert (seen["title"], seen["kind"], seen["status"], seen["version"], seen["revision"]) == (
            "Engagement of Hopper LLP",
            "engagement",
            "draft",
            1,
            1,
        )
        assert (seen["document"]["filename"], seen["document"]["arrived"]) == ("Engagement of Hopper LLP.pdf", True)
        place = contracts.ok("GET", f"{C}/{seen['id']}/document")
        content = moto_buckets.send("GET", place["url"]).content
        assert hashlib.sha256(content).hexdigest() == seen["document_sha256"]
        text = " ".join(text_of(content).split())
        for words in ("Engagement of Hopper LLP", "Hopper LLP advises on 1201 Pine St.", "The fee is USD 2,500."):
            assert words in text
        assert "{{" not in text
        contracts.move(seen["id"], "under_review")
        counsel.move(seen["id"], "approved")
        assert contracts.move(seen["id"], "sent")["status"] == "sent"

    def test_title_and_kind_of_ones_own(self, contracts: ContractsClient, template):
        seen = self.make(contracts, template, title="Mine: a/b", kind="other")
        assert (seen["title"], seen["kind"], seen["document"]["filename"]) == ("Mine: a/b", "other", "Mine  a b.pdf")

    def test_each_value_that_is_missing_or_unknown_is_named(self, contracts: ContractsClient, template):
        body = {"template_id": template, "deal_id": contracts.deal(), "values": {"firm": "x", "colour": "red"}}
        refused = contracts.expect_error(422, "POST", f"{C}/from-template", body)
        assert [error["loc"] for error in refused["errors"]] == [["values", "address"], ["values", "fee"], ["values", "colour"]]
        contracts.expect_error(422, "POST", f"{C}/from-template", {**body, "values": {**VALUES, "fee": "x" * 2001}})
        long = contracts.expect_error(422, "POST", f"{C}/from-template", {**body, "values": {**VALUES, "firm": "x" * 300}})
        assert long["errors"][0]["loc"] == ["title"]

    def test_what_has_no_sign_in_print_is_refused(self, contracts: ContractsClient, template):
        body = {"template_id": template, "deal_id": contracts.deal(), "values": {**VALUES, "address": "東京 1"}}
        refused = contracts.expect_error(422, "POST", f"{C}/from-template", body)
        assert refused["errors"][0]["loc"] == ["values"]
        assert "東" in refused["errors"][0]["message"]

    def test_a_repetition_with_its_key_is_one_contract(self, contracts: ContractsClient, counsel, template):
        body, key = {"template_id": template, "deal_id": contracts.deal(), "values": VALUES}, {"Idempotency-Key": "k"}
        first = contracts.call("POST", f"{C}/from-template", body, headers=key)
        counsel.ok("DELETE", f"{T}/{template}")
        second = contracts.call("POST", f"{C}/from-template", body, headers=key)
        assert (first.status, second.status, first.json()) == (201, 201, second.json())
        assert len(contracts.list()) == 1

    def test_what_is_refused(self, contracts: ContractsClient, template, as_, runtime):
        deal = contracts.deal()
        body = {"template_id": template, "deal_id": deal, "values": VALUES}
        contracts.expect_error(404, "POST", f"{C}/from-template", {**body, "template_id": "tpl_x"})
        contracts.expect_error(422, "POST", f"{C}/from-template", {**body, "auto_renew": True})
        as_("dealmaker").expect_error(403, "POST", f"{C}/from-template", body)
        assert contracts.list() == []

    def test_a_pdf_that_is_the_same_for_the_same_text(self, contracts: ContractsClient, template, runtime):
        first, second = (self.make(contracts, template) for _ in range(2))
        assert first["document_sha256"] == second["document_sha256"]
        assert kept(runtime, first["id"]).document["key"] != kept(runtime, second["id"]).document["key"]
        assert base64.b16encode(bytes.fromhex(first["document_sha256"]))
