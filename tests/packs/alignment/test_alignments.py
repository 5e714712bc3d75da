"""Alignments over the API: the newest signals that count against a profile, kept as both were."""

from decimal import Decimal

import pytest

from tests.packs.alignment.alignment_client import SIGNALS, give_signals

D = Decimal
KEY = {"Idempotency-Key": "k"}


@pytest.fixture
def pro(alignment, runtime):
    id = alignment.professional()
    give_signals(runtime, id, **SIGNALS)
    return id


def test_an_alignment_is_kept_as_it_was_made(alignment, pro):
    profile = alignment.profile()
    made = alignment.call("POST", f"/pros/{pro}/align", {"profile_id": profile}, headers=KEY)
    assert made.status == 201
    body = made.json()
    assert made.headers["location"] == f"/pros/{pro}/alignments/{body['id']}"
    assert body["id"].startswith("aln_p")
    assert {name: body[name] for name in ("professional_id", "profile_id", "profile_revision", "missing", "matched_specializations")} == {
        "professional_id": pro,
        "profile_id": profile,
        "profile_revision": 1,
        "missing": [],
        "matched_specializations": ["real estate"],
    }
    assert body["signal_id"].startswith("sig_")
    assert body["scores"] == {
        "clarity_score": D("0.8"),
        "professionalism_score": D("0.9"),
        "transparency_score": D("0.8"),
        "specialization_score": D("0.5"),
        "risk_style_score": D("0.7"),
        "overall_score": D("0.74"),
    }
    assert body["summary"]["recommendation"] == "Potential candidate; recommended for interview."
    again = alignment.call("POST", f"/pros/{pro}/align", {"profile_id": profile}, headers=KEY)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == body
    alignment.ok("PATCH", f"/pros/profiles/{profile}", {"target_clarity": 1})
    assert alignment.ok("GET", f"/pros/{pro}/alignments/{body['id']}") == body
    alignment.ok("DELETE", f"/pros/profiles/{profile}")
    assert alignment.ok("GET", f"/pros/{pro}/alignments")["items"] == [
        {
            "id": body["id"],
            "profile_id": profile,
            "profile_revision": 1,
            "signal_id": body["signal_id"],
            "overall_score": D("0.74"),
            "created_at": body["created_at"],
        }
    ]


def test_a_signal_that_is_unknown_has_no_score(alignment, runtime):
    pro = alignment.professional()
    give_signals(runtime, pro, communication_clarity=None, transparency_level=0.3, service_specialization=[], risk_style="balanced")
    only = {"clarity": 0.5, "professionalism": 0, "transparency": 0.25, "specialization": 0, "risk_style": 0.25}
    made = alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": alignment.profile(weights=only)}, query={"explain": "true"})
    assert made["missing"] == ["communication_clarity", "professionalism_tone"]
    assert made["scores"] == {
        "clarity_score": None,
        "professionalism_score": None,
        "transparency_score": D("0.5"),
        "specialization_score": 0,
        "risk_style_score": 1,
        "overall_score": D("0.75"),
    }
    assert made["explain"]["missing"] == made["missing"]
    assert made["explain"]["formula"] == {"id": "alignment.overall", "version": 1}
    assert made["explain"]["inputs"]["weights"]["clarity"] == D("0.5")
    read = alignment.call("GET", f"/pros/{pro}/alignments/{made['id']}", query={"explain": "true"})
    assert read.json()["explain"] == made["explain"]
    assert read.headers["etag"].startswith('W/"1.')
    assert alignment.call("GET", f"/pros/{pro}/alignments/{made['id']}").headers["etag"] == '"1"'


def test_nothing_known_that_weighs_is_no_overall_score(alignment, runtime):
    pro = alignment.professional()
    give_signals(runtime, pro, risk_style="balanced")
    only = {"clarity": 1, "professionalism": 0, "transparency": 0, "specialization": 0, "risk_style": 0}
    made = alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": alignment.profile(weights=only)})
    assert (made["scores"]["overall_score"], made["summary"]["recommendation"]) == (None, None)
    assert alignment.ok("GET", f"/pros/{pro}/alignments")["items"][0]["overall_score"] is None


def test_extracted_signals_count_until_they_are_disputed(alignment):
    pro, profile = alignment.professional(), alignment.profile()
    refused = alignment.expect_error(409, "POST", f"/pros/{pro}/align", {"profile_id": profile})
    assert refused["code"] == "no_signals"
    first, second = (extract(alignment, pro) for _ in range(2))
    assert alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": profile})["signal_id"] == max(first, second)
    alignment.ok("POST", f"/pros/{pro}/signals/{max(first, second)}/dispute", {"reason": "That was somebody else."})
    assert alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": profile})["signal_id"] == min(first, second)
    alignment.ok("POST", f"/pros/{pro}/signals/{min(first, second)}/dispute", {"reason": "That, too."})
    assert alignment.expect_error(409, "POST", f"/pros/{pro}/align", {"profile_id": profile})["code"] == "no_signals"


def extract(alignment, pro):
    text = "We close real estate deals. " * 12 + "Each file is reviewed by a licensed person. " * 4 + "We reply within 24 hours."
    made = alignment.ok("POST", "/pros/extract_signals", {"name": "Ann", "professional_id": pro, "sources": [{"text": text}]})
    return str(made["id"])


def test_a_match_compares_with_the_profile_or_the_older_ideal(alignment, pro, runtime):
    bare = alignment.professional("Bare")
    found = {row["professional_id"]: row for row in alignment.match()["items"]}
    assert found[pro]["parts"]["alignment"] == {"weight": 15, "value": D("0.74"), "points": D("11.1")}
    assert found[bare]["parts"]["alignment"] == {"weight": 15, "value": None, "points": D("3.75")}
    profile = alignment.profile(preferred_specializations=["real estate"], preferred_risk_style="conservative")
    answer = alignment.ok("POST", "/pros/match", {"profile_id": profile}, query={"explain": "true"})
    row = {one["professional_id"]: one for one in answer["items"]}[pro]
    assert row["parts"]["alignment"]["value"] == D("0.9")
    assert row["explain"]["inputs"]["alignment"]["overall_score"] == D("0.9")
    assert row["explain"]["inputs"]["alignment"]["signal_id"].startswith("sig_")
    assert answer["explain"]["inputs"]["profile_revision"] == 1


def test_what_names_nothing_is_404(alignment, pro):
    profile = alignment.profile()
    unknown = "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"
    for id, body in ((unknown, profile), ("x", profile), (pro, "prof_01KB0Q5E8G7Z3V9X2M4N6P8R0T"), (pro, "x")):
        alignment.expect_error(404, "POST", f"/pros/{id}/align", {"profile_id": body})
    made = alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": profile})["id"]
    other = alignment.professional("Other")
    for path in (f"/pros/{other}/alignments/{made}", f"/pros/{pro}/alignments/x", f"/pros/{unknown}/alignments", "/pros/x/alignments"):
        alignment.expect_error(404, "GET", path)
    alignment.expect_error(422, "POST", f"/pros/{pro}/align", {})


def test_an_inactive_professional_is_not_aligned_and_a_deleted_one_is_gone(alignment, pro):
    profile = alignment.profile()
    made = alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": profile})["id"]
    alignment.ok("PATCH", f"/pros/scorecard/professionals/{pro}", {"is_active": False})
    assert alignment.ok("GET", f"/pros/{pro}/alignments/{made}")["id"] == made
    assert alignment.expect_error(409, "POST", f"/pros/{pro}/align", {"profile_id": profile})["code"] == "professional_inactive"
    alignment.ok("DELETE", f"/pros/scorecard/professionals/{pro}")
    alignment.expect_error(404, "POST", f"/pros/{pro}/align", {"profile_id": profile})
    alignment.expect_error(404, "GET", f"/pros/{pro}/alignments")
    alignment.expect_error(404, "GET", f"/pros/{pro}/alignments/{made}")


def test_a_professional_reads_its_own(alignment, pro, client_as):
    made = alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": alignment.profile()})
    own = client_as("professional", professional_id=pro)
    assert own("GET", f"/pros/{pro}/alignments").json()["items"][0]["id"] == made["id"]
    assert own("GET", f"/pros/{pro}/alignments/{made['id']}").json() == made
    assert own("POST", f"/pros/{pro}/align", {"profile_id": made["profile_id"]}).status == 403
    other = client_as("professional", professional_id="pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
    assert other("GET", f"/pros/{pro}/alignments").status == 404
    assert other("GET", f"/pros/{pro}/alignments/{made['id']}").status == 404
    assert client_as("professional")("GET", f"/pros/{pro}/alignments").status == 404


def test_alignments_are_among_what_is_held_on_a_professional(alignment, pro):
    made = [alignment.ok("POST", f"/pros/{pro}/align", {"profile_id": alignment.profile()})["id"] for _ in range(2)]
    held = alignment.ok("GET", f"/pros/{pro}/data")["parts"]
    assert sorted(row["id"] for row in held["alignments"]) == sorted(made)
    assert held["alignments"][0]["signals"]["risk_style"] == "conservative"
