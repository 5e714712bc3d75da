"""The professionals of a deal are counted on their gates, and their deals are found from them."""

import pytest

from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.keys import reference_counter

PROFESSIONALS = "/pros/scorecard/professionals"
UNKNOWN = "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"


@pytest.fixture
def references(runtime):
    return lambda id: int(runtime.store().get_item(reference_counter(id))["refs"]["N"])


def test_they_are_counted(deals, references):
    ann, bob, eve = (deals.professional(name) for name in ("Ann", "Bob", "Eve"))
    id = deals.deal(professional_ids=[ann, bob, ann])
    assert deals.ok("GET", f"/deals/{id}")["professional_ids"] == [ann, bob]
    other = deals.deal(professional_ids=[bob])
    assert [references(one) for one in (ann, bob, eve)] == [1, 2, 0]
    deals.change(id, professional_ids=[eve, bob])
    assert [references(one) for one in (ann, bob, eve)] == [0, 2, 1]
    deals.change(id, notes="x")
    deals.cancel(id)
    assert [references(one) for one in (ann, bob, eve)] == [0, 2, 1]
    deals.ok("DELETE", f"/deals/{id}")
    deals.change(other, professional_ids=None)
    assert [references(one) for one in (ann, bob, eve)] == [0, 0, 0]


def test_who_is_in_a_deal_stays(deals):
    ann = deals.professional()
    first, second = (deals.deal(professional_ids=[ann]) for _ in range(2))
    problem = deals.expect_error(409, "DELETE", f"{PROFESSIONALS}/{ann}")
    assert (problem["code"], set(problem["held_by"])) == ("referred_to", {first, second})
    for id in (first, second):
        deals.ok("DELETE", f"/deals/{id}")
    deals.ok("DELETE", f"{PROFESSIONALS}/{ann}")


def test_only_active_ones_come_in(deals, references):
    ann = deals.professional()
    id, other = deals.deal(professional_ids=[ann]), deals.deal()
    deals.ok("PATCH", f"{PROFESSIONALS}/{ann}", {"is_active": False})
    for method, path, body in (("POST", "/deals", {"title": "T"}), ("PATCH", f"/deals/{other}", {})):
        problem = deals.expect_error(409, method, path, {**body, "professional_ids": [ann]})
        assert problem["code"] == "professional_inactive"
    deals.change(id, notes="who was active then stays")
    deals.change(id, professional_ids=[])
    assert references(ann) == 0


@pytest.mark.parametrize("id", [UNKNOWN, "17", "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])
def test_unknown_ones(deals, id):
    deals.expect_error(404, "POST", "/deals", {"title": "T", "professional_ids": [id]})
    deals.expect_error(404, "PATCH", f"/deals/{deals.deal()}", {"professional_ids": [id]})


def test_the_most_that_a_deal_has(deals, client_as, round_trips):
    people = [deals.professional(f"P{number}") for number in range(20)]
    others = [deals.professional(f"Q{number}") for number in range(20)]
    team = [f"user_{number}" for number in range(20)]
    for id in team:
        client_as("dealmaker", user=id).be_signed_in()
    parties = [{"name": f"Person {number}", "organization": "Firm LLC", "side": "ours"} for number in range(20)]
    id = deals.deal(professional_ids=people, team=team, parties=parties)
    assert round_trips() == 2
    deals.change(id, professional_ids=others)
    deals.expect_error(422, "PATCH", f"/deals/{id}", {"team": [*team[1:], "user_nobody"], "professional_ids": None})
    deals.expect_error(422, "POST", "/deals", {"title": "T", "team": [*team[1:], "user_nobody"]})
    deals.ok("DELETE", f"/deals/{id}")


def test_a_deletion_has_room_for_the_longest_names(deals, runtime, references):
    """Twenty professionals, and a pipeline whose seller and buyer have more words than anybody: the rest is removed afterwards."""

    def words(letter: str) -> str:
        return " ".join(f"{letter}{number}" for number in range(30))

    people = [deals.professional(f"P{number}") for number in range(20)]
    pipeline = deals.pipeline(seller={"name": words("a")})
    deals.assign(deals.offer(pipeline, deals.buyer(words("b"), company=words("c"))))
    problem = deals.expect_error(422, "POST", "/deals", {"title": "T", "pipeline_id": pipeline, "professional_ids": people})
    assert problem["errors"][0]["loc"] == ["parties"]
    id = deals.deal(pipeline_id=pipeline)
    deals.change(id, professional_ids=people, parties=[{"name": words("d"), "side": "ours"}])
    deals.ok("DELETE", f"/deals/{id}")
    assert {references(one) for one in people} == {0}
    for pk, beginning in [*((f"PARTY#{letter}0", id) for letter in "abcd"), *((one, "DEAL#") for one in people)]:
        assert list(runtime.store().query_all(KeyRange(None, pk, prefix=beginning))) == []
