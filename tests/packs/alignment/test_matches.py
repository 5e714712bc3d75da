"""POST /pros/match over the API."""

from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.packs.alignment.rules import matching
from tests.packs.alignment.alignment_client import SIGNALS, give_signals

PATH = "/pros/match"
KEY = {"Idempotency-Key": "k"}
D = Decimal


def listed(answer, lists="items"):
    return [row["professional_id"] for row in answer[lists]]


def test_everybody_active_is_a_candidate_and_what_is_unknown_is_unknown(alignment, clock):
    ann, bob = alignment.professional(), alignment.professional("Bob", "lawyer")
    alignment.professional("Gone", is_active=False)
    answer = alignment.call("POST", PATH, {})
    assert answer.status == 201
    body = answer.json()
    assert answer.headers["location"] == f"{PATH}/{body['id']}"
    assert body["id"].startswith("match_")
    assert (body["rules_version"], body["as_of"], body["profile_id"]) == (1, "2026-11-24T18:00:00.000Z", None)
    assert (body["eligible"], body["ruled_out"], body["cut"], body["blocked"]) == (2, 0, False, [])
    assert listed(body) == sorted([ann, bob])
    assert body["items"][listed(body).index(ann)] == {
        "professional_id": ann,
        "name": "Ann Adams",
        "score": 25,
        "coverage": 0,
        "parts": {
            "scorecard": {"weight": 30, "value": None, "points": D("7.5")},
            "specialization": None,
            "capacity": None,
            "alignment": {"weight": 15, "value": None, "points": D("3.75")},
            "rate": None,
        },
        "blocked_by": [],
        "would_do": [],
    }
    assert listed(alignment.match(role="lawyer")) == [bob]


def test_specializations_and_rates(alignment):
    both = alignment.professional("Both", specializations=["Title", "closing"], hourly_rate=150)
    one = alignment.professional("One", specializations=["title"], hourly_rate=200)
    over = alignment.professional("Over", specializations=["title", "closing"], hourly_rate=201)
    euro = alignment.professional("Euro", specializations=["title"], hourly_rate=900, currency="EUR")
    answer = alignment.match(specializations=["TITLE", "Closing "], max_rate=200)
    assert listed(answer) == [both, one, euro]
    assert listed(answer, "blocked") == [over]
    assert answer["blocked"][0]["blocked_by"] == ["over_rate"]
    assert answer["blocked"][0]["would_do"] == ["max_rate 201 would do"]
    parts = {row["professional_id"]: row["parts"] for row in answer["items"]}
    assert parts[both]["specialization"] == {"weight": 25, "value": 1, "points": 25}
    assert parts[both]["rate"] == {"weight": 10, "value": D("0.625"), "points": D("6.25")}
    assert parts[euro]["rate"]["value"] is None
    assert (answer["eligible"], answer["ruled_out"]) == (3, 1)


def test_a_licence_must_hold_on_the_day_it_starts(alignment):
    def licensed(name, place, until):
        return alignment.professional(name, licenses=[{"kind": "escrow", "number": "1", "jurisdiction": place, "expires_on": until}])

    holds, ends, other = licensed("A", "us-wa", "2026-12-01"), licensed("B", "US-WA", "2026-11-30"), licensed("C", "US-OR", "2027-01-01")
    none = alignment.professional("D")
    answer = alignment.match(jurisdiction="US-WA", starts_on="2026-12-01")
    assert listed(answer) == [holds]
    assert {row["professional_id"]: row["blocked_by"] for row in answer["blocked"]} == {
        ends: ["licence_expired"],
        other: ["licence_missing"],
        none: ["licence_missing"],
    }
    assert answer["blocked"][0]["would_do"] == ["a licence of US-WA that holds on 2026-12-01 would do"]
    assert set(listed(alignment.match(jurisdiction="US-WA", starts_on="2026-11-30"))) == {holds, ends}
    assert set(listed(alignment.match(jurisdiction="US-WA"))) == {holds, ends}  # today


def test_the_best_are_listed_and_all_are_counted(alignment, monkeypatch):
    for number in range(5):
        alignment.professional(f"P{number}", hourly_rate=100 + number)
    monkeypatch.setattr(matching, "MAX_BLOCKED", 1)
    answer = alignment.match(max_rate=102, limit=2)
    assert [row["name"] for row in answer["items"]] == ["P0", "P1"]
    assert [row["name"] for row in answer["blocked"]] == ["P3"]
    assert (answer["eligible"], answer["ruled_out"], answer["cut"]) == (3, 2, True)
    assert alignment.match(max_rate=104, limit=5)["cut"] is False


def test_a_conflict_in_another_deal_of_theirs_rules_out(alignment):
    both, fresh, other = alignment.professional("Both"), alignment.professional("Fresh"), alignment.professional("Other")
    standing = alignment.deal(("Ada Byron", "ours"), professional_ids=[both])
    alignment.deal(("Ada Byron", "opposing"), professional_ids=[other])  # the same side twice
    new = alignment.deal(("Ada Byron", "opposing"), professional_ids=[fresh], external_ref="D-9")
    for named in (new, "D-9"):
        answer = alignment.match(deal_id=named)
        assert set(listed(answer)) == {fresh, other}
        assert [(row["professional_id"], row["blocked_by"], row["would_do"]) for row in answer["blocked"]] == [(both, ["conflict"], [])]
    assert alignment.match()["ruled_out"] == 0
    told = alignment.ok("POST", PATH, {"deal_id": new}, query={"explain": "true"})
    assert told["blocked"][0]["explain"]["inputs"]["conflicting_deals"] == [standing]
    alignment.ok("PATCH", f"/deals/{standing}/status", {"status": "cancelled", "reason": "title"})
    assert alignment.match(deal_id=new)["ruled_out"] == 0


def test_a_seller_of_the_deals_pipeline_may_be_the_conflict(alignment):
    pipeline = alignment.ok("POST", "/wholesale", {"seller": {"name": "Sam Seller"}})["id"]
    deal = alignment.ok("POST", "/deals", {"title": "Pine", "kind": "wholesale", "pipeline_id": pipeline})["id"]
    pro = alignment.professional()
    alignment.deal(("Sam Seller", "ours"), professional_ids=[pro])
    assert listed(alignment.match(deal_id=deal), "blocked") == [pro]


def test_the_vectors_over_the_api(alignment, runtime, project):
    """V89, V90, V91: 10 interactions of others of 0.65, three of its own, 10 hours of which 8 are free, older signals of 0.74."""
    bar = [{"kind": "escrow", "number": "1", "jurisdiction": "US-WA", "expires_on": "2027-01-01"}]
    ann = alignment.professional("Ann", specializations=["title", "closing"], hourly_rate=150, licenses=bar)
    others = [alignment.professional(f"Other {number}", is_active=True) for number in range(2)]
    for number in range(10):
        alignment.log(others[number % 2], deliverable_quality=0.65)
    alignment.log(ann, met_deadline=True, communication_clarity=0.8, deliverable_quality=0.9)
    alignment.log(ann, met_deadline=False, communication_clarity=0.6)
    alignment.log(ann, met_deadline=True, deliverable_quality=0.7)
    alignment.retainer(ann, 10)
    alignment.task(alignment.deal(), ann, 2)
    project()
    need = {"specializations": ["title", "closing"], "hours": 10, "max_rate": 200, "jurisdiction": "US-WA"}
    without = alignment.match(**need)["items"][0]
    assert without["parts"]["alignment"]["value"] is None
    give_signals(runtime, ann, **SIGNALS)
    answer = alignment.match(**need)
    row = answer["items"][0]
    assert (row["professional_id"], row["score"], row["coverage"]) == (ann, D("78.7"), 100)
    assert row["parts"] == {
        "scorecard": {"weight": 30, "value": D("0.677083"), "points": D("20.3125")},
        "specialization": {"weight": 25, "value": 1, "points": 25},
        "capacity": {"weight": 20, "value": D("0.8"), "points": 16},
        "alignment": {"weight": 15, "value": D("0.74"), "points": D("11.1")},
        "rate": {"weight": 10, "value": D("0.625"), "points": D("6.25")},
    }
    assert answer["ruled_out"] == 2
    short = alignment.match(specializations=["title", "closing"])["items"][0]
    assert (short["score"], short["coverage"]) == (D("80.6"), 70)


def test_a_disputed_interaction_and_other_signals_move_the_score(alignment, project, client_as):
    pros = [alignment.professional(f"P{number}") for number in range(3)]
    for pro in pros:
        for _ in range(5):
            alignment.log(pro, deliverable_quality=0.8)
    late = alignment.log(pros[0], deliverable_quality=0)
    project()

    def adjusted():
        return next(row for row in alignment.match()["items"] if row["professional_id"] == pros[0])["parts"]["scorecard"]["value"]

    assert adjusted() == D("0.727273")  # (6 × 4/6 + 5 × 0.8) / 11
    alignment.ok("POST", f"/pros/scorecard/{pros[0]}/log/{late}/dispute", {"reason": "The client was late."})
    project()
    assert adjusted() == D("0.8")


def test_free_hours_are_what_active_retainers_have_left_less_what_is_planned(alignment, project):
    busy, free, none = alignment.professional("Busy"), alignment.professional("Free"), alignment.professional("None")
    for pro in (busy, free):
        retainer = alignment.retainer(pro, 10)
    alignment.ok("POST", f"/pros/retainers/{retainer}/log_hours", {"hours": 1.5})  # of the free one
    deal = alignment.deal()
    task = alignment.task(deal, busy, 8)
    alignment.task(deal, none, 3)
    project()

    def capacity():
        rows = alignment.ok("POST", PATH, {"hours": 10}, query={"explain": "true"})["items"]
        values = {row["professional_id"]: row["parts"]["capacity"]["value"] for row in rows}
        return [values[pro] for pro in (busy, free, none)], {row["professional_id"]: row["explain"]["inputs"]["capacity"] for row in rows}

    values, told = capacity()
    assert values == [D("0.2"), D("0.85"), None]
    assert told[busy] == {"hours_left": 10, "hours_estimated": 8}
    assert told[free] == {"hours_left": D("8.5"), "hours_estimated": 0}
    assert told[none] == {"hours_left": None, "hours_estimated": 3}
    alignment.ok("PATCH", f"/pros/tasks/{task}/status", {"status": "in_progress"})
    alignment.ok("PATCH", f"/pros/tasks/{task}/status", {"status": "cancelled", "reason": "other", "note": "Not needed."})
    alignment.ok("PATCH", f"/pros/retainers/{retainer}/deactivate")
    assert capacity()[0] == [D("0.2"), D("0.85"), None]  # the stream is behind, and as_of says when it was read
    project()
    assert capacity()[0] == [1, None, None]


def test_planned_beyond_what_is_left_is_nothing_free(alignment, project):
    pro = alignment.professional()
    alignment.retainer(pro, 10)
    alignment.task(alignment.deal(), pro, 30)
    project()
    assert alignment.match(hours=5)["items"][0]["parts"]["capacity"] == {"weight": 20, "value": 0, "points": 0}


def test_it_is_kept_a_year(alignment, clock):
    alignment.professional()
    found = alignment.match(limit=1)
    assert alignment.ok("GET", f"{PATH}/{found['id']}") == found
    alignment.professional("Later")
    clock.now += timedelta(days=364)
    read = alignment.call("GET", f"{PATH}/{found['id']}")
    assert read.json() == found
    assert read.headers["etag"].startswith('W/"')
    clock.now += timedelta(days=1)
    alignment.expect_error(404, "GET", f"{PATH}/{found['id']}")


def test_a_repeated_request_gets_the_first_answer(alignment):
    alignment.professional()
    first = alignment.call("POST", PATH, {}, headers=KEY)
    alignment.professional("Later")
    again = alignment.call("POST", PATH, {}, headers=KEY)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()


def test_every_number_explains_itself(alignment):
    alignment.professional(hourly_rate=150)
    answer = alignment.ok("POST", PATH, {"max_rate": 200, "hours": 5}, query={"explain": "true"})
    assert answer["explain"]["formula"] == {"id": "alignment.match", "version": 1}
    assert answer["explain"]["inputs"]["max_rate"] == 200
    assert answer["explain"]["inputs"]["starts_on"] == "2026-11-24"
    row = answer["items"][0]["explain"]
    assert row["missing"] == ["scorecard", "capacity", "alignment"]
    assert row["inputs"]["rate"] == {"hourly_rate": 150, "currency": "USD"}
    assert row["inputs"]["weights"]["scorecard"] == 30
    plain = alignment.ok("GET", f"{PATH}/{answer['id']}")
    assert "explain" not in plain
    assert "explain" not in plain["items"][0]
    assert alignment.ok("GET", f"{PATH}/{answer['id']}", query={"explain": "true"}) == answer


@pytest.mark.parametrize(
    "body",
    [
        {"role": "wizard"},
        {"max_rate": 0},
        {"max_rate": 1.001},
        {"hours": 0},
        {"hours": 1.00001},
        {"limit": 0},
        {"limit": 201},
        {"currency": "XXX"},
        {"starts_on": "tomorrow"},
        {"specializations": [str(number) for number in range(21)]},
        {"jurisdiction": ""},
    ],
)
def test_what_is_refused(alignment, body):
    alignment.expect_error(422, "POST", PATH, body)


@pytest.mark.parametrize(
    "body",
    [
        {"profile_id": "prof_01KB0Q5E8G7Z3V9X2M4N6P8R0T"},
        {"profile_id": "x"},
        {"deal_id": "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T"},
        {"deal_id": "x"},
    ],
)
def test_what_names_nothing_is_404(alignment, body):
    alignment.expect_error(404, "POST", PATH, body)


def test_a_deleted_profile_is_404(alignment):
    id = alignment.profile()
    assert alignment.match(profile_id=id)["profile_id"] == id
    alignment.ok("DELETE", f"/pros/profiles/{id}")
    alignment.expect_error(404, "POST", PATH, {"profile_id": id})


@pytest.mark.parametrize("id", ["match_1", "match_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "prof_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])
def test_no_such_match(alignment, id):
    alignment.expect_error(404, "GET", f"{PATH}/{id}")


@pytest.mark.parametrize(
    ("role", "status"), [("dealmaker", 201), ("admin", 201), ("counsel", 403), ("auditor", 403), ("professional", 403)]
)
def test_who_may_match(client_as, role, status):
    assert client_as(role)("POST", PATH, {}).status == status
    if status == 403:
        assert client_as(role)("GET", f"{PATH}/match_01KB0Q5E8G7Z3V9X2M4N6P8R0T").status == 403


def test_two_with_the_same_score_are_listed_by_id(alignment):
    ids = [alignment.professional(f"P{number}") for number in range(4)]
    assert listed(alignment.match()) == sorted(ids)
