"""The vocabulary of inputs: text, money, days, instants, currencies, patches."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.http.handlers import validate
from chalicelib.foundation.schema_types import (
    Currency,
    Date,
    DealId,
    Money,
    Name,
    Notes,
    Number,
    PageParams,
    PatchBody,
    RequestBody,
    StrictBool,
    StrictInt,
    Timestamp,
    check_money,
)


def taken(hint, value):
    return TypeAdapter(hint).validate_python(value)


def refused(hint, value):
    with pytest.raises(ValidationError):
        taken(hint, value)


@pytest.mark.parametrize("value", [0, 12, Decimal("12.5"), "12.50", "-3", Decimal("0.01"), Decimal("123456789012.345")])
def test_money_is_a_number_or_plain_digits(value):
    assert taken(Money, value) == Decimal(value)


@pytest.mark.parametrize(
    "value",
    [True, 1.5, None, "", "1_000", "1e3", "٣", " 1", "1 ", "+1", ".5", "5.", "0x1", "NaN", "1,5", [], {}, Decimal("NaN"), Decimal("Infinity"), 10 ** 40, Decimal("1e400"), Decimal("1e-400"), Decimal("1234567890.123456"), "1234567890123456"],
)  # fmt: skip
def test_money_is_nothing_else(value):
    refused(Money, value)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2, allow_nan=False))
def test_money_keeps_every_digit(amount):
    assert taken(Money, amount) == taken(Money, f"{amount:f}") == amount


def test_money_must_fit_its_currency():
    check_money("USD", {"a": Decimal("1.10"), "b": None})
    check_money("KWD", {"a": Decimal("1.101")})
    with pytest.raises(ValidationFailed) as caught:
        check_money("JPY", {"fee.amount": Decimal("1.5"), "other": Decimal("0.1")})
    assert [one["loc"] for one in caught.value.members["errors"]] == [["fee", "amount"], ["other"]]


@pytest.mark.parametrize("value", ["a\x00b", "a\nb", "\x7f", "\x85", "\u2028", "\ud800", "", 5, None, "x" * 201])
def test_a_name_is_one_line_of_text(value):
    refused(Name, value)


@pytest.mark.parametrize("value", ["Ada", "李", "🏡", "é" * 200, "Zoë\u200d"])
def test_a_name_may_be_of_any_script(value):
    assert taken(Name, value) == value


def test_notes_have_lines_and_tabs_but_no_other_control_characters():
    assert taken(Notes, "one\n\ttwo") == "one\n\ttwo"
    for value in ("a\x00", "a\rb", "\x1b[0m", "x" * 5001):
        refused(Notes, value)


@pytest.mark.parametrize(
    "value",
    ["2026-02-30", "2026-2-3", "20260203", "2026-02-03T00:00:00Z", "٢٠٢٦-02-03", 5, None, "0000-01-01", datetime(2026, 2, 3, tzinfo=UTC)],
)
def test_what_is_no_day(value):
    refused(Date, value)


def test_a_day():
    assert taken(Date, "2024-02-29") == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-03-01T17:00:00Z", datetime(2026, 3, 1, 17, tzinfo=UTC)),
        ("2026-03-01t17:00:00.5+02:00", datetime(2026, 3, 1, 15, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_an_instant_is_brought_to_utc(value, instant):
    assert taken(Timestamp, value) == instant


@pytest.mark.parametrize(
    "value",
    ["2026-03-01T17:00:00", "2026-03-01", "2026-03-01T25:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 5, None],
)
def test_what_is_no_instant(value):
    refused(Timestamp, value)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (StrictBool, 1),
        (StrictBool, "true"),
        (StrictInt, "1"),
        (StrictInt, True),
        (StrictInt, 1.0),
        (Number, "1"),
        (Number, True),
        (Currency, "usd"),
        (Currency, "XXX"),
        (Currency, 5),
    ],
)
def test_types_are_strict(hint, value):
    refused(hint, value)


class House(RequestBody):
    title: Name
    price: Money | None = None


class HousePatch(PatchBody):
    title: Name | None = None
    price: Money | None = None


def test_inputs_are_trimmed_and_refuse_what_they_do_not_know():
    assert House.model_validate({"title": "  Ada "}).title == "Ada"
    with pytest.raises(ValidationFailed) as caught:
        validate(House, {"title": " ", "prise": 5, "price": -0.5})
    errors = {tuple(one["loc"]): one for one in caught.value.members["errors"]}
    assert set(errors) == {("title",), ("prise",), ("price",)}
    assert all(set(one) == {"loc", "message", "type"} for one in errors.values())
    assert "(and 2 more)" in caught.value.detail


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"title": ""}, "String should have at least 1 character, not 0"),
        ({"title": "x" * 201}, "String should have at most 200 characters, not 201"),
        ([], "a JSON object is needed"),
    ],
)
def test_a_refusal_speaks_of_what_was_sent_and_not_of_our_classes(values, message):
    with pytest.raises(ValidationFailed) as refused:
        validate(House, values)
    assert refused.value.members["errors"][0]["message"] == message


def test_a_patch_tells_what_was_sent_from_what_was_not():
    assert HousePatch.model_validate({"price": None}).changes == {"price": None}
    assert HousePatch.model_validate({}).changes == {}


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", ""])
def test_a_page_has_1_to_200_items(limit):
    with pytest.raises(ValidationFailed):
        validate(PageParams, {"limit": limit})


def test_a_page_has_50_items_where_nothing_is_said():
    assert validate(PageParams, {}).limit == 50
    assert validate(PageParams, {"limit": "200"}).limit == 200


@pytest.mark.parametrize("limit", ["5_0", "+50", " 50", "5.0", "٥٠", "0x10", ""])
def test_a_number_in_a_query_is_plain_digits(limit):
    with pytest.raises(ValidationError):
        PageParams.model_validate({"limit": limit})
    assert PageParams.model_validate({"limit": "50"}).limit == 50


def test_a_deal_is_named_by_text_or_by_the_number_of_an_older_client():
    deal = TypeAdapter(DealId)
    assert [deal.validate_python(value) for value in (17, "17", "deal_x")] == ["17", "17", "deal_x"]
    for wrong in (True, 1.5, "", None, "x" * 201):
        with pytest.raises(ValidationError):
            deal.validate_python(wrong)
