"""Names that may be the same, and what that means between two sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.alignment.rules.conflicts import is_one_edit, match_names, verdict

WORDS = st.text("abc", min_size=1, max_size=6)
NAMES = st.lists(WORDS, max_size=4)


def osa(one, other):
    """Optimal string alignment, by the full table."""
    rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                rows[i][j] = i + j
                continue
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (one[i - 1] != other[j - 1]))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_edit_is_a_distance_of_one(one, other):
    assert is_one_edit(one, other) == (osa(one, other) == 1)


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        ("ann lee", "lee ann", "exact"),
        ("lee", "lee", "exact"),
        ("ann lee", "ann", None),  # a name of one word is exact or nothing
        ("ann lee", "ann marie lee", "fuzzy"),
        ("john smith", "john smyth", "fuzzy"),
        ("john smith", "jonh smith", "fuzzy"),
        ("john smith", "jon smith", None),  # three letters
        ("ann lee", "ann leo", None),
        ("john john", "john smith", None),  # a partner each
        ("maria maria lopez", "maria marla lopez", "fuzzy"),
        ("john smith", "jane smith", None),
        ("", "", None),
        ("ann lee", "ann lee lee", "fuzzy"),
    ],
)
def test_names(one, other, match):
    assert match_names(one.split(), other.split()) == match
    assert match_names(other.split(), one.split()) == match


@given(NAMES, NAMES)
def test_a_match_is_the_same_from_either_side(one, other):
    assert match_names(one, other) == match_names(other, one)


@given(st.lists(st.sampled_from(["anna", "anne", "hanna", "lopez", "lopes", "lee"]), min_size=1, max_size=4), st.data())
def test_pairs_are_found_where_there_are_any(shorter, data):
    longer = data.draw(st.permutations([*shorter, "other"]))
    assert match_names(shorter, longer) == ("fuzzy" if len(shorter) >= 2 else None)


@pytest.mark.parametrize(
    ("asked", "side", "live", "what"),
    [
        ("opposing", "ours", True, "adverse"),
        ("ours", "opposing", True, "adverse"),
        ("opposing", "ours", False, "note"),
        ("opposing", "opposing", True, "note"),
        ("ours", "ours", True, "note"),
        ("neutral", "ours", True, "note"),
        ("opposing", "neutral", True, "note"),
    ],
)
def test_adverse_is_ours_against_opposing_in_a_live_deal(asked, side, live, what):
    assert verdict(asked, side, is_live=live) == what
