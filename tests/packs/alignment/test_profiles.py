"""Profiles: created, listed, changed, deleted; weights of exactly 1."""

from decimal import Decimal

import pytest

PATH = "/pros/profiles"
KEY = {"Idempotency-Key": "k"}


def test_what_is_left_out_is_as_in_the_older_comparison(alignment):
    created = alignment.call("POST", PATH, {"name": "Any"}, headers=KEY)
    assert created.status == 201
    profile = created.json()
    assert created.headers["location"] == f"{PATH}/{profile['id']}"
    assert profile["id"].startswith("prof_")
    assert (profile["target_clarity"], profile["target_professionalism"], profile["target_transparency"]) == (
        Decimal("0.7"),
        Decimal("0.7"),
        Decimal("0.6"),
    )
    assert profile["preferred_risk_style"] == "balanced"
    assert profile["preferred_specializations"] == ["real estate", "corporate"]
    assert profile["weights"] == dict.fromkeys(
        ["clarity", "professionalism", "transparency", "specialization", "risk_style"], Decimal("0.2")
    )
    assert alignment.ok("GET", f"{PATH}/{profile['id']}") == profile
    again = alignment.call("POST", PATH, {"name": "Any"}, headers=KEY)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == profile
    assert len(alignment.ok("GET", PATH)["items"]) == 1


def test_they_are_listed_newest_first(alignment, clock):
    ids = []
    for number in range(3):
        ids.append(alignment.profile(f"P{number}"))
        clock.now = clock.now.replace(minute=number + 1)
    first = alignment.ok("GET", PATH, query={"limit": "2"})
    rest = alignment.ok("GET", PATH, query={"limit": "2", "cursor": first["next_cursor"]})
    assert [one["id"] for one in first["items"] + rest["items"]] == ids[::-1]
    assert first["items"][0].keys() == {"id", "name", "created_at"}


def test_weights_are_merged_and_make_exactly_1(alignment):
    id = alignment.profile()
    assert alignment.expect_error(422, "PATCH", f"{PATH}/{id}", {"weights": {"clarity": 0.3}})["errors"][0]["loc"] == ["weights"]
    changed = alignment.ok("PATCH", f"{PATH}/{id}", {"weights": {"clarity": 0.3, "risk_style": 0.1}, "name": "Other"})
    assert changed["weights"]["clarity"] == Decimal("0.3")
    assert changed["weights"]["transparency"] == Decimal("0.2")
    assert changed["revision"] == 2
    assert alignment.ok("PATCH", f"{PATH}/{id}", {"name": "Other"})["revision"] == 2  # nothing new
    only = {"clarity": 1, "professionalism": 0, "transparency": 0, "specialization": 0, "risk_style": 0}
    assert alignment.ok("PATCH", f"{PATH}/{id}", {"weights": only})["weights"]["clarity"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"target_clarity": 1.1},
        {"target_clarity": 0.12345},
        {"weights": {"clarity": 0.2001}},
        {"weights": {"clarity": 0.4}},
        {"weights": {"speed": 0.2}},
        {"preferred_risk_style": "bold"},
        {"preferred_specializations": ["x"] * 10 + [str(number) for number in range(20)]},
        {"id": "prof_1"},
    ],
)
def test_what_is_refused(alignment, body):
    alignment.expect_error(422, "POST", PATH, {"name": "P", **body})
    alignment.expect_error(422, "PATCH", f"{PATH}/{alignment.profile()}", body)


@pytest.mark.parametrize("body", [{}, {"name": None}, {"weights": None}, {"preferred_specializations": None}, {"target_clarity": None}])
def test_nothing_of_it_can_be_cleared(alignment, body):
    alignment.expect_error(422, "PATCH", f"{PATH}/{alignment.profile()}", body)


def test_one_that_is_deleted_is_gone(alignment):
    id = alignment.profile()
    assert alignment.call("DELETE", f"{PATH}/{id}").status == 204
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        alignment.expect_error(404, method, f"{PATH}/{id}", body)
    assert alignment.ok("GET", PATH)["items"] == []


def test_an_older_revision_is_refused(alignment):
    id = alignment.profile()
    alignment.ok("PATCH", f"{PATH}/{id}", {"name": "New"})
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        alignment.expect_error(412, method, f"{PATH}/{id}", body, headers={"If-Match": '"1"'})


@pytest.mark.parametrize("id", ["prof_1", "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "prof_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])
def test_an_id_of_nothing_is_404(alignment, id):
    alignment.expect_error(404, "GET", f"{PATH}/{id}")


def test_a_professional_sees_no_profile(client_as, alignment):
    id = alignment.profile()
    own = client_as("professional", professional_id="pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
    assert own("GET", PATH).status == own("GET", f"{PATH}/{id}").status == 403
    both = client_as("professional", "viewer", professional_id="pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
    assert both("GET", f"{PATH}/{id}").status == 200
