"""POST /pros/align_profile: the older comparison over the API."""

from decimal import Decimal

import pytest

from tests.packs.alignment.alignment_client import SIGNALS

PATH = "/pros/align_profile"


def test_v72_over_the_api(alignment, round_trips):
    answer = alignment.ok("POST", PATH, {"name": "Ann", "signals": SIGNALS})
    assert answer == {
        "name": "Ann",
        "scores": {
            "clarity_score": Decimal("0.8"),
            "professionalism_score": Decimal("0.9"),
            "transparency_score": Decimal("0.8"),
            "specialization_score": Decimal("0.5"),
            "risk_style_score": Decimal("0.7"),
            "overall_score": Decimal("0.74"),
        },
        "summary": {
            "strengths": [
                "Clear communication style.",
                "Consistent professional tone.",
                "Provides detailed and concrete information publicly.",
            ],
            "risks": ["Specialization does not strongly align with required domains."],
            "recommendation": "Potential candidate; recommended for interview.",
        },
        "matched_specializations": ["real estate"],
        "raw_signals": {
            **{name: Decimal(str(value)) if isinstance(value, float) else value for name, value in SIGNALS.items()},
            "response_expectation": None,
        },
    }
    assert round_trips() == 0


def test_rows_of_extracted_signals_are_taken_by_name(alignment):
    rows = [{"name": "real estate", "hits": 7}, {"name": "tax", "hits": 1}]
    answer = alignment.ok("POST", PATH, {"name": "Ann", "signals": {"service_specialization": rows, "response_expectation": 24}})
    assert answer["matched_specializations"] == ["real estate"]
    assert answer["raw_signals"]["service_specialization"] == ["real estate", "tax"]
    assert answer["raw_signals"]["response_expectation"] == 24
    assert answer["scores"]["specialization_score"] == Decimal("0.5")
    older = alignment.ok("POST", PATH, {"name": "Ann", "signals": {"response_expectation": "unknown"}})
    assert older["raw_signals"]["response_expectation"] == "unknown"


def test_an_empty_preference_has_no_score(alignment):
    answer = alignment.ok("POST", PATH, {"name": "Ann", "signals": SIGNALS, "ideal": {"preferred_specializations": []}})
    assert answer["scores"]["specialization_score"] is None
    assert answer["scores"]["overall_score"] == Decimal("0.8")


@pytest.mark.parametrize(
    "body",
    [
        {"signals": {"communication_clarity": -0.1}},
        {"signals": {"professionalism_tone": 1.01}},
        {"signals": {"transparency_level": "0.5"}},
        {"signals": {"risk_style": "bold"}},
        {"signals": {"service_specialization": [{"hits": 3}]}},
        {"signals": {"service_specialization": [{"name": "tax", "hits": -1}]}},
        {"signals": {"service_specialization": [{"name": "tax", "more": 1}]}},
        {"signals": {"service_specialization": [5]}},
        {"signals": {"service_specialization": [""]}},
        {"signals": {"response_expectation": True}},
        {"signals": {"mood": "good"}},
        {"signals": {}, "ideal": {"target_clarity": 1.5}},
        {"signals": {}, "ideal": {"target_clarity": None}},
        {"signals": {}, "ideal": {"preferred_risk_style": "any"}},
        {},
    ],
)
def test_what_is_refused(alignment, body):
    alignment.expect_error(422, "POST", PATH, {"name": "Ann", **body})


def test_it_explains_itself(alignment):
    signals = {name: value for name, value in SIGNALS.items() if name != "risk_style"}
    told = alignment.ok("POST", PATH, {"name": "Ann", "signals": signals}, query={"explain": "true"})["explain"]
    assert told["formula"] == {"id": "alignment.comparison", "version": 1}
    assert told["missing"] == ["risk_style"]
    assert told["inputs"]["ideal"]["target_transparency"] == Decimal("0.6")
    assert told["inputs"]["weights"]["clarity"] == Decimal("0.2")


@pytest.mark.parametrize(("role", "status"), [("viewer", 200), ("auditor", 200), ("counsel", 200), ("professional", 403)])
def test_a_professional_compares_nobody(client_as, role, status):
    assert client_as(role, professional_id="pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T")("POST", PATH, {"name": "A", "signals": {}}).status == status


def test_no_ideal_is_the_older_one(alignment):
    given, without = ({"name": "Ann", "signals": SIGNALS, **more} for more in ({"ideal": None}, {}))
    assert alignment.ok("POST", PATH, given) == alignment.ok("POST", PATH, without)


def test_all_that_is_extracted_is_compared(alignment):
    text = "We reply within 99999.99 days. We do tax."
    extracted = alignment.ok("POST", "/pros/extract_signals", {"name": "Ann", "sources": [{"text": text}]})["signals"]
    assert extracted["response_expectation"] == Decimal("2399999.76")
    raw = alignment.ok("POST", PATH, {"name": "Ann", "signals": extracted})["raw_signals"]
    assert raw == {**extracted, "service_specialization": ["tax"]}
