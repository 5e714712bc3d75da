"""Extracting signals, keeping, listing and reading them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.packs.signals.public import find_current
from tests.packs.signals.signals_client import EXTRACT, TEXT, path_of

KEY = {"Idempotency-Key": "k"}
UNKNOWN = "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"


def test_an_extraction_answers_its_signals_with_their_evidence(signals):
    answer = signals.extract()
    assert (answer["name"], answer["professional_id"]) == ("Ann Adams", None)
    assert answer["signals"]["professionalism_tone"] == Decimal("0.75")
    assert answer["signals"]["response_expectation"] == 24
    assert answer["signals"]["risk_style"] == "conservative"
    assert {"name": "estate planning", "hits": 1} in answer["signals"]["service_specialization"]
    assert answer["lead_parts"]["response"] == {"weight": 10, "value": 1}
    assert answer["method"] == {"id": "signals.public-text", "version": 1}
    assert (answer["words"], answer["sources_scanned"], answer["sources_failed"]) == (64, 1, [])
    assert (answer["reasons"], answer["evidence_cut"]) == ({}, False)
    assert len(answer["evidence"]) > 10
    for row in answer["evidence"]:
        assert TEXT[row["start"] : row["end"]] == row["quote"]
        assert row["source"] == 0
    assert not {"id", "revision", "raw_text", "text", "explain"} & answer.keys()


def test_nothing_is_kept_without_a_professional(signals, runtime):
    signals.extract()
    items = runtime.dynamodb.scan(TableName=runtime.settings.table)["Items"]
    assert not any(item.get("kind", {}).get("S") in ("signal", "current-signals") for item in items)


def test_the_name_changes_nothing(signals):
    named = [signals.extract(name=name) for name in ("Ann Adams", "李小龍", "Tax Win Guarantee")]
    for answer in named:
        del answer["name"]
    assert named[0] == named[1] == named[2]


def test_spans_count_the_characters_that_were_sent(signals):
    text = "  \n\t🎉 Tax, 𝔘𝔫𝔦 and é insurance!\r\n  "
    answer = signals.extract(text)
    assert [row["quote"] for row in answer["evidence"]] == ["🎉", "Tax", "insurance"]
    for row in answer["evidence"]:
        assert text[row["start"] : row["end"]] == row["quote"]


def test_an_extraction_explains_itself(signals):
    body = {"name": "Ann", "sources": [{"text": "We do tax."}]}
    answer = signals.call("POST", EXTRACT, body, query={"explain": "true"})
    explained = answer.json()["explain"]
    assert explained["formula"] == {"id": "signals.public-text", "version": 1}
    assert explained["inputs"]["words"] == 3
    assert explained["inputs"]["syllables"] == 3
    assert "communication_clarity" in explained["missing"]


def test_a_source_is_a_url_or_a_text_and_not_both(signals):
    for source in ({}, {"url": "http://a.example", "text": "x"}, {"category": "bio"}):
        errors = signals.refused(422, "POST", EXTRACT, {"name": "Ann", "sources": [{"text": "x"}, source]})["errors"]
        assert [error["loc"] for error in errors] == [["sources", "1"]]


BAD: dict[str, Any] = {
    "no source": {"name": "Ann", "sources": []},
    "eleven sources": {"name": "Ann", "sources": [{"text": "x"}] * 11},
    "no name": {"sources": [{"text": "x"}]},
    "too long a text": {"name": "Ann", "sources": [{"text": "x" * 100_001}]},
    "too long a URL": {"name": "Ann", "sources": [{"url": "http://a.example/" + "x" * 2000}]},
    "another category": {"name": "Ann", "sources": [{"text": "x", "category": "blog"}]},
    "control characters": {"name": "Ann", "sources": [{"text": "x\x00"}]},
    "an unknown field": {"name": "Ann", "sources": [{"text": "x", "raw": True}]},
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_of_the_wrong_form_is_refused(signals, what):
    signals.refused(422, "POST", EXTRACT, BAD[what])


def test_the_longest_text_is_read(signals):
    answer = signals.extract("tax " * 25_000)
    assert (answer["words"], answer["evidence_cut"], len(answer["evidence"])) == (25_000, True, 200)


def test_where_nothing_can_be_read_each_source_says_why(signals):
    body = {"name": "Ann", "sources": [{"url": "http://127.0.0.1/"}, {"text": " ... "}, {"url": "ftp://a.example"}]}
    answer = signals.refused(422, "POST", EXTRACT, body)
    assert [(error["loc"], error["type"]) for error in answer["errors"]] == [
        (["sources", "0", "url"], "address"),
        (["sources", "1", "text"], "empty"),
        (["sources", "2", "url"], "scheme"),
    ]


# -- kept


def test_with_a_professional_the_signals_are_kept(signals):
    professional = signals.professional()
    answer = signals.call("POST", EXTRACT, {"name": "Ann", "professional_id": professional, "sources": [{"text": TEXT}]})
    kept = answer.json()
    assert answer.status == 201
    assert answer.headers["location"] == path_of(kept)
    assert answer.headers["etag"] == '"1"'
    assert kept["id"].startswith("sig_p")
    assert (kept["professional_id"], kept["revision"], kept["dispute"]) == (professional, 1, None)
    read = signals.call("GET", path_of(kept))
    assert read.json() == kept
    assert read.headers["etag"] == '"1"'
    assert signals.call("GET", path_of(kept), headers={"If-None-Match": '"1"'}).status == 304
    explained = signals.call("GET", path_of(kept), query={"explain": "true"})
    assert explained.json()["explain"]["inputs"]["words"] == 64
    assert explained.headers["etag"].startswith('W/"1.')


def test_they_are_listed_newest_first(signals, clock):
    professional = signals.professional()
    ids = []
    for _ in range(3):
        clock.now += timedelta(seconds=1)
        ids.append(signals.kept(professional)["id"])
    signals.kept(signals.professional("Other"))
    page = signals.ok("GET", f"/pros/{professional}/signals", query={"limit": "2"})
    assert [row["id"] for row in page["items"]] == [ids[2], ids[1]]
    assert set(page["items"][0]) == {"id", "lead_score", "words", "method", "dispute", "created_at"}
    rest = signals.ok("GET", f"/pros/{professional}/signals", query={"limit": "2", "cursor": page["next_cursor"]})
    assert [row["id"] for row in rest["items"]] == [ids[0]]


def test_of_whom_nobody_knows_nothing_is_kept_listed_or_read(signals):
    professional = signals.professional()
    kept = signals.kept(professional)
    body = {"name": "Ann", "sources": [{"text": TEXT}]}
    for id in (UNKNOWN, "pro_x", "x"):
        signals.refused(404, "POST", EXTRACT, {**body, "professional_id": id})
        signals.refused(404, "GET", f"/pros/{id}/signals")
        signals.refused(404, "GET", f"/pros/{id}/signals/{kept['id']}")
        signals.refused(404, "POST", f"/pros/{id}/signals/{kept['id']}/dispute", {"reason": "x"})
    unknown = kept["id"][:-1] + ("0" if kept["id"][-1] != "0" else "1")
    for id in ("sig_x", "x", unknown, professional):
        signals.refused(404, "GET", f"/pros/{professional}/signals/{id}")
    assert signals.ok("GET", f"/pros/{signals.professional('Other')}/signals")["items"] == []


def test_of_a_deleted_professional_nothing_is_kept_or_read(signals, context):
    professional = signals.professional()
    kept = signals.kept(professional)
    assert find_current(context("operator"), professional).signal_id == kept["id"]
    assert signals.call("DELETE", f"/pros/scorecard/professionals/{professional}").status == 204
    signals.refused(404, "POST", EXTRACT, {"name": "Ann", "professional_id": professional, "sources": [{"text": TEXT}]})
    signals.refused(404, "GET", f"/pros/{professional}/signals")
    signals.refused(404, "GET", f"/pros/{professional}/data")
    signals.refused(404, "GET", path_of(kept))
    signals.refused(404, "POST", f"{path_of(kept)}/dispute", {"reason": "x"})
    assert find_current(context("operator"), professional) is None, "nor among the signals that matching reads"


def test_of_an_inactive_professional_nothing_is_kept(signals):
    professional = signals.professional(is_active=False)
    refusal = signals.refused(409, "POST", EXTRACT, {"name": "Ann", "professional_id": professional, "sources": [{"text": TEXT}]})
    assert refusal["code"] == "professional_inactive"


def test_a_professional_sees_their_own_only(signals, client_as):
    mine, other = signals.professional(), signals.professional("Other")
    kept, others = signals.kept(mine), signals.kept(other)
    me = client_as("professional", professional_id=mine)
    assert me("GET", f"/pros/{mine}/signals").json()["items"][0]["id"] == kept["id"]
    assert me("GET", path_of(kept)).status == 200
    assert me("GET", f"/pros/{mine}/data").status == 200
    assert me("POST", f"{path_of(kept)}/dispute", {"reason": "Not me."}).status == 200
    assert me("GET", f"/pros/{other}/signals").status == 404
    assert me("GET", path_of(others)).status == 404
    assert me("GET", f"/pros/{other}/data").status == 404
    assert me("POST", f"{path_of(others)}/dispute", {"reason": "x"}).status == 404
    assert me("POST", EXTRACT, {"name": "Ann", "sources": [{"text": TEXT}]}).status == 403
    assert me("POST", f"{path_of(kept)}/settle", {"outcome": "upheld", "note": "x"}).status == 403


# -- again


def test_a_repetition_answers_the_first_answer(signals, site):
    site.answer("/", "<p>We do tax.")
    professional = signals.professional()
    body = {"name": "Ann", "professional_id": professional, "sources": [{"url": "http://site.example/"}]}
    first = signals.call("POST", EXTRACT, body, headers=KEY)
    site.answer("/", "<p>We do insurance.")
    again = signals.call("POST", EXTRACT, body, headers=KEY)
    assert (first.status, again.status) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert len(signals.ok("GET", f"/pros/{professional}/signals")["items"]) == 1
    assert signals.refused(422, "POST", EXTRACT, {**body, "name": "Eve"}, headers=KEY)["type"] == "/problems/idempotency-mismatch"


def test_what_is_not_kept_is_answered_again_too(signals):
    body = {"name": "Ann", "sources": [{"text": TEXT}]}
    first, again = (signals.call("POST", EXTRACT, body, headers=KEY) for _ in range(2))
    assert (first.status, again.status, again.json()) == (200, 200, first.json())
    assert again.headers["idempotent-replayed"] == "true"


def test_a_refusal_may_be_sent_again(signals, site):
    body = {"name": "Ann", "sources": [{"url": "http://site.example/"}]}
    signals.refused(422, "POST", EXTRACT, body, headers=KEY)
    site.answer("/", "<p>We do tax.")
    assert signals.ok("POST", EXTRACT, body, headers=KEY)["words"] == 3


def test_while_the_first_runs_a_second_is_told_so(signals, site):
    body = {"name": "Ann", "sources": [{"url": "http://site.example/"}]}
    answers = []

    def page(handler: Any) -> None:
        answers.append(signals.call("POST", EXTRACT, body, headers=KEY))
        handler.send_error(404)

    site.pages["/"] = page
    signals.refused(422, "POST", EXTRACT, body, headers=KEY)
    assert answers[0].status == 409
    assert answers[0].json()["type"] == "/problems/idempotency-in-progress"
    assert int(answers[0].headers["retry-after"]) > 0


def test_sixty_at_once_then_one_a_second(signals, clock, client_as):
    body = {"name": "Ann", "sources": [{"text": "x"}]}
    statuses = [signals.call("POST", EXTRACT, body).status for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    assert client_as("operator", user="user_other")("POST", EXTRACT, body).status == 200
    clock.now += timedelta(seconds=1)
    assert [signals.call("POST", EXTRACT, body).status for _ in range(2)] == [200, 429]
    clock.now += timedelta(seconds=60)
    assert {signals.call("POST", EXTRACT, body).status for _ in range(60)} == {200}
