"""From items to answers by the view's annotations."""

from datetime import UTC, date, datetime
from typing import NotRequired

import pytest
from typing_extensions import TypedDict

from chalicelib.foundation.presentation import present, present_row


class ItemView(TypedDict):
    id: str
    made_at: str
    due_on: str | None
    total: int
    owner: str
    explain: NotRequired[str]


class Item:
    attribute_values: dict[str, object]

    def __init__(self, **values: object) -> None:
        self.attribute_values = values

    @classmethod
    def get_attributes(cls) -> dict[str, object]:
        return {"id": None, "made_at": None, "due_on": None, "owner": None}

    @property
    def total(self) -> int:
        return 3


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_fields_come_from_attributes_properties_and_what_is_given():
    item = Item(id="a", made_at=NOW, due_on=date(2026, 3, 2), owner="someone")
    assert present(ItemView, item, owner="•••") == {
        "id": "a",
        "made_at": "2026-03-01T12:00:00.000Z",
        "due_on": date(2026, 3, 2),
        "total": 3,
        "owner": "•••",
    }


def test_what_is_absent_is_none_and_what_need_not_be_there_is_left_out_unless_given():
    view = present(ItemView, Item(id="a"))
    assert view["due_on"] is None
    assert "explain" not in view
    assert present(ItemView, Item(id="a"), explain="so")["explain"] == "so"


def test_a_field_that_nobody_has_is_refused():
    class Wider(ItemView):
        score: int

    with pytest.raises(TypeError, match="Item has no score"):
        present(Wider, Item(id="a"))


def test_a_field_that_the_view_does_not_have_is_refused():
    with pytest.raises(TypeError, match="ItemView has no colour"):
        present(ItemView, Item(id="a"), colour="red")


def test_a_row_is_filled_up_and_shows_no_more_than_the_view():
    row = {"id": "a", "made_at": "2026-03-01T12:00:00.000Z", "internal": 1}
    assert present_row(ItemView, row, owner="x") == {
        "id": "a",
        "made_at": "2026-03-01T12:00:00.000Z",
        "due_on": None,
        "total": None,
        "owner": "x",
    }
