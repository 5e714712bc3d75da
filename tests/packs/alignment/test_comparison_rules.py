"""The older comparison to its numbers (reference_api, I), and the alignment that has no number for what is unknown."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.alignment.rules.comparison import (
    EQUAL_WEIGHTS,
    WEIGHTED,
    Ideal,
    Signals,
    align,
    compare,
    explain_comparison,
    matched_specializations,
    recommend,
)
from chalicelib.packs.signals.public import RISK_STYLES

D = Decimal
V72 = Signals(D(".56"), D(".63"), D(".48"), ("real estate",), "conservative")
BOTH = ("real estate", "corporate")


def five(result):
    return list(result.scores.parts.values())


@pytest.mark.parametrize(
    ("signals", "ideal", "scores", "overall", "recommendation"),
    [
        (V72, Ideal(), [0.8, 0.9, 0.8, 0.5, 0.7], "0.74", "Potential candidate; recommended for interview."),
        (
            Signals(D(".56"), D(".63"), D(".48"), ("real estate",) * 10, "conservative"),
            Ideal(),
            [0.8, 0.9, 0.8, 0.5, 0.7],
            "0.74",
            "Potential candidate; recommended for interview.",
        ),
        (Signals(D(".9"), D(".9"), D(".9"), BOTH, "balanced"), Ideal(), [1.0] * 5, "1.0", "Strong candidate for further engagement."),
        (Signals(), Ideal(), [0.0] * 5, "0.0", "Low alignment; review other candidates."),
        (V72, Ideal(preferred_specializations=()), [0.8, 0.9, 0.8, None, 0.7], "0.8", "Strong candidate for further engagement."),
    ],
    ids=["V72", "V72, ten times", "V73", "V74", "V80"],
)
def test_vectors(signals, ideal, scores, overall, recommendation):
    result = compare(signals, ideal)
    assert five(result) == scores
    assert result.scores.overall == D(overall)
    assert result.recommendation == recommendation


def test_a_half_is_rounded_as_python_does():
    assert compare(Signals(D("0.5")), Ideal(target_clarity=D("0.8"))).scores.clarity == 0.62  # V78; half up it would be 0.63


def test_another_style_than_the_preferred_is_a_risk():
    result = compare(Signals(risk_style="aggressive"), Ideal(preferred_risk_style="conservative"))  # V79
    assert result.scores.risk_style == 0.5
    assert "Risk style may not align with Valhalla's operational approach." in result.risks
    near = compare(Signals(risk_style="aggressive"))
    assert near.scores.risk_style == 0.7
    assert not any("Risk style" in line for line in near.risks + near.strengths)


def test_the_summary_of_v72_and_of_nothing():
    result = compare(V72)
    assert result.strengths == [
        "Clear communication style.",
        "Consistent professional tone.",
        "Provides detailed and concrete information publicly.",
    ]
    assert result.risks == ["Specialization does not strongly align with required domains."]
    assert compare(Signals()).risks == [
        "Communication may require clarification or structure.",
        "Tone suggests potential inconsistency or informality.",
        "Limited transparency in publicly available information.",
        "Specialization does not strongly align with required domains.",
        "Risk style may not align with Valhalla's operational approach.",
    ]


def test_a_score_at_its_bound_is_no_strength():
    at = compare(Signals(D("0.7"), D("0.7"), D("0.6")), Ideal(D(1), D(1), D(1)))
    assert at.strengths == []
    above = compare(Signals(D("0.71"), D("0.71"), D("0.61")), Ideal(D(1), D(1), D(1)))
    assert len(above.strengths) == 3


def test_only_what_matches_is_matched_each_once_as_it_was_found():
    found = ["Real  Estate", "tax", "real estate", "CORPORATE"]
    assert matched_specializations(found, ["corporate", "real estate", "Real Estate"]) == ["Real  Estate", "CORPORATE"]
    assert compare(Signals(service_specialization=("tax",))).matched_specializations == []


@pytest.mark.parametrize(("overall", "word"), [("0.75", "Strong"), ("0.74", "Potential"), ("0.55", "Potential"), ("0.54", "Low")])
def test_recommendations_at_their_bounds(overall, word):
    assert recommend(D(overall)).startswith(word)
    assert recommend(None) is None


def test_a_target_of_zero_is_met():
    assert compare(Signals(D("0.5")), Ideal(target_clarity=D(0))).scores.clarity == 1.0
    assert compare(Signals(D("0.005")), Ideal(target_clarity=D(0))).scores.clarity == 0.5


SHARES = st.decimals(0, 1, places=4)
SIGNALS = st.builds(
    Signals,
    st.none() | SHARES,
    st.none() | SHARES,
    st.none() | SHARES,
    st.lists(st.sampled_from(["real estate", "Real Estate", "tax", "corporate"])).map(tuple),
    st.none() | st.sampled_from(RISK_STYLES),
)
IDEALS = st.builds(
    Ideal,
    SHARES,
    SHARES,
    SHARES,
    st.sampled_from(RISK_STYLES),
    st.lists(st.sampled_from(["real estate", "tax", "TAX"]), max_size=3).map(tuple),
)
WEIGHTS = st.lists(st.integers(0, 20), min_size=5, max_size=5).map(
    lambda parts: dict(zip(WEIGHTED, (D(one) for one in parts), strict=True))
)


@given(SIGNALS, IDEALS)
def test_the_older_formula_again(signals, ideal):
    """Written down once more, as the older API has it, with duplicates counted once."""

    def share(actual, target):
        return 0.0 if actual is None else round(min(1, float(actual) / max(0.01, float(target))), 2)

    wanted = {one.lower() for one in ideal.preferred_specializations}
    found = {one.lower() for one in signals.service_specialization}
    style = signals.risk_style
    expected = [
        share(signals.communication_clarity, ideal.target_clarity),
        share(signals.professionalism_tone, ideal.target_professionalism),
        share(signals.transparency_level, ideal.target_transparency),
        round(len(wanted & found) / len(wanted), 2) if wanted else None,
        0.0 if style is None else 1.0 if style == ideal.preferred_risk_style else 0.7 if ideal.preferred_risk_style == "balanced" else 0.5,
    ]
    result = compare(signals, ideal)
    assert five(result) == expected
    known = [one for one in expected if one is not None]
    assert float(result.scores.overall) == round(sum(known) / len(known), 2)
    assert all(0 <= one <= 1 for one in known)


@given(SIGNALS, IDEALS, WEIGHTS)
def test_an_alignment_has_no_number_for_what_is_unknown(signals, ideal, weights):
    older, result = compare(signals, ideal), align(signals, ideal, weights)
    unknown = set(signals.missing)
    for score, signal in (
        ("clarity", "communication_clarity"),
        ("professionalism", "professionalism_tone"),
        ("transparency", "transparency_level"),
        ("risk_style", "risk_style"),
    ):
        assert getattr(result.scores, score) == (None if signal in unknown else getattr(older.scores, score))
    known = {name: D(str(one)) for name, one in result.scores.parts.items() if one is not None}
    total = sum(weights[name] for name in known)
    if not total:
        assert result.scores.overall is None
        assert result.recommendation is None
    else:
        exact = sum(weights[name] * one for name, one in known.items()) / total
        assert result.scores.overall == exact.quantize(D("0.01"), ROUND_HALF_UP)


def test_an_alignment_rounds_half_up_and_leaves_the_unknown_out_of_the_words():
    weights = {**dict.fromkeys(WEIGHTED, D(0)), "clarity": D("0.5"), "professionalism": D("0.5")}
    result = align(Signals(D("0.62"), D("0.63")), Ideal(D(1), D(1), D(1)), weights)
    assert result.scores.overall == D("0.63")  # 0.625; Python's round says 0.62
    assert not any("transparency" in line.lower() or "Risk style" in line for line in result.risks + result.strengths)


def test_it_explains_itself():
    told = explain_comparison("alignment.comparison", Signals(D("0.5")), Ideal(), EQUAL_WEIGHTS, "2026-11-24T18:00:00.000Z")
    assert told["missing"] == ["professionalism_tone", "transparency_level", "risk_style"]
    assert told["formula"] == {"id": "alignment.comparison", "version": 1}
    assert told["inputs"]["signals"]["communication_clarity"] == D("0.5")
