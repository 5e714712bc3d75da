"""What is held on a professional: every pack's part, newest first, cut where it doesn't fit."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.held_data import HeldPart, fit
from chalicelib.foundation.http.responses import exceeds_lambda_limit
from chalicelib.foundation.json_codec import dumps

ROW = {"text": "x" * 90}


def test_what_fits_is_whole():
    parts = [HeldPart("a", [ROW] * 3), HeldPart("b", [], cut=True)]
    assert fit(parts, 10_000) == parts


def test_the_oldest_rows_of_the_largest_part_are_cut():
    small, large = HeldPart("small", [{"n": 1}]), HeldPart("large", [{"n": number, **ROW} for number in range(100)])
    kept = fit([large, small], 2000)
    assert [part.name for part in kept] == ["large", "small"]
    assert kept[1] == small
    assert kept[0].cut
    assert [row["n"] for row in kept[0].rows] == list(range(len(kept[0].rows)))
    assert 10 < len(kept[0].rows) < 20


def test_what_is_cut_fits_in_an_answer_whatever_it_is_written_in():
    for text in ("é" * 1000, "🎉" * 1000, '"\\' * 1000, "x" * 1000):
        (part,) = fit([HeldPart("a", [{"text": text}] * 20_000)], 5_000_000)
        assert part.cut
        assert not exceeds_lambda_limit(dumps(part.rows))


@given(st.lists(st.lists(st.integers(0, 200), max_size=20), max_size=6), st.integers(0, 3000))
def test_parts_are_never_more_than_fits_and_say_where_they_are_cut(lengths, max_bytes):
    parts = [HeldPart(str(number), [{"t": "x" * length} for length in rows]) for number, rows in enumerate(lengths)]
    kept = fit(parts, max_bytes)
    assert sum(len(dumps(row)) for part in kept for row in part.rows) <= max_bytes
    for before, after in zip(parts, kept, strict=True):
        assert after.rows == before.rows[: len(after.rows)]
        assert after.cut == (len(after.rows) < len(before.rows))
