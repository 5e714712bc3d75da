"""Which addresses are of one house."""

import pytest

from chalicelib.foundation.street_addresses import house_key

SEATTLE = {"city": "Seattle", "region": "WA", "postal_code": "98101"}


def key(line1, line2=None, **more):
    return house_key({**SEATTLE, "line1": line1, **({"line2": line2} if line2 else {}), **more})


@pytest.mark.parametrize(
    "spellings",
    [
        ["77 Pine St", "77 PINE ST.", "77 Pine Street", "77  pine strt", "77 Piñe St"],
        ["77 Pine St #4", "77 Pine St Apt 4", "77 Pine St., Unit 4", "77 Pine Street # 4", "77 Pine St Apt #4", "77 Pine St Suite 4"],
        ["77 N Pine St", "77 N. Pine St", "77 North Pine Street"],
        ["77 Pine St NE", "77 Pine St N.E.", "77 Pine St Northeast", "77 Pine St North East", "77 Pine Street N E"],
        ["1201 First Avenue", "1201 1st Ave", "1201 1ST AV."],
        ["100 Highway 20", "100 Hwy 20"],
        ["5 O'Hara Ln", "5 OHara Lane"],
        ["77 Pine St Bldg 2 Apt 4", "77 Pine St Building 2 Unit 4"],
        ["77 Pine St Fl 2", "77 Pine St Floor 2"],
    ],
)
def test_spellings_of_one_house(spellings):
    assert len({key(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("77 Pine St", "78 Pine St"),
        ("77 Pine St", "77 Pine Ave"),
        ("77 Pine St", "77 N Pine St"),
        ("77 Pine St", "77 Pine St #4"),
        ("77 Pine St #4", "77 Pine St #5"),
        ("77 Pine St #4", "77 Pine St Bldg 4"),
        ("77 N St", "77 North St"),
        ("77 Pine St", "77 1/2 Pine St"),
    ],
)
def test_different_houses(one, other):
    assert key(one) != key(other)


@pytest.mark.parametrize("line2", ["Apt 4", "#4", "Unit 4", "4", "apt. # 4"])
def test_a_unit_may_be_in_the_second_line(line2):
    assert key("77 Pine St", line2) == key("77 Pine St #4") != key("77 Pine St")


def test_what_a_second_line_says_of_people_is_no_unit():
    assert key("77 Pine St", "c/o Smith") == key("77 Pine St")


def test_the_place_is_the_delivery_area_or_else_the_city():
    assert key("77 Pine St", postal_code="98101-1234") == key("77 Pine St", city="elsewhere")
    assert key("77 Pine St", postal_code="98102") != key("77 Pine St")
    assert key("77 Pine St", postal_code=None) == key("77 Pine Street", postal_code=None, city="SEATTLE")
    assert key("77 Pine St", postal_code=None) != key("77 Pine St", postal_code=None, city="Tacoma")
    assert key("77 Pine St", country="CA") != key("77 Pine St")


@pytest.mark.parametrize("line1", ["", "Pine St", "unknown", None, "#4", "..."])
def test_without_a_house_number_there_is_no_house(line1):
    assert key(line1) is None
