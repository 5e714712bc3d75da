"""Previewing, drafting, reading, listing and changing packets."""

import hashlib
import json
from decimal import Decimal

import pytest
import rfc8785

from chalicelib.foundation import packet_facts
from chalicelib.foundation.ids import EXAMPLE_ULID
from chalicelib.foundation.packet_facts import FactList
from chalicelib.packs.handoffs.rules.content import HASHED
from local import gateway
from tests.packs.handoffs.handoffs_client import PARTS, H, HandoffsClient, gate


@pytest.fixture
def pipeline(handoffs: HandoffsClient):
    body = {"property": {"address": {"line1": "1201 Pine St", "city": "Seattle"}}, "arv_estimate": 250000, "repair_estimate": 35000}
    id = handoffs.ok("POST", "/wholesale", body)["id"]
    for stage in ("offer_made", "under_contract"):
        handoffs.ok("POST", f"/wholesale/{id}/stage", {"stage": stage, "price": 118000})
    return id


class TestPreview:
    def test_of_a_professional_without_anything(self, handoffs: HandoffsClient):
        ada = handoffs.professional("Ada")
        seen = handoffs.ok("GET", f"{H}/{ada}")
        assert seen["professional"] == {"id": ada, "name": "Ada", "role": "lawyer", "organization": None}
        assert (seen["scorecard"], seen["deal"], seen["tasks_outstanding"], seen["context"]) == (None, None, [], {})
        assert seen["missing"] == ["action_list", "summary", "contingencies", "risk_status", "scorecard"]
        assert seen["completeness"] == 9  # 8 of 88
        assert not {"id", "number", "content_hash", "status"} & seen.keys()

    def test_of_a_deal_with_its_pipeline_and_tasks(self, handoffs: HandoffsClient, pipeline, project):
        ada, bob = handoffs.professional("Ada", organization="Ada LLP"), handoffs.professional("Bob")
        deal = handoffs.deal(kind="wholesale", pipeline_id=pipeline, external_ref="17")
        later, soon = handoffs.task(deal, bob, due_on="2026-12-09"), handoffs.task(deal, ada, title="Soon", due_on="2026-12-01")
        handoffs.finish(handoffs.task(deal, ada))
        handoffs.ok("POST", f"/pros/scorecard/{ada}/log", {"deliverable_quality": 0.9, "met_deadline": True})
        project()
        seen = handoffs.ok("GET", f"{H}/{ada}", query={"deal_id": "17"})
        assert seen["deal_id"] == deal
        assert (seen["deal"]["title"], seen["deal"]["value"], seen["deal"]["status"]) == ("1201 Pine St", 118000, "open")
        assert seen["deal"]["pipeline"] | {"closes_on": None} == {
            "id": pipeline, "address": "1201 Pine St, Seattle", "stage": "under_contract", "contract_price": 118000, "currency": "USD",
            "closes_on": None, "inspection_ends_on": None,
        }  # fmt: skip
        assert [task["id"] for task in seen["tasks_outstanding"]] == [soon, later]
        assert (seen["scorecard"]["quality_score"], seen["scorecard"]["interactions"]) == (Decimal("0.9"), 1)
        assert seen["missing"] == ["action_list", "summary", "contingencies", "risk_status"]
        assert seen["completeness"] == 25  # professional, scorecard, deal, contracts, documents, tasks of 100

    def test_without_a_deal_its_tasks_are_those_of_none(self, handoffs: HandoffsClient):
        ada = handoffs.professional()
        handoffs.task(professional=ada)
        packet = handoffs.send(handoffs.draft(ada)["id"])
        handoffs.accept(packet["id"])
        assert [task["title"] for task in handoffs.ok("GET", f"{H}/{ada}")["tasks_outstanding"]] == ["Order the title report"]

    def test_what_isnt_there(self, handoffs: HandoffsClient):
        ada = handoffs.professional()
        for path, query in (
            (f"{H}/pro_{EXAMPLE_ULID}", {}),
            (f"{H}/packets", {}),
            (f"{H}/{ada}", {"deal_id": f"deal_{EXAMPLE_ULID}"}),
            (f"{H}/{ada}", {"deal_id": "0"}),
        ):
            handoffs.expect_error(404, "GET", path, query=query)

    def test_it_explains_itself(self, handoffs: HandoffsClient):
        explained = handoffs.ok("GET", f"{H}/{handoffs.professional()}", query={"explain": "true"})["explain"]
        assert explained["formula"] == {"id": "handoffs.completeness", "version": 1}
        assert explained["inputs"]["professional"] == {"weight": 5, "share": 1}
        assert "summary" in explained["missing"]

    def test_lists_that_other_packs_bring(self, handoffs: HandoffsClient, monkeypatch):
        ada, deal = handoffs.professional(), handoffs.deal()
        rows = [{"n": n} for n in range(101)]
        found = {"contracts": FactList([]), "documents": FactList([{"id": "doc"}]), "risks": FactList(rows[:100], cut=True)}
        collect = packet_facts.collect
        monkeypatch.setattr(packet_facts, "collect", lambda *given: collect(*given) | found)
        seen = handoffs.ok("GET", f"{H}/{ada}", query={"deal_id": deal})
        assert (seen["contracts"], seen["documents"], len(seen["risks"]), seen["cut"]) == ([], [{"id": "doc"}], 100, ["risks"])
        assert not {"contracts", "documents", "tasks_outstanding"} & set(seen["missing"])

    def test_a_hundred_rows_of_a_list(self, handoffs: HandoffsClient):
        ada, deal = handoffs.professional(), handoffs.deal()
        for _ in range(101):
            handoffs.task(deal, ada)
        seen = handoffs.ok("GET", f"{H}/{ada}", query={"deal_id": deal})
        assert (len(seen["tasks_outstanding"]), seen["cut"]) == (100, ["tasks_outstanding"])


class TestDraft:
    def test_it_freezes_the_facts(self, handoffs: HandoffsClient, clock, runtime):
        ada, deal = handoffs.professional("Ada"), handoffs.deal()
        answer = handoffs.call("POST", f"{H}/{ada}", {"context": {"older": [1, {"x": 1.50}]}, **PARTS}, query={"deal_id": deal})
        packet = answer.json()
        assert (answer.status, answer.headers["location"]) == (201, f"{H}/packets/{packet['id']}")
        assert (packet["number"], packet["status"], packet["responsible"]) == (1, "draft", "user_operator")
        assert packet["context"] == {"older": [1, {"x": Decimal("1.50")}]}
        handoffs.ok("PATCH", f"/pros/scorecard/professionals/{ada}", {"name": "Ada Lovelace"})
        handoffs.task(deal, ada)
        handoffs.ok("PATCH", f"/deals/{deal}", {"title": "Another"})
        clock.now = clock.now.replace(hour=20)
        seen = handoffs.change(packet["id"], risk_status="urgent")
        assert (seen["professional"]["name"], seen["deal"]["title"], seen["tasks_outstanding"]) == ("Ada", "1201 Pine St", [])
        assert seen["handoff_timestamp"] == packet["handoff_timestamp"]
        assert gate(runtime, deal)["refs"] == 2
        assert gate(runtime, ada)["refs"] == 2
        handoffs.expect_error(409, "DELETE", f"/pros/scorecard/professionals/{ada}")

    def test_numbers_are_dense_for_each_professional_and_deal(self, handoffs: HandoffsClient):
        ada, bob, deal = handoffs.professional("Ada"), handoffs.professional("Bob"), handoffs.deal()
        made = [handoffs.draft(*who)["number"] for who in ((ada, deal), (ada, deal), (bob, deal), (ada,), (ada, deal), (ada,))]
        assert made == [1, 2, 1, 1, 3, 2]

    def test_a_repeated_request(self, handoffs: HandoffsClient):
        ada, key = handoffs.professional(), {"Idempotency-Key": "k"}
        first, second = (handoffs.call("POST", f"{H}/{ada}", PARTS, headers=key) for _ in range(2))
        assert first.json() == second.json()
        assert second.headers["idempotent-replayed"] == "true"
        assert len(handoffs.list(f"{H}/by-professional/{ada}")) == 1

    def test_what_may_not_be_used(self, handoffs: HandoffsClient, as_):
        ada, deal = handoffs.professional(), handoffs.deal()
        handoffs.ok("PATCH", f"/pros/scorecard/professionals/{ada}", {"is_active": False})
        assert handoffs.expect_error(409, "POST", f"{H}/{ada}", {})["code"] == "professional_inactive"
        bob = handoffs.professional()
        handoffs.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert handoffs.expect_error(409, "POST", f"{H}/{bob}", {}, query={"deal_id": deal})["code"] == "deal_not_open"

    def test_on_own_deals(self, handoffs: HandoffsClient, as_):
        dealmaker, ada, theirs = as_("dealmaker"), handoffs.professional(), handoffs.deal()
        dealmaker.expect_error(403, "POST", f"{H}/{ada}", {}, query={"deal_id": theirs})
        dealmaker.expect_error(403, "POST", f"{H}/{ada}", {})
        packet = dealmaker.draft(ada, dealmaker.deal())["id"]
        dealmaker.change(packet, risk_status="stable")
        dealmaker.send(packet)
        other = handoffs.draft(ada, theirs)["id"]
        for method, path, body in (("PATCH", "", {"risk_status": "stable"}), ("POST", "/send", None)):
            dealmaker.expect_error(403, method, f"{H}/packets/{other}{path}", body)
        dealmaker.packet(other)

    def test_at_most_20_open_ones(self, handoffs: HandoffsClient):
        ada = handoffs.professional()
        drafts = [handoffs.draft(ada)["id"] for _ in range(20)]
        assert handoffs.expect_error(409, "POST", f"{H}/{ada}", {})["code"] == "too_many_open"
        handoffs.send(drafts[-1])
        assert handoffs.draft(ada)["number"] == 21

    @pytest.mark.parametrize(
        "body",
        [
            {"anything": 1},
            {"risk_status": "bad"},
            {"action_list": [{"action": "x" * 201}]},
            {"action_list": [{"action": "x"}] * 31},
            {"contingencies": [{"if": "x", "then": "y"}] * 21},
            {"contingencies": [{"condition": "x", "then": "y"}]},
            {"context": {"x": "y" * 20_000}},
            {"context": []},
        ],
    )
    def test_invalid_bodies(self, handoffs: HandoffsClient, body):
        handoffs.expect_error(422, "POST", f"{H}/{handoffs.professional()}", body)

    def test_half_a_character(self, handoffs: HandoffsClient):
        answer = handoffs.call("POST", f"{H}/{handoffs.professional()}", raw='{"context": {"x": "\\ud800"}}')
        assert answer.status == 422

    def test_any_context(self, handoffs: HandoffsClient):
        ada = handoffs.professional()
        context = {"": {"a b": [None, True, -0.5, 12345678901234567890123456789012345678901234567890, {}]}, "中": "\u0000 \u2028"}
        packet = handoffs.draft(ada, context=context)
        assert handoffs.packet(packet["id"])["context"] == packet["context"]
        assert packet["context"][""]["a b"][3] == context[""]["a b"][3]  # type: ignore[index]
        deep = json.loads("[" * 40 + "]" * 40)
        handoffs.expect_error(422, "POST", f"{H}/{ada}", {"context": {"x": deep}})


class TestOwners:
    def test_their_names_are_kept(self, handoffs: HandoffsClient, as_):
        ada, bob = handoffs.professional("Ada"), handoffs.professional("Bob")
        as_("dealmaker").ok("POST", "/deals", {"title": "x"})  # signs in
        actions = [{"action": "a", "owner": bob}, {"action": "b", "owner": "user_dealmaker", "due_on": "2026-12-01"}, {"action": "c"}]
        packet = handoffs.draft(ada, action_list=actions)
        assert [action["owner_name"] for action in packet["action_list"]] == ["Bob", "user_dealmaker", None]
        assert "action_list" in packet["missing"]

    @pytest.mark.parametrize("owner", [f"pro_{EXAMPLE_ULID}", "user_nobody", "bob", f"deal_{EXAMPLE_ULID}"])
    def test_who_doesnt_exist(self, handoffs: HandoffsClient, owner):
        ada = handoffs.professional()
        handoffs.expect_error(404, "POST", f"{H}/{ada}", {"action_list": [{"action": "a", "owner": owner}]})
        packet = handoffs.draft(ada)["id"]
        handoffs.expect_error(404, "PATCH", f"{H}/packets/{packet}", {"action_list": [{"action": "a", "owner": owner}]})

    def test_who_isnt_active(self, handoffs: HandoffsClient):
        ada, bob = handoffs.professional(), handoffs.professional(is_active=False)
        refused = handoffs.expect_error(409, "POST", f"{H}/{ada}", {"action_list": [{"action": "a", "owner": bob}]})
        assert refused["code"] == "professional_inactive"


class TestChange:
    def test_parts_and_context(self, handoffs: HandoffsClient):
        packet = handoffs.draft(handoffs.professional(), context={"a": {"b": 1, "c": 2}, "d": 3, "e": 5})
        seen = handoffs.change(packet["id"], context={"a": {"b": None}, "d": {"x": {}}, "e": None}, summary=None, contingencies=None)
        assert seen["context"] == {"a": {"c": 2}, "d": {"x": {}}}
        assert (seen["summary"], seen["contingencies"], seen["risk_status"]) == (None, [], "watch")
        assert {"summary", "contingencies"} <= set(seen["missing"])
        assert seen["content_hash"] != packet["content_hash"]
        assert seen["revision"] == 2
        assert handoffs.change(packet["id"], risk_status="watch")["revision"] == 2
        assert handoffs.change(packet["id"], context=None)["context"] == {}

    def test_it_ends_with_sending(self, handoffs: HandoffsClient):
        id = handoffs.draft(handoffs.professional())["id"]
        handoffs.send(id)
        assert handoffs.expect_error(409, "PATCH", f"{H}/packets/{id}", {"summary": "x"})["code"] == "frozen"

    def test_refusals(self, handoffs: HandoffsClient):
        id = handoffs.draft(handoffs.professional())["id"]
        handoffs.expect_error(412, "PATCH", f"{H}/packets/{id}", {"summary": "x"}, headers={"If-Match": '"7"'})
        for body in ({}, {"status": "sent"}, {"professional_id": "x"}, {"number": 3}):
            handoffs.expect_error(422, "PATCH", f"{H}/packets/{id}", body)
        large = {"context": {"x": "y" * 15_000}}
        handoffs.change(id, **large)
        handoffs.expect_error(422, "PATCH", f"{H}/packets/{id}", {"context": {"z": "y" * 15_000}})


class TestHash:
    def test_everybody_can_compute_it(self, handoffs: HandoffsClient, app):
        ada, deal = handoffs.professional("Ada"), handoffs.deal(value=118000.5)
        handoffs.task(deal, ada, due_on="2026-12-01")
        packet = handoffs.draft(ada, deal, context={"z": 1, "a": 0.1, "é": [1e3]})
        text = handoffs.call("GET", f"{H}/packets/{packet['id']}").text
        plain = json.loads(text)
        content = {name: plain[name] for name in HASHED}
        assert hashlib.sha256(rfc8785.dumps(content)).hexdigest() == plain["content_hash"] == packet["content_hash"]

    def test_it_depends_on_the_content_alone(self, handoffs: HandoffsClient):
        packet = handoffs.draft(handoffs.professional())
        sent = handoffs.send(packet["id"])
        accepted = handoffs.accept(packet["id"])
        assert packet["content_hash"] == sent["content_hash"] == accepted["content_hash"]


class TestVisibility:
    def test_a_professional_sees_what_was_sent_to_them(self, handoffs: HandoffsClient, as_):
        ada, bob, deal = handoffs.professional("Ada"), handoffs.professional("Bob"), handoffs.deal()
        me = as_("professional", user="user_ada", professional_id=ada)
        draft, theirs = handoffs.draft(ada, deal)["id"], handoffs.draft(bob, deal)["id"]
        handoffs.send(theirs)
        for id in (draft, theirs):
            me.expect_error(404, "GET", f"{H}/packets/{id}")
            me.expect_error(404, "POST", f"{H}/packets/{id}/accept", {"read_back": "x" * 20})
        assert me.list(f"{H}/by-professional/{ada}") == me.list(f"{H}/by-deal/{deal}") == []
        me.expect_error(404, "GET", f"{H}/by-professional/{bob}")
        me.expect_error(404, "GET", f"{H}/{bob}")
        me.expect_error(404, "GET", f"{H}/{ada}", query={"deal_id": deal})
        me.ok("GET", f"{H}/{ada}")
        handoffs.send(draft)
        assert me.packet(draft)["status"] == "sent"
        assert [row["id"] for row in me.list(f"{H}/by-professional/{ada}")] == [draft]
        assert [row["id"] for row in me.list(f"{H}/by-deal/{deal}")] == [draft]
        superseded = handoffs.draft(ada, deal)["id"]
        handoffs.send(handoffs.draft(ada, deal)["id"])
        me.expect_error(404, "GET", f"{H}/packets/{superseded}")

    def test_lists(self, handoffs: HandoffsClient, clock):
        ada, deal = handoffs.professional("Ada"), handoffs.deal(external_ref="17")
        ids = []
        for who in ((ada, deal), (ada,), (handoffs.professional(), deal)):
            clock.now = clock.now.replace(minute=clock.now.minute + 1)
            ids.append(handoffs.draft(*who)["id"])
        assert [row["id"] for row in handoffs.list(f"{H}/by-professional/{ada}", limit="1")] == [ids[1], ids[0]]
        listed = handoffs.list(f"{H}/by-deal/17")
        assert [row["id"] for row in listed] == [ids[2], ids[0]]
        assert listed[0].keys() == {
            "id", "number", "status", "professional_id", "deal_id", "risk_status", "completeness", "created_at",
        }  # fmt: skip
        handoffs.expect_error(404, "GET", f"{H}/by-deal/18")
        handoffs.expect_error(404, "GET", f"{H}/by-professional/pro_{EXAMPLE_ULID}")


class TestForms:
    @pytest.fixture
    def get(self, app, runtime, handoffs: HandoffsClient):
        def fetch(id, format, **headers):
            token = handoffs.call.token()
            sent = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
            return gateway.call(app, "GET", f"{H}/packets/{id}", headers=sent, query={"format": format})

        return fetch

    def test_html_is_escaped_and_needs_nothing_from_outside(self, handoffs: HandoffsClient, get):
        evil = "<script>alert(1)</script>&\"'"
        ada = handoffs.professional(f"Ada {evil}")
        packet = handoffs.draft(ada, handoffs.deal(title=evil), summary=evil, context={evil: [evil]}, risk_status="urgent")
        handoffs.send(packet["id"])
        answer = get(packet["id"], "html")
        page = answer.text
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "<script" not in page
        assert page.count("&lt;script&gt;") >= 5
        assert packet["content_hash"] in page
        assert not any(word in page for word in ("http://", "https://", "src=", "url(", "@import"))

    def test_pdf_is_a_document(self, handoffs: HandoffsClient, get):
        import pypdfium2

        ada = handoffs.professional("Žofia Ólafsdóttir", organization="Ωmega & Söhne")
        packet = handoffs.draft(ada, handoffs.deal(title="Дом 12"), context={"gate code": "<b>4711</b>"})
        answer = get(packet["id"], "pdf", Accept="*/*")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.body.startswith(b"%PDF-")
        text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(answer.body))
        for words in ("Žofia Ólafsdóttir", "Ωmega & Söhne", "Дом 12", "<b>4711</b>", packet["content_hash"], "Order the title report"):
            assert words in text
        assert get(packet["id"], "pdf").body == answer.body

    def test_the_same_facts_in_every_form_and_none_of_them_alike_to_a_cache(self, handoffs: HandoffsClient, get):
        packet = handoffs.draft(handoffs.professional())
        tags = {format: get(packet["id"], format).headers["etag"] for format in ("json", "html", "pdf")}
        assert tags["json"] == '"1"'
        assert tags["html"].startswith('W/"1.')
        assert tags["pdf"].startswith('W/"1.')
        assert len(set(tags.values())) == 3
        for format, tag in tags.items():
            assert get(packet["id"], format, If_None_Match=tag).status == 304
        assert get(packet["id"], "docx").status == 422

    @pytest.mark.parametrize(
        ("value", "currency", "shown"),
        [("118000.5", "USD", "USD 118,000.50"), ("118000", "USD", "USD 118,000.00"), ("118000", "JPY", "JPY 118,000")],
    )
    def test_money_has_the_decimals_of_its_currency(self, handoffs: HandoffsClient, get, value, currency, shown):
        packet = handoffs.draft(handoffs.professional(), handoffs.deal(value=Decimal(value), currency=currency))
        assert f"<dd>{shown}</dd>" in get(packet["id"], "html").text

    def test_what_no_font_has(self, handoffs: HandoffsClient, get):
        import pypdfium2

        packet = handoffs.draft(handoffs.professional("王小明"))
        document = pypdfium2.PdfDocument(get(packet["id"], "pdf").body)
        text = "".join(page.get_textpage().get_text_range() for page in document)
        assert "□□□" in text
        assert "have no sign here" in text
        assert "王小明" in get(packet["id"], "html").text

    def test_a_long_one(self, handoffs: HandoffsClient, get):
        import pypdfium2

        ada, deal = handoffs.professional(), handoffs.deal()
        for n in range(100):
            handoffs.task(deal, ada, title=f"Task {n} " + "with a long title " * 9, due_on="2026-12-01")
        actions = [{"action": f"Action {n} " + "x" * 180, "owner": ada, "due_on": "2026-12-01"} for n in range(30)]
        plans = [{"if": "word " * 199, "then": "then " * 199}] * 20
        packet = handoffs.draft(
            ada, deal, summary="Line\n" * 900, action_list=actions, contingencies=plans, context={"x": ["y" * 500] * 30}
        )
        document = pypdfium2.PdfDocument(get(packet["id"], "pdf").body)
        assert len(document) > 5
        assert f"Page 1 of {len(document)}" in document[0].get_textpage().get_text_range()
        assert get(packet["id"], "html").status == 200
