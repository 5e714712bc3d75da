"""Scorecards: the agreed examples to the digit, what they follow, and that they are what the interactions say."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.counts import add_up
from chalicelib.foundation.projections import merge
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.scorecards import public
from chalicelib.packs.scorecards.projections import contribution
from chalicelib.packs.scorecards.rules import scorecard
from ops.projections import rebuild
from tests.packs.scorecards import reference
from tests.packs.scorecards.scorecards_client import PROFESSIONALS, ScorecardsClient
from tests.streams.schedules import disturbed
from tests.streams.stream_feeder import deliver
from tests.streams.test_projections import kept, recount

# Of the agreed example: on these days at noon.
V66 = (
    {"met_deadline": True, "communication_clarity": 0.8, "deliverable_quality": 0.9, "response_time_hours": 4, "occurred_at": "2026-01-01T20:00:00Z"},
    {"met_deadline": False, "communication_clarity": 0.6, "response_time_hours": 38, "occurred_at": "2026-04-01T20:00:00Z"},
    {"met_deadline": True, "deliverable_quality": 0.7, "response_time_hours": 21, "occurred_at": "2026-06-30T20:00:00Z"},
)  # fmt: skip


def five(*scores: str | None) -> dict[str, Any]:
    names = (*scorecard.MEASURES, scorecard.OVERALL)
    return {f"{name}_score": None if score is None else Decimal(score) for name, score in zip(names, scores, strict=True)}


def among(view: Any) -> dict[str, Any]:
    return {name: view[name] for name in five(*[None] * 5)}


@pytest.fixture
def example(scorecards):
    id = scorecards.professional()
    return id, [scorecards.log(id, **body) for body in V66]


# -- the agreed examples


def test_v66_all_time(scorecards, example, project):
    project()
    view = scorecards.scorecard(example[0])
    assert among(view) == five("0.67", "0.70", "0.80", "0.75", "0.72")
    assert view["parts"] == ["reliability", "communication", "quality"]
    assert view["counts"] == {"interactions": 3, "reliability": 3, "communication": 2, "quality": 2, "responsiveness": 3}
    assert (view["adjusted_score"], view["trend"], view["insufficient_data"]) == (None, None, False)
    assert (view["professional_id"], view["as_of"]) == (example[0], "2026-11-24T18:00:00.000Z")


@pytest.mark.parametrize("day", ["2026-06-30", "2026-09-28"])
def test_v67_half_life_on_any_day(clock, scorecards, example, project, day):
    project()
    clock.now = datetime.fromisoformat(f"{day}T20:00:00+00:00").astimezone(UTC)
    assert scorecards.scorecard(example[0])["half_life"] == five("0.71", "0.67", "0.74", "0.71", "0.71")


def test_v68_the_second_disputed(scorecards, example, project):
    id, interactions = example
    project()
    scorecards.dispute(interactions[1])
    project()
    assert among(scorecards.scorecard(id)) == five("1.00", "0.80", "0.80", "0.88", "0.87")


def test_v123_adjusted(scorecards, example, project):
    first, second = scorecards.professional("A"), scorecards.professional("B")
    for _ in range(10):
        scorecards.log(first, deliverable_quality=0.6)
    for _ in range(2):
        scorecards.log(second, deliverable_quality=1, communication_clarity=1)
    project()
    assert scorecards.scorecard(example[0])["adjusted_score"] == Decimal("0.69")


# -- what it follows


def test_without_interactions_nothing_is_known(scorecards):
    view = scorecards.scorecard(scorecards.professional())
    assert among(view) == among(view["half_life"]) == five(None, None, None, None, None)
    assert view["adjusted_score"] is view["trend"] is None
    assert (view["parts"], view["insufficient_data"], set(view["counts"].values())) == ([], True, {0})


def test_a_missing_measure_counts_for_nothing(scorecards, project):
    id = scorecards.professional()
    scorecards.log(id, communication_clarity=0.5)
    scorecards.log(id, response_time_hours=72.5)
    project()
    view = scorecards.scorecard(id)
    assert among(view) == five(None, "0.50", None, "0.00", "0.50")
    assert view["parts"] == ["communication"]


@pytest.mark.parametrize(("hours", "score"), [(0, "1.00"), (4, "1.00"), (21, "0.75"), (38, "0.50"), (72, "0.00"), (10000, "0.00")])
def test_responsiveness(scorecards, project, hours, score):
    id = scorecards.professional()
    scorecards.log(id, response_time_hours=hours)
    project()
    assert scorecards.scorecard(id)["responsiveness_score"] == Decimal(score)


def test_a_dispute_moves_it_and_its_end_moves_it_back(scorecards, client_as, project):
    id, other = scorecards.professional(), ScorecardsClient(client_as("operator", user="user_other"))
    good, bad = scorecards.log(id, met_deadline=True), scorecards.log(id, met_deadline=False)
    seen = []
    for step in (lambda: None, lambda: scorecards.dispute(bad), lambda: other.settle(bad, "rejected"), lambda: scorecards.dispute(good)):
        step()
        project()
        seen.append(scorecards.scorecard(id)["reliability_score"])
    other.settle(good, "upheld")
    project()
    assert [*seen, scorecards.scorecard(id)["reliability_score"]] == [Decimal(x) for x in ("0.50", "1.00", "0.50", "0.00", "0.00")]


def test_what_is_reversed_counts_no_more(scorecards, context, project):
    id = scorecards.professional()
    ctx = context("operator")
    tx = Transaction(ctx.store)
    logged = public.log_interaction(ctx, tx, id, source=public.TASK, key="task_1/1", at=ctx.now, met_deadline=True)
    tx.commit()
    project()
    assert scorecards.scorecard(id)["counts"]["interactions"] == 1
    tx = Transaction(ctx.store)
    public.reverse_interaction(ctx, tx, logged)
    tx.commit()
    project()
    assert scorecards.scorecard(id)["insufficient_data"] is True


@pytest.mark.parametrize(("recent", "trend"), [(1, "improving"), (0.5, "stable"), (0, "declining")])
def test_the_trend_needs_five(scorecards, project, recent, trend):
    id = scorecards.professional()
    for _ in range(3):
        scorecards.log(id, deliverable_quality=0.5, occurred_at="2024-01-01T12:00:00Z")
    scorecards.log(id, deliverable_quality=recent)
    project()
    assert scorecards.scorecard(id)["trend"] is None
    scorecards.log(id, deliverable_quality=recent)
    project()
    assert scorecards.scorecard(id)["trend"] == trend


def test_a_tie_is_rounded_up_wherever_it_comes_from(scorecards, project):
    id = scorecards.professional()
    for day in ("2019-05-05", "2026-01-01", "2026-02-17"):
        scorecards.log(id, deliverable_quality=0.705, occurred_at=f"{day}T12:00:00Z")
    project()
    view = scorecards.scorecard(id)
    assert view["quality_score"] == view["half_life"]["quality_score"] == view["half_life"]["overall_score"] == Decimal("0.71")


def test_the_prior_is_of_others_in_the_role_else_of_the_firm(scorecards, project):
    def logged(quality: float, count: int, **body: Any) -> str:
        id = scorecards.professional(**body)
        for _ in range(count):
            scorecards.log(id, deliverable_quality=quality)
        return id

    own = logged(1, 1)
    logged(0.5, 9)
    logged(0, 9, role="broker")
    project()
    # nine of the role are too few; eighteen of the firm: (1 + 5 × 0.25) / 6
    assert scorecards.scorecard(own)["adjusted_score"] == Decimal("0.38")
    more = logged(0.5, 1)
    project()
    assert scorecards.scorecard(own)["adjusted_score"] == Decimal("0.58")  # ten of two: (1 + 5 × 0.5) / 6
    # Of one professional alone ten are no role's prior: the firm's is.
    scorecards.dispute(scorecards.ok("GET", f"/pros/scorecard/{more}/log")["items"][0])
    alone = next(one["professional_id"] for one in scorecards.leaderboard(role="lawyer") if one["interactions"] == 9)
    scorecards.log(alone, deliverable_quality=0.5)
    project()
    assert scorecards.scorecard(own)["adjusted_score"] == Decimal("0.39")  # (1 + 5 × 5/19) / 6
    # The professional's present role decides whom they are compared with, and what they did before counts as theirs.
    scorecards.patch(own, role="broker")
    assert scorecards.scorecard(own)["adjusted_score"] == Decimal("0.39")
    assert scorecards.scorecard(own, explain="true")["explain"]["inputs"]["role"] == "broker"


# -- history


def test_history_by_month_of_the_firm(scorecards, project):
    id = scorecards.professional()
    for body in (
        *V66,
        {"met_deadline": False, "occurred_at": "2026-07-01T06:59:59Z"},
        {"met_deadline": True, "occurred_at": "2026-07-01T07:00:00Z"},
    ):
        scorecards.log(id, **body)
    project()
    page = scorecards.history(id, by="month")
    assert [(one["month"], one["interactions"], one["reliability_score"]) for one in page["items"]] == [
        ("2026-07", 1, 1), ("2026-06", 2, Decimal("0.50")), ("2026-04", 1, 0), ("2026-01", 1, 1),
    ]  # fmt: skip
    assert among(page["items"][3]) == five("1.00", "0.80", "0.90", "1.00", "0.90")
    first = scorecards.history(id, limit="3")
    assert first["items"] + scorecards.history(id, limit="3", cursor=first["next_cursor"])["items"] == page["items"]
    assert scorecards.history(id, explain="true")["explain"]["inputs"].keys() == {"2026-07", "2026-06", "2026-04", "2026-01"}
    assert scorecards.expect_error(422, "GET", f"/pros/scorecard/{id}/history", query={"by": "year"})
    assert scorecards.history(scorecards.professional())["items"] == []


def test_a_month_without_what_counts_is_not_there(scorecards, project):
    id = scorecards.professional()
    logged = scorecards.log(id, met_deadline=True)
    project()
    assert len(scorecards.history(id)["items"]) == 1
    scorecards.dispute(logged)
    project()
    assert scorecards.history(id)["items"] == []


# -- the leaderboard


def test_the_leaderboard(scorecards, project, client_as):
    def logged(name: str, quality: float, count: int, **body: Any) -> str:
        id = scorecards.professional(name, **body)
        for _ in range(count):
            scorecards.log(id, deliverable_quality=quality)
        return id

    ann, ben, cyd = logged("Ann", 0.9, 6), logged("Ben", 0.5, 6), logged("Cyd", 0.9, 12)
    logged("Nobody", 1, 0)
    gone = logged("Gone", 1, 3)
    inactive = logged("Inactive", 1, 6)
    scorecards.patch(inactive, is_active=False)
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{gone}")
    dan = logged("Dan", 0.7, 2, role="broker")
    project()
    rows = scorecards.leaderboard()
    assert [(one["rank"], one["professional_id"]) for one in rows] == [(1, cyd), (2, ann), (3, dan), (4, ben)]
    shown = scorecards.scorecard(cyd)
    assert rows[0] == {
        "rank": 1, "professional_id": cyd, "name": "Cyd", "role": "lawyer", "adjusted_score": shown["adjusted_score"],
        "overall_score": Decimal("0.90"), "interactions": 12,
    }  # fmt: skip
    assert [one["adjusted_score"] for one in rows] == [scorecards.scorecard(one["professional_id"])["adjusted_score"] for one in rows]
    assert [one["name"] for one in scorecards.leaderboard(role="lawyer")] == ["Cyd", "Ann", "Ben"]
    assert [one["name"] for one in scorecards.leaderboard(min_interactions="7")] == ["Cyd"]
    assert [one["name"] for one in scorecards.leaderboard(min_interactions="0")][-1] == "Nobody"
    first = scorecards.ok("GET", "/pros/scorecard/leaderboard", query={"limit": "3"})
    rest = scorecards.ok("GET", "/pros/scorecard/leaderboard", query={"limit": "3", "cursor": first["next_cursor"]})
    assert first["items"] + rest["items"] == rows
    assert rest["next_cursor"] is None
    explained = scorecards.ok("GET", "/pros/scorecard/leaderboard", query={"explain": "true"})["explain"]
    assert explained["inputs"].keys() == {cyd, ann, ben, dan}
    client_as("viewer")("GET", "/pros/scorecard/leaderboard").json()["items"]
    ScorecardsClient(client_as("professional", professional_id=ann)).expect_error(403, "GET", "/pros/scorecard/leaderboard")


def test_those_without_an_adjusted_score_are_last(scorecards, project):
    first, second, third = (scorecards.professional(name) for name in ("A", "B", "C"))
    scorecards.log(first, response_time_hours=1)
    for _ in range(3):
        scorecards.log(second, deliverable_quality=0.1)
    for _ in range(10):
        scorecards.log(third, deliverable_quality=0.2)
    project()
    rows = [(one["name"], one["adjusted_score"]) for one in scorecards.leaderboard()]
    # C has only 3 others to compare with, A no score; both without one, by their interactions
    assert rows == [("B", Decimal("0.16")), ("C", None), ("A", None)]


# -- who may


def test_a_professional_reads_only_their_own(scorecards, client_as, example):
    other = scorecards.professional()
    grace = ScorecardsClient(client_as("professional", professional_id=example[0]))
    for what in ("scorecard", "history"):
        assert grace.ok("GET", f"/pros/scorecard/{example[0]}/{what}")
        grace.expect_error(404, "GET", f"/pros/scorecard/{other}/{what}")


@pytest.mark.parametrize("id", ["pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "x"])
def test_nobodys_scorecard_is_not_found(scorecards, id):
    for what in ("scorecard", "history"):
        scorecards.expect_error(404, "GET", f"/pros/scorecard/{id}/{what}")


def test_a_deleted_professionals_scorecard_is_not_found(scorecards, example):
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{example[0]}")
    for what in ("scorecard", "history", "log"):
        scorecards.expect_error(404, "GET", f"/pros/scorecard/{example[0]}/{what}")


def test_it_explains_itself(scorecards, example, project):
    project()
    answer = scorecards.call("GET", f"/pros/scorecard/{example[0]}/scorecard", query={"explain": "true"})
    explained = answer.json()["explain"]
    assert explained["formula"] == {"id": "scorecards.scorecard", "version": 1}
    assert explained["missing"] == ["prior"]
    assert explained["inputs"]["all_time"]["reliability:v"] == 2
    assert explained["inputs"]["role_sums"]["n"] == explained["inputs"]["firm_sums"]["n"] == 3
    assert answer.headers["etag"].startswith("W/")
    assert "explain" not in scorecards.scorecard(example[0])


# -- it is what the interactions say

PEOPLE = 4
_measures = st.fixed_dictionaries(
    {
        "met_deadline": st.sampled_from([None, True, False]),
        "communication_clarity": st.one_of(st.none(), st.decimals(0, 1, places=4)),
        "deliverable_quality": st.one_of(st.none(), st.decimals(0, 1, places=2)),
        "response_time_hours": st.one_of(st.none(), st.decimals(0, 100, places=1)),
    }
).filter(lambda measures: any(value is not None for value in measures.values()))
_moves = st.lists(
    st.one_of(
        st.tuples(st.just("log"), st.integers(0, PEOPLE - 1), _measures, st.integers(0, 2500)),
        st.tuples(st.just("log"), st.integers(0, PEOPLE - 1), _measures, st.integers(0, 2500)),
        st.tuples(st.sampled_from(["dispute", "uphold", "reject", "reverse", "delete"]), st.integers(0, 60)),
        st.tuples(st.just("role"), st.integers(0, PEOPLE - 1), st.sampled_from(["lawyer", "broker"])),
    ),
    min_size=5,
    max_size=60,
)


class History:
    """A random history, without a table: aggregates by contributions as the engine adds and subtracts them."""

    def __init__(self) -> None:
        self.roles = {f"pro_{number}": "lawyer" for number in range(PEOPLE)}
        self.interactions: list[dict[str, Any]] = []
        self.total: dict[Any, dict[str, Any]] = {}

    def contribution(self, one: dict[str, Any]) -> Any:
        if one["deleted"] or not reference.counted([one]):
            return {}
        measures = {name: one[name] for name in ("met_deadline", "communication_clarity", "deliverable_quality", "response_time_hours")}
        return contribution(one["professional_id"], scorecard.Record(one["role"], reference.firm_day(one), **measures))

    def play(self, move: Any) -> None:
        what, place, *more = move
        if what == "log":
            id, at = f"pro_{place}", datetime(2026, 11, 24, 18, tzinfo=UTC) - timedelta(days=more[1], hours=more[1] % 24)
            one = {"professional_id": id, "role": self.roles[id], "occurred_at": at.isoformat(), "deleted": False, **more[0]}
            self.interactions.append({**one, "reversed_at": None, "dispute": None})
            merge(self.total, self.contribution(self.interactions[-1]))
        elif what == "role":
            self.roles[f"pro_{place}"] = more[0]
        elif self.interactions:
            one = self.interactions[place % len(self.interactions)]
            before = self.contribution(one)
            if what == "dispute" and one["dispute"] is None:
                one["dispute"] = {"status": "open"}
            elif what in ("uphold", "reject") and one["dispute"] == {"status": "open"}:
                one["dispute"] = {"status": {"uphold": "upheld", "reject": "rejected"}[what]}
            elif what == "reverse":
                one["reversed_at"] = "now"
            elif what == "delete":
                one["deleted"] = True
            merge(self.total, self.contribution(one))
            merge(self.total, before, -1)

    def sums(self, id: str) -> scorecard.Sums:
        def row(pk: str, sk: str) -> Any:
            return self.total.get((pk, sk), {})

        roles = {role: row("PROSCORE", f"R#{role}") for role in ("lawyer", "broker")}
        return scorecard.Sums(id, self.roles[id], row("PROSCORE", f"P#{id}"), row(id, "S"), roles, row("PROSCORE", "F"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(_moves)
def test_any_history_adds_up_to_what_the_interactions_say(moves):
    from chalicelib.packs.scorecards.presenters import scorecard_view

    history = History()
    for move in moves:
        history.play(move)
    left = [one for one in history.interactions if not one["deleted"]]
    everybody = {id: [one for one in left if one["professional_id"] == id] for id in history.roles}
    for id, role in history.roles.items():
        view = dict(scorecard_view(history.sums(id), ""))
        del view["as_of"]
        assert view == reference.scorecard(id, role, everybody)
    for one in left:  # what was taken away leaves nothing
        merge(history.total, history.contribution(one), -1)
    assert history.total == {}


def told(scorecards: Any, ids: list[str]) -> list[Any]:
    return [(scorecards.scorecard(id), scorecards.history(id)["items"]) for id in ids]


@pytest.mark.parametrize("seed", range(2))
def test_under_any_schedule_of_the_stream(world, client_as, clock, seed, context):
    chance = random.Random(seed)
    scorecards, other = (ScorecardsClient(client_as("operator", user=user)) for user in ("user_one", "user_two"))
    ids = [scorecards.professional(f"P{number}", role=chance.choice(["lawyer", "broker"])) for number in range(4)]
    logged: dict[str, list[Any]] = {id: [] for id in ids}
    for _ in range(24):
        id = chance.choice(ids)
        at = clock.now - timedelta(days=chance.randrange(1200), hours=chance.randrange(24))
        body = {
            "met_deadline": chance.choice([True, False, None]),
            "deliverable_quality": chance.choice([None, 0.5, 0.25, 1]),
            "response_time_hours": chance.randrange(100),
        }
        logged[id].append(scorecards.log(id, **body, occurred_at=at.isoformat()))
    for one in chance.sample([one for ones in logged.values() for one in ones], 8):
        scorecards.dispute(one)
        if (outcome := chance.choice(["upheld", "rejected", None])) is not None:
            other.settle(one, outcome)
    scorecards.patch(ids[0], role="title")
    stream, late = disturbed(world.feed.entities(), chance)
    for records in (stream, late):
        deliver(world.project(), records, batch=chance.randrange(1, 20), attempts=2000)
    assert kept(world) == recount(world)
    everybody = {id: scorecards.ok("GET", f"/pros/scorecard/{id}/log", query={"limit": "200"})["items"] for id in ids}
    roles = {id: scorecards.read(id)["role"] for id in ids}
    before = told(scorecards, ids)
    for id, (view, months) in zip(ids, before, strict=True):
        del view["as_of"]
        assert view == reference.scorecard(id, roles[id], everybody)
        assert months == reference.history(everybody[id])
    ranked = scorecards.leaderboard(min_interactions="0")
    built = rebuild(world.runtime.store, world.contributions, clock.now)
    assert built.generation == 2
    after = told(scorecards, ids)
    for view, _ in after:
        del view["as_of"]
    assert after == before
    assert scorecards.leaderboard(min_interactions="0") == ranked


def test_weights_subtract_exactly_over_a_century():
    """Of days far apart, which one weighted sum in 38 digits could not hold together."""
    records = [scorecard.Record("lawyer", datetime(year, 6, 1).date(), None, Decimal("0.3333")) for year in range(1901, 2099, 3)]  # noqa: DTZ001
    total: Any = {}
    for record in records:
        merge(total, contribution("pro_1", record))
    for record in records[1:]:
        merge(total, contribution("pro_1", record), -1)
    assert total == contribution("pro_1", records[0])
    weighted = add_up([total["pro_1", "S"]])
    assert scorecard.printed(scorecard.half_life_scores(weighted)["communication"]) == Decimal("0.33")
