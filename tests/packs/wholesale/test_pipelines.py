"""Opening, reading, listing, changing and deleting pipelines."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation.store import keys
from chalicelib.foundation.store.codec import encode_item
from chalicelib.foundation.store.store import encode_key

HOUSE = {
    "address": {"line1": "1201 Pine Street", "city": "Seattle", "region": "WA", "postal_code": "98101", "country": "US"},
    "type": "house",
}
NUMBERS = {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000}


def add_user(runtime: Any, id: str, **values: Any) -> None:
    row = {"pk": {"S": id}, "sk": {"S": "~"}} | encode_item({"is_active": True, **values})
    runtime.dynamodb.put_item(TableName=runtime.settings.table, Item=row)


@pytest.fixture
def operator(client_as: Any) -> Any:
    return client_as("operator")


@pytest.fixture
def lead(operator: Any) -> dict[str, Any]:
    return operator("POST", "/wholesale", {**NUMBERS, "property": HOUSE, "seller": {"name": "Ada", "phone": "+12065550100"}}).json()


def transition(operator: Any, id: str, stage: str, **body: Any) -> Any:
    response = operator("POST", f"/wholesale/{id}/stage", {"stage": stage, **body})
    assert response.status == 200, response.text
    return response.json()


class TestCreate:
    def test_an_empty_body_is_a_lead_of_the_creator(self, operator):
        response = operator("POST", "/wholesale", {})
        assert response.status == 201, response.text
        body = response.json()
        assert response.headers["location"] == f"/wholesale/{body['id']}"
        assert response.headers["etag"] == '"1"'
        assert (body["stage"], body["owner"], body["currency"], body["revision"]) == ("lead", "user_operator", "USD", 1)
        assert body["max_allowable_offer"] is None
        assert body["missing"] == ["arv_estimate", "repair_estimate", "assignment_fee_target"]

    def test_all_given_fields_are_returned(self, operator):
        values = {
            "deal_id": "17",
            "property_id": "parcel 5",
            "external_ref": "mls-1",
            "lead_source": "direct mail",
            "seller_motivation": "Moving to be near family.",
            "seller": {"name": "Ada Byron", "phone": "+1 206 555 0100", "email": "ada@example.com", "do_not_contact": False},
            "property": {**HOUSE, "bedrooms": 3, "bathrooms": Decimal("2.5"), "sqft": 1800, "lot_sqft": 5000, "year_built": 1962}
            | {"lat": Decimal("47.61"), "lng": Decimal("-122.33")},
            "currency": "CAD",
            "asking_price": Decimal("180000.50"),
            **NUMBERS,
            "arv_confidence": "low",
            "rule_pct": Decimal("72.5"),
            "offer_price": 120000,
            "contract_price": 118000,
            "max_allowable_offer": 125000,
            "expected_spread": -5,
            "exit_strategy": "double_close",
            "costs": {"closing_ab": 1850, "closing_bc": 2400, "points_pct": Decimal("1.5"), "lender_fee": 495},
            "suited_for": ["flip", "rental"],
            "stage": "under_contract",
            "contract_effective_on": "2026-11-20",
            "earnest_money_due_on": "2026-11-25",
            "earnest_money_paid_on": "2026-11-24",
            "inspection_ends_on": "2026-12-01",
            "inspection_cleared_on": "2026-11-30",
            "closes_on": "2026-12-20",
            "next_action": {"what": "Order the title", "due_on": "2026-11-26"},
            "on_hold": True,
            "tags": ["north", "brick"],
            "notes": "Corner lot.\nGarden 🌷",
        }
        made = operator("POST", "/wholesale", values)
        assert made.status == 201, made.text
        values["seller"] |= {"phone": "+12065550100"}
        read = operator("GET", f"/wholesale/{made.json()['id']}").json()
        for body in (made.json(), read):
            assert {name: body[name] for name in values} == values

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({}, {"ceiling": 140000, "max_allowable_offer": 125000, "expected_spread": 15000, "spread_basis": "mao"}),
            ({"rule_pct": 65}, {"ceiling": 127500, "max_allowable_offer": 112500}),
            ({"offer_price": 120000}, {"expected_spread": 20000, "spread_basis": "offer"}),
            ({"contract_price": 118000}, {"expected_spread": 22000, "spread_basis": "contract"}),
            ({"contract_price": 145000}, {"expected_spread": -5000, "warnings": ["contract_above_ceiling"]}),
            ({"max_allowable_offer": 130000}, {"max_allowable_offer": 130000, "mao_computed": 125000, "warnings": ["mao_differs"]}),
            ({"max_allowable_offer": 130000}, {"computed_fields": ["expected_spread"]}),
            ({"offer_price": 125001}, {"warnings": ["offer_above_mao"]}),
            (
                {"repair_estimate": None},
                {"ceiling": None, "max_allowable_offer": None, "expected_spread": None, "missing": ["repair_estimate"]},
            ),
        ],
    )
    def test_pricing_is_computed_from_the_known_inputs(self, operator, values, expected):
        body = operator("POST", "/wholesale", {**NUMBERS, **values}).json()
        assert {name: body[name] for name in expected} == expected

    @pytest.mark.parametrize("stage", ["assigned", "closed", "dead", "banana", None])
    def test_other_initial_stages_are_rejected(self, operator, stage):
        assert operator("POST", "/wholesale", {"stage": stage, "offer_price": 1, "contract_price": 1}).status == 422

    @pytest.mark.parametrize(("stage", "field"), [("offer_made", "offer_price"), ("under_contract", "contract_price")])
    def test_a_stage_requires_its_price(self, operator, stage, field):
        for price in ({}, {field: 0}):
            response = operator("POST", "/wholesale", {"stage": stage, **price})
            assert response.status == 422
            assert response.json()["errors"][0]["loc"] == [field]

    def test_a_contract_is_effective_today_unless_given(self, operator):
        assert (
            operator("POST", "/wholesale", {"stage": "under_contract", "contract_price": 1}).json()["contract_effective_on"] == "2026-11-24"
        )

    @pytest.mark.parametrize(
        ("body", "loc"),
        [
            ({"arv": 1}, ["arv"]),
            ({"seller": {"nmae": "x"}}, ["seller", "nmae"]),
            ({"arv_estimate": -1}, ["arv_estimate"]),
            ({"arv_estimate": 10**39}, ["arv_estimate"]),
            ({"arv_estimate": Decimal("1.005")}, ["arv_estimate"]),
            ({"arv_estimate": "1_000"}, ["arv_estimate"]),
            ({"arv_estimate": True}, ["arv_estimate"]),
            ({"currency": "JPY", "asking_price": Decimal("0.5")}, ["asking_price"]),
            ({"currency": "XXX"}, ["currency"]),
            ({"rule_pct": Decimal("49.99")}, ["rule_pct"]),
            ({"rule_pct": Decimal("95.01")}, ["rule_pct"]),
            ({"rule_pct": Decimal("70.001")}, ["rule_pct"]),
            ({"lead_source": "a\x00b"}, ["lead_source"]),
            ({"lead_source": "x" * 101}, ["lead_source"]),
            ({"notes": "x" * 5001}, ["notes"]),
            ({"seller": {"email": "nobody"}}, ["seller", "email"]),
            ({"property": {"lat": 91}}, ["property", "lat"]),
            ({"property": {"bedrooms": Decimal("2.5")}}, ["property", "bedrooms"]),
            ({"property": {"address": {"country": "usa"}}}, ["property", "address", "country"]),
            ({"next_action": {"due_on": "2026-12-01"}}, ["next_action", "what"]),
            ({"next_action": {"what": "Call", "due_on": "2026-02-30"}}, ["next_action", "due_on"]),
            ({"closes_on": "0001-01-05"}, ["closes_on"]),
            ({"earnest_money_due_on": "9999-12-31"}, ["earnest_money_due_on"]),
            ({"owner": "user_nobody"}, ["owner"]),
            ({"owner": "pipe_x"}, ["owner"]),
            ({"suited_for": ["casino"]}, ["suited_for", "0"]),
            ({"tags": [f"t{n}" for n in range(21)]}, ["tags"]),
            ({"on_hold": "yes"}, ["on_hold"]),
        ],
        ids=str,
    )
    def test_errors_name_the_invalid_field(self, operator, body, loc):
        response = operator("POST", "/wholesale", body)
        assert response.status == 422, response.text
        assert response.json()["errors"][0]["loc"] == loc

    @pytest.mark.parametrize("raw", ['{"arv_estimate": NaN}', '{"arv_estimate": Infinity}', '{"notes": "a", "notes": "b"}', "{", "[1"])
    def test_invalid_json_is_rejected(self, operator, raw):
        assert operator("POST", "/wholesale", raw=raw).status == 400

    @pytest.mark.parametrize("raw", ["[]", "1", "null", '"lead"'])
    def test_a_body_that_is_no_object_is_rejected(self, operator, raw):
        assert operator("POST", "/wholesale", raw=raw).status == 422

    def test_text_of_any_script_is_stored_exactly(self, operator):
        for text in ("🏠" * 100, "#/%~ \\", "Ünïcödé", "‮abc", "<script>"):
            body = operator("POST", "/wholesale", {"lead_source": text, "tags": [text[:60]], "external_ref": text}).json()
            assert body["lead_source"] == text, text
            assert operator("GET", f"/wholesale/{body['id']}").json()["tags"] == [text[:60]]

    def test_first_call_and_replay_take_one_round_trip(self, operator, round_trips):
        first = operator("POST", "/wholesale", NUMBERS, headers={"Idempotency-Key": "k"})
        assert round_trips() == 1
        again = operator("POST", "/wholesale", NUMBERS, headers={"Idempotency-Key": "k"})
        assert round_trips() == 1
        assert again.headers["idempotent-replayed"] == "true"
        assert (again.status, again.json(), again.headers["location"]) == (201, first.json(), first.headers["location"])
        assert len(operator("GET", "/wholesale").json()["items"]) == 1
        assert operator("POST", "/wholesale", {}, headers={"Idempotency-Key": "k"}).json()["type"] == "/problems/idempotency-mismatch"

    def test_an_external_reference_is_unique(self, operator):
        first = operator("POST", "/wholesale", {"external_ref": "mls-1"}).json()
        taken = operator("POST", "/wholesale", {"external_ref": "mls-1"})
        assert (taken.status, taken.json()["code"], taken.json()["id"]) == (409, "external_ref_taken", first["id"])
        assert len(operator("GET", "/wholesale").json()["items"]) == 1


class TestOwner:
    def test_an_owner_can_be_given(self, operator, runtime):
        add_user(runtime, "user_ada")
        assert operator("POST", "/wholesale", {"owner": "user_ada"}).json()["owner"] == "user_ada"

    @pytest.mark.parametrize("state", [{"is_active": False}, {"deleted_at": "2026-01-01T00:00:00.000Z"}])
    def test_an_inactive_owner_is_rejected(self, operator, runtime, state):
        add_user(runtime, "user_ada", **state)
        assert operator("POST", "/wholesale", {"owner": "user_ada"}).status == 422

    def test_a_null_owner_is_accepted(self, operator):
        body = operator("POST", "/wholesale", {"owner": None}).json()
        assert body["owner"] is None
        assert [item["id"] for item in operator("GET", "/wholesale", query={"owner": "none"}).json()["items"]] == [body["id"]]

    def test_a_dealmaker_cannot_open_for_another_owner(self, client_as, runtime):
        add_user(runtime, "user_ada")
        dealmaker = client_as("dealmaker")
        assert dealmaker("POST", "/wholesale", {"owner": "user_ada"}).status == 403
        assert dealmaker("POST", "/wholesale", {"owner": "user_dealmaker"}).status == 201
        assert dealmaker("POST", "/wholesale", {"owner": None}).status == 201

    def test_a_dealmaker_reads_all_and_writes_own_and_unowned(self, client_as, operator, lead):
        dealmaker = client_as("dealmaker")
        path = f"/wholesale/{lead['id']}"
        assert dealmaker("GET", path).status == 200
        assert dealmaker("PATCH", path, {"notes": "x"}).status == 403
        assert dealmaker("DELETE", path).status == 403
        assert dealmaker("POST", f"{path}/activities", {"event_type": "call"}).status == 403
        assert dealmaker("POST", f"{path}/stage", {"stage": "dead", "reason": "price"}).status == 403
        assert operator("PATCH", path, {"owner": None}).status == 200
        assert dealmaker("PATCH", path, {"notes": "x"}).status == 200
        assert dealmaker("POST", f"{path}/activities", {"event_type": "call"}).status == 201
        own = dealmaker("POST", "/wholesale", {}).json()["id"]
        assert dealmaker("PATCH", f"/wholesale/{own}", {"notes": "x"}).status == 200

    def test_reassigning_requires_its_permission(self, client_as, operator, runtime, lead):
        add_user(runtime, "user_ada")
        dealmaker = client_as("dealmaker")
        own = dealmaker("POST", "/wholesale", {}).json()["id"]
        assert dealmaker("PATCH", f"/wholesale/{own}", {"owner": "user_ada"}).status == 403
        assert dealmaker("PATCH", f"/wholesale/{own}", {"owner": "user_dealmaker"}).status == 200  # no change
        assert operator("PATCH", f"/wholesale/{own}", {"owner": "user_ada"}).json()["owner"] == "user_ada"
        assert operator("PATCH", f"/wholesale/{own}", {"owner": "user_nobody"}).status == 422
        assert dealmaker("POST", f"/wholesale/{own}/activities", {"event_type": "call"}).status == 403
        assert [item["id"] for item in operator("GET", "/wholesale", query={"owner": "user_ada"}).json()["items"]] == [own]

    def test_a_viewer_sees_no_contacts(self, client_as, lead):
        viewer = client_as("viewer")
        assert viewer("GET", f"/wholesale/{lead['id']}").json()["seller"] == {"name": "•••", "phone": "•••"}
        assert viewer("GET", "/wholesale").json()["items"][0]["seller_name"] == "•••"
        assert client_as("auditor")("GET", "/wholesale").json()["items"][0]["seller_name"] == "Ada"

    @pytest.mark.parametrize("role", ["viewer", "auditor", "counsel"])
    def test_readers_cannot_write(self, client_as, lead, role):
        reader = client_as(role)
        path = f"/wholesale/{lead['id']}"
        assert reader("GET", path).status == 200
        assert reader("POST", "/wholesale", {}).status == 403
        assert reader("PATCH", path, {"notes": "x"}).status == 403

    def test_a_professional_sees_nothing(self, client_as, lead):
        assert client_as("professional")("GET", f"/wholesale/{lead['id']}").status == 403


class TestRead:
    def test_one_query_returns_it_with_its_latest_activities(self, operator, lead, round_trips, clock):
        for number in range(22):
            clock.now += timedelta(seconds=1)
            operator("POST", f"/wholesale/{lead['id']}/activities", {"event_type": "call", "description": str(number)})
        transition(operator, lead["id"], "dead", reason="price")
        response = operator("GET", f"/wholesale/{lead['id']}")
        assert round_trips() == 1
        assert [activity["description"] for activity in response.json()["activities"]] == [str(number) for number in range(21, 1, -1)]
        assert response.json()["stage"] == "dead"

    def test_the_etag_covers_the_activities(self, operator, lead):
        path = f"/wholesale/{lead['id']}"
        tag = operator("GET", path).headers["etag"]
        assert tag.startswith('W/"1.')
        assert operator("GET", path, headers={"If-None-Match": tag}).status == 304
        operator("POST", f"{path}/activities", {"event_type": "call"})
        assert operator("GET", path, headers={"If-None-Match": tag}).status == 200

    def test_computed_figures_are_explained(self, operator, lead):
        explain = operator("GET", f"/wholesale/{lead['id']}", query={"explain": "true"}).json()["explain"]
        assert explain["max_allowable_offer"]["formula"] == {"id": "wholesale.mao.assignment", "version": 1}
        assert explain["max_allowable_offer"]["inputs"]["arv_estimate"] == 250000
        assert explain["expected_spread"]["missing"] == []
        assert "explain" not in operator("GET", f"/wholesale/{lead['id']}").json()

    @pytest.mark.parametrize("id", ["1", "pipe_1", "pipe_" + "0" * 26, "user_x", "board#", "a/b", "%2F", "pipe_~"])
    def test_an_unknown_id_is_not_found(self, operator, id):
        assert operator("GET", f"/wholesale/{id}").status == 404


class TestEdit:
    def test_fields_are_merged_and_cleared(self, operator, lead, round_trips):
        path = f"/wholesale/{lead['id']}"
        body = operator("PATCH", path, {"lead_source": "referral", "deal_id": "9", "repair_estimate": None}).json()
        assert round_trips() == 2
        assert (body["revision"], body["lead_source"], body["deal_id"], body["repair_estimate"]) == (2, "referral", "9", None)
        assert (body["arv_estimate"], body["max_allowable_offer"]) == (250000, None)
        assert operator("GET", path).json()["missing"] == ["repair_estimate"]

    def test_nested_objects_are_merged(self, operator, lead):
        path = f"/wholesale/{lead['id']}"
        body = operator(
            "PATCH", path, {"seller": {"name": None, "email": "a@b.cd"}, "property": {"address": {"city": "Tacoma"}, "sqft": 900}}
        ).json()
        assert body["seller"] == {"phone": "+12065550100", "email": "a@b.cd"}
        assert body["property"] == {"address": {**HOUSE["address"], "city": "Tacoma"}, "type": "house", "sqft": 900}
        assert operator("PATCH", path, {"seller": None}).json()["seller"] is None
        assert operator("PATCH", path, {"property": {"address": None}}).json()["property"] == {"type": "house", "sqft": 900}

    def test_a_next_action_must_keep_its_description(self, operator, lead):
        path = f"/wholesale/{lead['id']}"
        assert operator("PATCH", path, {"next_action": {"due_on": "2026-12-01"}}).status == 422
        assert operator("PATCH", path, {"next_action": {"what": "Call"}}).status == 200
        merged = operator("PATCH", path, {"next_action": {"due_on": "2026-12-01"}}).json()["next_action"]
        assert merged == {"what": "Call", "due_on": "2026-12-01"}
        assert operator("PATCH", path, {"next_action": {"what": None}}).status == 422

    def test_given_figures_are_kept_until_cleared(self, operator, lead):
        path = f"/wholesale/{lead['id']}"
        values = operator("PATCH", path, {"max_allowable_offer": 99000, "expected_spread": 1}).json()
        assert (values["max_allowable_offer"], values["mao_computed"], values["expected_spread"]) == (99000, 125000, 1)
        stored = operator("PATCH", path, {"arv_estimate": 300000}).json()
        assert (stored["max_allowable_offer"], stored["mao_computed"], stored["computed_fields"]) == (99000, 160000, [])
        cleared = operator("PATCH", path, {"max_allowable_offer": None, "expected_spread": None}).json()
        assert (cleared["max_allowable_offer"], cleared["expected_spread"]) == (160000, 15000)
        assert cleared["computed_fields"] == ["max_allowable_offer", "expected_spread"]

    def test_a_patch_without_changes_writes_nothing(self, operator, lead, round_trips):
        body = operator("PATCH", f"/wholesale/{lead['id']}", {"arv_estimate": 250000, "stage": "lead", "property": HOUSE}).json()
        assert round_trips() == 1
        assert body["revision"] == 1

    @pytest.mark.parametrize(
        "body",
        [{}, {"stage": None}, {"currency": None}, {"on_hold": None}, {"id": "x"}, {"revision": 3}, {"reason": "price"}, {"note": "x"}],
    )
    def test_invalid_patches_are_rejected(self, operator, lead, body):
        assert operator("PATCH", f"/wholesale/{lead['id']}", body).status == 422

    def test_an_outdated_revision_is_rejected(self, operator, lead):
        path = f"/wholesale/{lead['id']}"
        assert operator("PATCH", path, {"notes": "a"}, headers={"If-Match": '"1"'}).status == 200
        behind = operator("PATCH", path, {"notes": "b"}, headers={"If-Match": '"1"'})
        assert (behind.status, behind.json()["revision"]) == (412, 2)
        assert operator("PATCH", path, {"notes": "b"}, headers={"If-Match": operator("GET", path).headers["etag"]}).status == 200
        assert operator("DELETE", path, headers={"If-Match": '"1"'}).status == 412

    def test_the_price_required_by_a_stage_cannot_be_cleared(self, operator, lead):
        path = f"/wholesale/{lead['id']}"
        transition(operator, lead["id"], "offer_made", price=120000)
        assert operator("PATCH", path, {"offer_price": None}).json()["errors"][0]["loc"] == ["offer_price"]
        assert operator("PATCH", path, {"offer_price": 119000}).json()["expected_spread"] == 21000

    def test_amounts_must_fit_a_changed_currency(self, operator, lead):
        path = f"/wholesale/{lead['id']}"
        operator("PATCH", path, {"asking_price": Decimal("0.5")})
        assert operator("PATCH", path, {"currency": "JPY"}).json()["errors"][0]["loc"] == ["asking_price"]
        assert operator("PATCH", path, {"currency": "JPY", "asking_price": 1}).json()["currency"] == "JPY"
        logged = operator("POST", f"{path}/activities", {"event_type": "offer", "amount": 10})
        assert logged.json()["currency"] == "JPY"

    def test_costs_are_merged_and_checked_too(self, operator):
        path = f"/wholesale/{operator('POST', '/wholesale', {'costs': {'closing_ab': 1850, 'points_pct': Decimal('1.5')}}).json()['id']}"
        body = operator("PATCH", path, {"costs": {"closing_bc": Decimal("2400.50"), "points_pct": None}}).json()
        assert body["costs"] == {"closing_ab": 1850, "closing_bc": Decimal("2400.5")}
        assert operator("PATCH", path, {"currency": "JPY"}).json()["errors"][0]["loc"] == ["costs", "closing_bc"]

    def test_an_external_reference_can_move_to_another_pipeline(self, operator, lead):
        path = f"/wholesale/{lead['id']}"
        assert operator("PATCH", path, {"external_ref": "a"}).status == 200
        assert operator("POST", "/wholesale", {"external_ref": "a"}).status == 409
        assert operator("PATCH", path, {"external_ref": "b"}).status == 200
        other = operator("POST", "/wholesale", {"external_ref": "a"})
        assert other.status == 201
        assert operator("PATCH", path, {"external_ref": "a"}).json()["id"] == other.json()["id"]

    def test_lists_reflect_the_patch(self, operator, lead):
        operator("PATCH", f"/wholesale/{lead['id']}", {"property": {"address": {"postal_code": "97201"}}})
        assert operator("GET", "/wholesale", query={"market": "98101"}).json()["items"] == []
        assert operator("GET", "/wholesale", query={"market": "97201"}).json()["items"][0]["postal_code"] == "97201"


class TestDelete:
    def test_a_deleted_pipeline_is_gone_from_all_reads(self, operator, lead, round_trips):
        path = f"/wholesale/{lead['id']}"
        operator("PATCH", path, {"external_ref": "a"})
        operator("POST", f"{path}/activities", {"event_type": "call"})
        round_trips()
        response = operator("DELETE", path)
        assert (response.status, response.text) == (204, "")
        assert round_trips() == 2
        for method, suffix, body in [
            ("GET", "", None),
            ("PATCH", "", {"notes": "x"}),
            ("DELETE", "", None),
            ("GET", "/activities", None),
            ("POST", "/activities", {"event_type": "call"}),
            ("POST", "/stage", {"stage": "dead", "reason": "price"}),
            ("GET", "/history", None),
        ]:
            assert operator(method, path + suffix, body).status == 404, suffix
        for query in ({}, {"stage": "lead"}, {"owner": "user_operator"}, {"market": "981"}):
            assert operator("GET", "/wholesale", query=query).json()["items"] == []
        assert operator("POST", "/wholesale", {"external_ref": "a"}).status == 201

    def test_a_referenced_pipeline_cannot_be_deleted(self, operator, runtime, lead):
        key = encode_key(keys.reference_counter(lead["id"]))
        for change, status in ((1, 409), (-1, 204)):
            runtime.dynamodb.update_item(
                TableName=runtime.settings.table,
                Key=key,
                UpdateExpression="ADD refs :one",
                ExpressionAttributeValues={":one": {"N": str(change)}},
            )
            assert operator("DELETE", f"/wholesale/{lead['id']}").status == status


class TestExplain:
    """Wherever a pipeline's computed figures are answered, they explain themselves as GET /wholesale/{id} does."""

    @pytest.fixture
    def explain(self, operator):
        def call(method: str, path: str, body: Any = None, **query: str) -> Any:
            response = operator(method, path, body, query={**query, "explain": "true"})
            assert response.status < 300, response.text
            return response.json()

        return call

    def test_of_one(self, operator, explain):
        made = explain("POST", "/wholesale", {"arv_estimate": 250000, "repair_estimate": 35000})
        assert made["explain"]["max_allowable_offer"]["missing"] == ["assignment_fee_target"]
        path = f"/wholesale/{made['id']}"
        assert made["explain"] == explain("GET", path)["explain"]
        edited = explain("PATCH", path, {"assignment_fee_target": 15000})
        assert edited["explain"] == explain("GET", path)["explain"] != made["explain"]
        moved = explain("POST", f"{path}/stage", {"stage": "offer_made", "price": 120000})
        assert moved["explain"] == explain("GET", path)["explain"] != edited["explain"]
        for answer in (operator("GET", path), operator("PATCH", path, {"notes": "x"})):
            assert "explain" not in answer.json()

    @pytest.mark.parametrize(("path", "query", "trips"), [("/wholesale", {"stage": "lead"}, 2), ("/wholesale/stale", {}, 2)])
    def test_of_a_list(self, operator, explain, clock, round_trips, path, query, trips):
        ids = [operator("POST", "/wholesale", {"arv_estimate": arv}).json()["id"] for arv in (1, 2)]
        clock.now += timedelta(days=8)
        found = {item["id"]: item["explain"] for item in explain("GET", path, **query)["items"]}
        assert round_trips() == trips
        assert found == {id: explain("GET", f"/wholesale/{id}")["explain"] for id in ids}
        assert all("explain" not in item for item in operator("GET", path, query=query).json()["items"])


class TestList:
    @pytest.fixture
    def properties(self, operator, clock):
        made = []
        for code, source in [("98101", "mail"), ("98103", "web"), ("98103", "mail"), ("97201", "web"), ("SW1A 1AA", "web")]:
            clock.now += timedelta(days=1)
            country = "GB" if code.startswith("S") else "US"
            address = {"postal_code": code, "country": country}
            made.append(operator("POST", "/wholesale", {"property": {"address": address}, "lead_source": source}).json()["id"])
        return made

    def listed(self, operator: Any, properties: list[str], **query: str) -> list[int]:
        response = operator("GET", "/wholesale", query=query)
        assert response.status == 200, response.text
        return [properties.index(item["id"]) for item in response.json()["items"]]

    def test_newest_first_over_all_stages(self, operator, properties):
        transition(operator, properties[1], "dead", reason="price")
        assert self.listed(operator, properties) == [4, 3, 2, 1, 0]
        assert self.listed(operator, properties, stage="dead") == [1]
        assert self.listed(operator, properties, stage="lead") == [4, 3, 2, 0]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"market": "98103"}, [2, 1]),
            ({"market": "981"}, [2, 1, 0]),
            ({"market": "981*"}, [2, 1, 0]),
            ({"market": "9810"}, [2, 1, 0]),
            ({"market": "98103", "lead_source": "mail"}, [2]),
            ({"market": "981", "stage": "dead"}, []),
            ({"market": "981", "owner": "user_operator"}, [2, 1, 0]),
            ({"market": "981", "owner": "none"}, []),
            ({"market": "sw1a1aa", "country": "GB"}, [4]),
            ({"market": "sw1a1aa"}, []),
            ({"lead_source": "web"}, [4, 3, 1]),
            ({"owner": "user_operator", "lead_source": "mail"}, [2, 0]),
            ({"owner": "user_operator", "stage": "dead"}, []),
            ({"owner": "user_else"}, []),
            ({"created_from": "2026-11-27", "created_to": "2026-11-28"}, [3, 2]),
            ({"created_from": "2026-11-28"}, [4, 3]),
            ({"created_to": "2026-11-25"}, [0]),
            ({"market": "981", "created_from": "2026-11-26"}, [2, 1]),
            ({"created_from": "0001-01-01", "created_to": "9999-12-31"}, [4, 3, 2, 1, 0]),
            ({"created_from": "9999-12-31"}, []),
            ({"created_to": "0001-01-01"}, []),
            ({"created_from": "2026-11-27", "created_to": "2026-11-27"}, [2]),
        ],
        ids=str,
    )
    def test_filters_are_combined(self, operator, properties, query, expected):
        assert self.listed(operator, properties, **query) == expected

    @pytest.mark.parametrize("query", [{}, {"stage": "lead"}, {"owner": "user_operator"}, {"market": "981"}])
    def test_a_last_day_before_the_first_is_rejected(self, operator, query):
        response = operator("GET", "/wholesale", query={**query, "created_from": "2026-11-27", "created_to": "2026-11-26"})
        assert (response.status, response.json()["errors"][0]["loc"]) == (422, ["created_from"])

    @pytest.mark.parametrize("query", [{}, {"stage": "lead"}, {"owner": "user_operator"}, {"market": "981"}, {"lead_source": "web"}])
    def test_pages_return_every_item_once(self, operator, properties, query):
        whole = operator("GET", "/wholesale", query=query).json()["items"]
        ids, cursor = [], {}
        while cursor is not None:
            page = operator("GET", "/wholesale", query={**query, **cursor, "limit": "1"}).json()
            ids += page["items"]
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        assert ids == whole

    def test_a_page_of_one_partition_takes_one_round_trip(self, operator, properties, round_trips):
        for query in ({"stage": "lead"}, {"owner": "user_operator"}, {"market": "981"}):
            operator("GET", "/wholesale", query=query)
            assert round_trips() == 1
        operator("GET", "/wholesale")
        assert round_trips() == 6

    def test_a_summary_has_all_fields(self, operator, lead):
        item = operator("GET", "/wholesale").json()["items"][0]
        assert item["id"] == lead["id"]
        assert (item["city"], item["max_allowable_offer"], item["lead_source"], item["on_hold"]) == ("Seattle", 125000, None, False)

    def test_a_cursor_is_bound_to_its_list_and_caller(self, operator, client_as, properties):
        cursor = operator("GET", "/wholesale", query={"limit": "1"}).json()["next_cursor"]
        for query in ({"stage": "lead"}, {"market": "981"}):
            assert operator("GET", "/wholesale", query={**query, "cursor": cursor}).status == 400
        assert client_as("admin")("GET", "/wholesale", query={"cursor": cursor}).status == 400
        assert operator("GET", "/wholesale", query={"cursor": "forged"}).status == 400

    @pytest.mark.parametrize(
        "query",
        [{"stage": "banana"}, {"stage": ""}, {"limit": "0"}, {"limit": "201"}, {"market": "9"}, {"market": "- -"}, {"colour": "red"}],
    )
    def test_an_unknown_filter_is_rejected(self, operator, query):
        assert operator("GET", "/wholesale", query=query).status == 422
