"""Access patterns: what is written to an index is what a list asks of it."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern, KeyTemplate, patterns_of
from chalicelib.foundation.store.keys import KeyPart

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Parcel:
    BY_STAGE = AccessPattern("gsi1", "PARCEL#{stage}#0", serves="GET /parcels?stage=")
    BY_OWNER = AccessPattern("gsi2", "PARCEL#OWN#{owner|none}")
    BY_PLACE = AccessPattern("gsi4", "PARCEL#MKT#{country}", sort="{postal_code}#{id}")
    REVIEWS = DuePattern("parcel-review", on="review_on", only_while="watched")

    country = "US"

    def __init__(self, **values: object) -> None:
        self.attribute_values = values
        self.watched = values.get("watched", True)

    def __getattr__(self, name: str) -> object:
        return self.attribute_values.get(name)


def test_keys_come_from_attributes_and_properties():
    parcel = Parcel(id="p1", stage="lead", owner=None, postal_code="98103", review_on=date(2026, 3, 2))
    assert Parcel.BY_STAGE.keys(parcel) == {"gsi1pk": "PARCEL#lead#0", "gsi1sk": "p1"}
    assert Parcel.BY_OWNER.keys(parcel) == {"gsi2pk": "PARCEL#OWN#none", "gsi2sk": "p1"}
    assert Parcel.BY_PLACE.keys(parcel) == {"gsi4pk": "PARCEL#MKT#US", "gsi4sk": "98103#p1"}
    assert Parcel.REVIEWS.keys(parcel) == {"gsi3pk": "DUE#parcel-review#0", "gsi3sk": "2026-03-02#p1"}


def test_an_item_without_a_value_is_not_in_the_index():
    parcel = Parcel(id="p1", stage="lead", review_on=None)
    assert Parcel.BY_PLACE.keys(parcel) == {}
    assert Parcel.REVIEWS.keys(parcel) == {}


def test_an_item_that_is_out_of_the_index_keeps_its_sort_key_where_the_pattern_says_so():
    parcel = Parcel(id="p1", review_on=date(2026, 3, 2), watched=False)
    assert Parcel.REVIEWS.keys(parcel) == {"gsi3sk": "2026-03-02#p1"}


def test_user_text_is_escaped_in_keys_and_in_queries_alike():
    parcel = Parcel(id="p1", stage="a#b%")
    assert Parcel.BY_STAGE.keys(parcel)["gsi1pk"] == Parcel.BY_STAGE.range(stage="a#b%").pk == "PARCEL#a%23b%25#0"
    assert Parcel.BY_STAGE.range(stage=KeyPart("a%23b")).pk == "PARCEL#a%23b#0"  # escaped already


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_a_list_asks_for_exactly_what_was_written(stage, other):
    written = Parcel.BY_STAGE.keys(Parcel(id="p1", stage=stage))["gsi1pk"]
    assert Parcel.BY_STAGE.range(stage=stage).pk == written
    assert (Parcel.BY_STAGE.range(stage=other).pk == written) == (other == stage)


def test_a_query_names_every_placeholder_and_no_other():
    assert Parcel.BY_OWNER.range(owner=None).pk == "PARCEL#OWN#none"
    with pytest.raises(TypeError, match="takes stage"):
        Parcel.BY_STAGE.range()
    with pytest.raises(TypeError, match="takes stage"):
        Parcel.BY_STAGE.range(stage="lead", owner="x")
    with pytest.raises(TypeError, match="needs stage"):
        Parcel.BY_STAGE.range(stage=None)


def test_due_work_is_everything_until_the_end_of_a_day_or_an_instant():
    by_day, by_instant = Parcel.REVIEWS.until(date(2026, 3, 1)), Parcel.REVIEWS.until(NOW)
    assert (by_day.index, by_day.pk) == ("gsi3", "DUE#parcel-review#0")
    assert "2026-03-01#p1" < by_day.high < "2026-03-02#p1"
    assert "2026-03-01T12:00:00.000Z#p1" < by_instant.high < "2026-03-01T12:00:00.001Z#p1"


def test_a_class_knows_its_patterns_and_those_it_inherits():
    class Lot(Parcel):
        BY_LOT = AccessPattern("gsi1", "LOT#{id}")

    assert [pattern.name for pattern in patterns_of(Lot)] == ["BY_STAGE", "BY_OWNER", "BY_PLACE", "REVIEWS", "BY_LOT"]


def test_what_has_no_form_in_a_key_is_refused():
    with pytest.raises(TypeError, match="no place in a key"):
        KeyTemplate("X#{value}").of(SimpleNamespace(attribute_values={"value": 1.5}))


def test_true_and_false_and_whole_numbers_have_one_form():
    template = KeyTemplate("X#{flag}#{year}")
    assert template.of(SimpleNamespace(attribute_values={"flag": True, "year": 2026})) == "X#1#2026"
    assert template.prefix == "X#"
