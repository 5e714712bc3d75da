"""Opening, reading, listing, changing and deleting deals."""

from datetime import timedelta

import pytest

from chalicelib.foundation import access
from tests.packs.deals.deals_client import DealsClient, gate_of

PARTIES = [
    {"name": "Ada Byron", "organization": "Analytical Engines LLC", "role": "seller", "side": "opposing"},
    {"name": "Grace Hopper", "side": "ours"},
]


@pytest.fixture
def user(client_as, runtime):
    """`user("ann")`: the id of a user that there is."""

    def make(name: str, *, is_active: bool = True) -> str:
        client_as("dealmaker", user=f"user_{name}").be_signed_in()
        runtime.store().update(access.user_key(f"user_{name}"), set={"is_active": is_active})
        return f"user_{name}"

    return make


@pytest.fixture
def dealmaker(client_as) -> DealsClient:
    return DealsClient(client_as("dealmaker", user="user_maker"))


class TestOpening:
    def test_a_title_is_enough(self, deals, runtime):
        answer = deals.call("POST", "/deals", {"title": "1201 Pine St"})
        assert answer.status == 201
        body = answer.json()
        assert answer.headers["location"] == f"/deals/{body['id']}"
        assert body.items() >= {
            "title": "1201 Pine St", "kind": "other", "status": "open", "owner": "user_operator", "team": [], "value": None,
            "currency": "USD", "opened_on": "2026-11-24", "target_close_on": None, "parties": [], "professional_ids": [],
            "pipeline_id": None, "external_ref": None, "property_id": None, "notes": None, "revision": 1, "status_entered_by": "user_operator",
        }.items()  # fmt: skip
        gate = gate_of(runtime, body["id"])
        assert (gate.refs, gate.ver, gate.dependencies, gate.status, gate.owner, gate.team) == (0, 0, 0, "open", "user_operator", [])
        assert deals.ok("GET", f"/deals/{body['id']}") == body

    def test_every_field(self, deals, user):
        given = {
            "title": "T", "kind": "sale", "external_ref": "17", "property_id": "p", "parties": PARTIES, "team": [user("ann")], "value": 1.5,
            "currency": "EUR", "opened_on": "2026-11-01", "target_close_on": "2026-12-01", "notes": "n", "owner": user("bob"),
        }  # fmt: skip
        body = deals.ok("POST", "/deals", given)
        expected = {**given, "parties": [{"organization": None, "role": None, **party} for party in PARTIES]}
        assert body.items() >= expected.items()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"title": ""}, {"kind": "swap"}, {"status": "open"}, {"value": -1}, {"value": 1.234}, {"currency": "XXQ"},
            {"parties": [{"name": "A"}]}, {"parties": [{"name": "A", "side": "theirs"}]}, {"parties": [{"name": "A", "side": "ours"}] * 21},
            {"team": [f"user_{number}" for number in range(21)]}, {"professional_ids": [f"pro_{number}" for number in range(21)]},
            {"team": ["ann"]}, {"deal_id": "deal_x"},
        ],
    )  # fmt: skip
    def test_what_is_malformed(self, deals, wrong):
        deals.expect_error(422, "POST", "/deals", {"title": "T", **wrong})

    def test_users_must_be_there_and_active(self, deals, user):
        gone = user("gone", is_active=False)
        for field, value in (("owner", "user_nobody"), ("team", ["user_nobody"]), ("owner", gone), ("team", [gone])):
            problem = deals.expect_error(422, "POST", "/deals", {"title": "T", field: value})
            assert problem["errors"][0]["loc"] == [field]

    def test_an_owner_in_the_team_is_checked_once(self, deals, user):
        ann = user("ann")
        assert deals.ok("POST", "/deals", {"title": "T", "owner": ann, "team": [ann]})["team"] == [ann]

    def test_for_somebody_else_only_with_the_permission(self, deals, dealmaker, user):
        ann = user("ann")
        dealmaker.expect_error(403, "POST", "/deals", {"title": "T", "owner": ann})
        assert dealmaker.ok("POST", "/deals", {"title": "T", "owner": None})["owner"] is None
        assert deals.ok("POST", "/deals", {"title": "T", "owner": ann})["owner"] == ann

    def test_a_repetition_is_answered_the_same(self, deals):
        pipeline, key = deals.pipeline(), {"Idempotency-Key": "k"}
        first, second = (deals.call("POST", "/deals", {"title": "T", "pipeline_id": pipeline}, headers=key) for _ in range(2))
        assert (first.status, second.status, second.headers["idempotent-replayed"]) == (201, 201, "true")
        assert first.json() == second.json()

    def test_a_repetition_is_answered_the_same_when_its_users_have_left(self, deals, user):
        team, key = [user(f"u{number}") for number in range(8)], {"Idempotency-Key": "k"}
        first = deals.call("POST", "/deals", {"title": "T", "team": team}, headers=key)
        user("u3", is_active=False)
        second = deals.call("POST", "/deals", {"title": "T", "team": team}, headers=key)
        assert (second.status, second.text) == (201, first.text)

    def test_what_is_not_there_is_refused_first(self, deals, dealmaker, user):
        nobodys, nothing = "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"
        dealmaker.expect_error(404, "POST", "/deals", {"title": "T", "owner": user("ann"), "pipeline_id": nothing})
        deals.deal(external_ref="1")
        deals.expect_error(404, "POST", "/deals", {"title": "T", "external_ref": "1", "professional_ids": [nobodys]})
        deals.expect_error(404, "PATCH", f"/deals/{deals.deal()}", {"external_ref": "1", "professional_ids": [nobodys]})


class TestPipeline:
    def test_it_is_its_deals(self, deals):
        pipeline = deals.pipeline()
        id = deals.deal(pipeline_id=pipeline)
        seen = deals.read(pipeline)
        assert (seen["deal_id"], seen["revision"]) == (id, 2)
        problem = deals.expect_error(409, "POST", "/deals", {"title": "T", "pipeline_id": pipeline})
        assert (problem["code"], problem["deal_id"]) == ("pipeline_taken", id)

    def test_it_is_held(self, deals):
        pipeline = deals.pipeline()
        id = deals.deal(pipeline_id=pipeline)
        problem = deals.expect_error(409, "DELETE", f"/wholesale/{pipeline}")
        assert (problem["code"], problem["held_by"]) == ("referred_to", [id])
        deals.ok("DELETE", f"/deals/{id}")
        assert deals.read(pipeline)["deal_id"] is None
        other = deals.deal(pipeline_id=pipeline)
        assert deals.read(pipeline)["deal_id"] == other
        deals.ok("DELETE", f"/deals/{other}")
        deals.ok("DELETE", f"/wholesale/{pipeline}")

    def test_its_currency(self, deals):
        pipeline = deals.pipeline(currency="EUR")
        deals.expect_error(422, "POST", "/deals", {"title": "T", "pipeline_id": pipeline, "currency": "USD"})
        id = deals.deal(pipeline_id=pipeline)
        assert deals.ok("GET", f"/deals/{id}")["currency"] == "EUR"
        deals.expect_error(422, "PATCH", f"/deals/{id}", {"currency": "USD"})
        problem = deals.expect_error(422, "PATCH", f"/wholesale/{pipeline}", {"currency": "USD"})
        assert problem["errors"][0]["loc"] == ["currency"]

    @pytest.mark.parametrize("id", ["pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "17"])
    def test_an_unknown_one(self, deals, id):
        deals.expect_error(404, "POST", "/deals", {"title": "T", "pipeline_id": id})

    def test_somebody_elses(self, deals, dealmaker):
        pipeline = deals.pipeline()
        dealmaker.expect_error(403, "POST", "/deals", {"title": "T", "pipeline_id": pipeline})
        dealmaker.deal(pipeline_id=dealmaker.pipeline())

    def test_a_pipeline_takes_its_deal_from_no_request(self, deals):
        id, pipeline = deals.deal(), deals.pipeline(deal_id="17")
        deals.expect_error(422, "POST", "/wholesale", {"deal_id": id})
        deals.expect_error(422, "PATCH", f"/wholesale/{pipeline}", {"deal_id": id})
        assert deals.read(pipeline)["deal_id"] == "17", "of another system, and no deal here"
        deals.deal(pipeline_id=pipeline)
        problem = deals.expect_error(409, "PATCH", f"/wholesale/{pipeline}", {"deal_id": "18"})
        assert (problem["code"], problem["deal_id"]) == ("in_deal", deals.read(pipeline)["deal_id"])
        deals.expect_error(409, "PATCH", f"/wholesale/{pipeline}", {"deal_id": None})


class TestFinding:
    def test_by_external_ref(self, deals):
        id = deals.deal(external_ref="17")
        assert deals.ok("GET", "/deals/17")["id"] == id
        assert deals.ok("PATCH", "/deals/17", {"notes": "x"})["id"] == id
        deals.expect_error(404, "GET", "/deals/18")
        problem = deals.expect_error(409, "POST", "/deals", {"title": "T", "external_ref": "17"})
        assert (problem["code"], problem["id"]) == ("external_ref_taken", id)
        deals.change(id, external_ref="18")
        deals.expect_error(404, "GET", "/deals/17")
        deals.ok("DELETE", "/deals/18")
        deals.expect_error(404, "GET", "/deals/18")
        deals.deal(external_ref="18")

    def test_lists(self, deals, user, clock):
        ann = user("ann")
        first = deals.deal(kind="sale", owner=ann, external_ref="1")
        clock.now += timedelta(seconds=1)
        second = deals.deal(kind="sale", owner=None)
        clock.now += timedelta(seconds=1)
        third = deals.deal()
        deals.cancel(third)
        assert deals.listed() == [third, second, first]
        assert deals.listed(status="open") == [second, first]
        assert deals.listed(status="cancelled") == [third]
        assert deals.listed(kind="sale") == [second, first]
        assert deals.listed(owner=ann) == [first]
        assert deals.listed(owner="none", kind="sale", status="open") == [second]
        assert deals.listed(owner=ann, kind="other") == []
        assert deals.listed(external_ref="1") == [first]
        assert deals.listed(external_ref="1", owner="none") == []
        assert deals.listed(external_ref="2") == []
        row = deals.ok("GET", "/deals", query={"owner": ann})["items"][0]
        assert list(row) == ["id", "title", "kind", "status", "owner", "value", "currency", "target_close_on", "created_at"]

    def test_pages(self, deals):
        ids = sorted(deals.deal() for _ in range(5))
        page = deals.ok("GET", "/deals", query={"limit": "3"})
        rest = deals.ok("GET", "/deals", query={"limit": "3", "cursor": page["next_cursor"]})
        assert [row["id"] for row in page["items"] + rest["items"]] == ids[::-1]


class TestChanging:
    def test_what_is_left_out_stays(self, deals):
        id = deals.deal(parties=PARTIES, value=5, notes="n", external_ref="1")
        body = deals.change(id, value=None, kind="service")
        assert (body["value"], body["kind"], body["notes"], body["revision"]) == (None, "service", "n", 2)
        assert [party["name"] for party in body["parties"]] == ["Ada Byron", "Grace Hopper"]
        assert deals.change(id, parties=body["parties"])["revision"] == 2
        assert deals.change(id, parties=None)["parties"] == []

    @pytest.mark.parametrize(
        "wrong", [{"status": "cancelled"}, {"pipeline_id": None}, {"title": None}, {"kind": None}, {"currency": None}, {}]
    )
    def test_what_a_patch_does_not_take(self, deals, wrong):
        deals.expect_error(422, "PATCH", f"/deals/{deals.deal()}", wrong)

    def test_if_match(self, deals):
        id = deals.deal()
        deals.change(id, notes="a")
        deals.expect_error(412, "PATCH", f"/deals/{id}", {"notes": "b"}, headers={"If-Match": '"1"'})
        deals.expect_error(412, "DELETE", f"/deals/{id}", headers={"If-Match": '"1"'})
        deals.expect_error(412, "PATCH", f"/deals/{id}/status", {"status": "cancelled"}, headers={"If-Match": '"1"'})

    def test_the_gate_repeats_owner_and_team(self, deals, user, runtime):
        id, ann, bob = deals.deal(), user("ann"), user("bob")
        deals.change(id, owner=ann, team=[bob])
        gate = gate_of(runtime, id)
        assert (gate.owner, gate.team, gate.refs) == (ann, [bob], 0)
        deals.change(id, owner=None, team=None)
        gate = gate_of(runtime, id)
        assert (gate.owner, gate.team) == (None, [])
        assert deals.expect_error(422, "PATCH", f"/deals/{id}", {"team": ["user_nobody"]})["errors"][0]["loc"] == ["team"]

    def test_whose_it_is(self, deals, dealmaker, user):
        theirs, nobodys, ann = deals.deal(), deals.deal(owner=None), user("ann")
        dealmaker.expect_error(403, "PATCH", f"/deals/{theirs}", {"notes": "x"})
        dealmaker.expect_error(403, "DELETE", f"/deals/{theirs}")
        dealmaker.change(nobodys, notes="x")
        user("maker")
        deals.change(theirs, team=["user_maker"])
        dealmaker.change(theirs, notes="x")
        dealmaker.expect_error(403, "PATCH", f"/deals/{theirs}", {"owner": ann})
        dealmaker.ok("GET", f"/deals/{theirs}")

    def test_a_cancelled_one_stays_as_it_is(self, deals):
        id = deals.deal()
        deals.cancel(id)
        assert deals.expect_error(409, "PATCH", f"/deals/{id}", {"notes": "x"})["code"] == "deal_not_open"
