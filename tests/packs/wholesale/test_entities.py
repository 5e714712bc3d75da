"""Pipelines and activities in the table: keys, views, what the indexes cost."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import codec
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.wholesale import PACK
from chalicelib.packs.wholesale.entities import (
    Activity,
    Pipeline,
    PipelineActivityState,
    board_days,
    board_sums,
    funnel_intervals,
    funnel_month,
    to_pricing_inputs,
)
from chalicelib.packs.wholesale.projections import contribute
from chalicelib.packs.wholesale.subjects import PIPELINE

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
ID = "pipe_01KJQV9Z809112W5D0DA693FQT"


def pipeline(**values: Any) -> Pipeline:
    plain: dict[str, Any] = {
        "id": ID,
        "revision": 1,
        **dict.fromkeys(("created_at", "updated_at", "stage_entered_at"), NOW),
        **dict.fromkeys(("created_by", "updated_by", "stage_entered_by"), "user_ada"),
        **dict.fromkeys(("request_id", "correlation_id"), "r"),
        "stage": "lead",
        "stage_entered_on": date(2026, 3, 2),
        "cohort": "2026-03",
        "highest_stage": "lead",
        "stays": {},
        "currency": "USD",
        "suited_for": [],
        "tags": [],
        "on_hold": False,
    }
    return Pipeline.from_values(**{**plain, **values})


def image(**values: Any) -> dict[str, Any]:
    return codec.decode_item(pipeline(**values).to_item())


class TestKeys:
    def test_a_pipeline_is_found_by_stage_and_owner(self):
        item = pipeline(owner="user_ada").to_item()
        assert (item["pk"]["S"], item["sk"]["S"]) == (ID, "~")
        assert (item["gsi1pk"]["S"], item["gsi1sk"]["S"]) == ("PIPE#lead#0", ID)
        assert (item["gsi2pk"]["S"], item["gsi2sk"]["S"]) == ("PIPE#OWN#user_ada", ID)
        assert "gsi3pk" not in item
        assert "gsi4pk" not in item

    def test_index_keys_by_market_and_reminder(self):
        item = pipeline(property={"address": {"postal_code": "98103-1234"}}, alarm_on=date(2026, 3, 6)).to_item()
        assert (item["gsi4pk"]["S"], item["gsi4sk"]["S"]) == ("PIPE#MKT#US#981", f"981031234#{ID}")
        assert (item["gsi3pk"]["S"], item["gsi3sk"]["S"]) == ("DUE#contract-alarm#0", f"2026-03-06#{ID}")

    def test_a_deleted_pipeline_is_in_no_index_but_that_of_what_is_purged(self):
        gone = pipeline(property={"address": {"postal_code": "98103"}}, deleted_at=NOW, deleted_by="user_ada").to_item()
        assert [name for name in gone if name.startswith("gsi") or name == "view"] == ["gsi3pk", "gsi3sk"]
        assert gone["gsi3pk"] == {"S": "DUE#deleted#0"}

    def test_an_activity_is_in_the_partition_of_its_pipeline(self):
        id = Activity.ID.new(NOW, parent=ID)
        assert Activity.ID.key(id) == ItemKey(ID, f"Y#{id}")
        assert "Y#" < "Y#~" < "~"
        with pytest.raises(NotFound):
            Activity.ID.key(ID)

    def test_caller_text_is_escaped_in_keys(self):
        assert Pipeline.BY_MARKET.range(market_country="U#", market_area="98#").pk == "PIPE#MKT#U%23#98%23"

    def test_partitions(self):
        assert (Pipeline.BY_STAGE.range(stage="lead").pk, Pipeline.BY_OWNER.range(owner=None).pk) == ("PIPE#lead#0", "PIPE#OWN#none")
        assert (board_sums("lead", "USD"), board_days("lead", "2026-03")) == (("BOARD", "lead#sum#USD"), ("BOARD", "lead#day#2026-03"))
        assert (funnel_month("2026-03"), funnel_intervals("2026-03", "lead")) == (("FUNNEL", "2026-03"), ("FUNNEL", "2026-03#lead"))


class TestView:
    def test_the_largest_list_view_is_small(self):
        address = {"line1": "😀" * 200, "city": "😀" * 200, "postal_code": "9" * 20}
        money = dict.fromkeys(("asking_price", "arv_estimate", "max_allowable_offer", "expected_spread"), Decimal("9999999999999.99"))
        largest = pipeline(
            **money,
            seller={"name": "x" * 200},
            property={"address": address},
            owner="user_" + "x" * 60,
            lead_source="x" * 100,
            next_action={"what": "x", "due_on": "2026-03-02"},
            offer_price=Decimal(1),
            repair_estimate=Decimal(1),
        )
        assert len(largest.to_item()["view"]["S"].encode()) < 1500

    def test_a_typical_list_view_is_half_a_kilobyte(self):
        usual = pipeline(
            seller={"name": "Ada Byron"},
            property={"address": {"line1": "1201 Pine Street", "city": "Seattle", "postal_code": "98101"}},
            owner="user_01KJQV9Z809112W5D0DA693FQT",
            lead_source="direct mail",
            asking_price=Decimal(180000),
            arv_estimate=Decimal(250000),
            repair_estimate=Decimal(35000),
            assignment_fee_target=Decimal(15000),
        )
        assert len(usual.to_item()["view"]["S"].encode()) <= 500

    def test_an_edit_of_notes_changes_no_index_key(self):
        before = pipeline(owner="user_ada", property={"address": {"postal_code": "98103"}})
        after = Pipeline.from_values(**{**before.attribute_values, "notes": "x", "revision": 2, "updated_by": "user_bob"})
        projected = [name for name in before.to_item() if name.startswith("gsi") or name in ("view", "kind")]
        assert {name: before.to_item()[name] for name in projected} == {name: after.to_item()[name] for name in projected}


class TestNumbers:
    def test_inputs_are_equal_from_attributes_and_from_an_item(self):
        values = {"arv_estimate": Decimal("250000"), "repair_estimate": Decimal("35000.50"), "costs": {"points_pct": Decimal("1.5")}}
        one = pipeline(**values, exit_strategy="double_close")
        assert to_pricing_inputs(codec.decode_item(one.to_item())) == to_pricing_inputs(one.attribute_values)
        assert Pipeline.from_item(one.to_item()).pricing == one.pricing

    def test_the_default_rule_is_seventy(self):
        assert pipeline().pricing_inputs.rule_pct == 70
        assert pipeline(rule_pct=Decimal(65)).pricing_inputs.rule_pct == 65


class TestSubject:
    def test_facts_of_a_pipeline(self):
        subject = SubjectRegistry([PACK]).parse(
            ID, pipeline(owner="user_ada", created_by="user_bob", contract_price=Decimal(118000)).to_item(), date(2026, 11, 24)
        )
        assert (subject.type, subject.requested_by, subject.facts["value"], subject.facts["stage"]) == (
            "pipeline",
            "user_ada",
            118000,
            "lead",
        )

    def test_an_approval_is_bound_to_the_contract(self):
        def digest(**values: Any) -> str:
            return PIPELINE.content_hash(pipeline(**values), {})

        assert digest(notes="x") == digest(notes="y") == digest()
        assert digest(contract_price=Decimal(1)) != digest(contract_price=Decimal(2))


class TestActivityState:
    STATE = PipelineActivityState.at(
        ItemKey(ID, "!"),
        refs=0,
        opened_at=NOW,
        last_activity_at=NOW,
        last_day=date(2026, 3, 2),
        currency="USD",
        watched=True,
        owner="user_ada",
        follow_up_on=date(2026, 3, 9),
    )

    def test_the_state_survives_a_round_trip_through_its_item(self):
        for state in (self.STATE, self.STATE.with_values(owner=None, raised_since=date(2026, 3, 2), raised_days=7)):
            assert PipelineActivityState.from_item(state.to_item()).attribute_values == state.attribute_values

    def test_only_a_watched_state_has_index_partitions(self):
        keys = self.STATE.index_keys()
        assert (keys["gsi1pk"], keys["gsi1sk"]) == ("QUIET#0", f"2026-03-02#{ID}")
        assert (keys["gsi3pk"], keys["gsi3sk"]) == ("DUE#follow-up#0", f"2026-03-09#{ID}")
        unwatched = self.STATE.with_values(watched=False).index_keys()
        assert unwatched == {"gsi1sk": keys["gsi1sk"], "gsi3sk": keys["gsi3sk"]}  # where it comes back to


class TestContribution:
    def test_of_a_lead(self):
        values = {"arv_estimate": Decimal(250000), "repair_estimate": Decimal(35000), "assignment_fee_target": Decimal(15000)}
        assert contribute(image(**values)) == {
            ("BOARD", "lead#sum#USD"): {"count": 1, "arv": 250000, "fees": 15000},
            ("BOARD", "lead#day#2026-03"): {"d02": 1},
            ("FUNNEL", "2026-03"): {"created": 1, "top_lead": 1},
        }

    def test_of_one_under_contract(self):
        values = {"arv_estimate": Decimal(250000), "repair_estimate": Decimal(35000), "contract_price": Decimal(118000)}
        stays = {"lead": {"3": 1}, "offer_made": {"4": 2}}
        contribution = contribute(image(**values, stage="under_contract", highest_stage="under_contract", stays=stays, currency="CAD"))
        assert contribution["BOARD", "under_contract#sum#CAD"] == {"count": 1, "arv": 250000, "spread": 22000}
        assert contribution["FUNNEL", "2026-03"] == {"created": 1, "top_under_contract": 1, "spread_CAD": 22000}
        assert contribution["FUNNEL", "2026-03#offer_made"] == {"t4": 2}

    def test_a_dead_pipeline_counts_for_the_funnel_without_spread(self):
        values = {"arv_estimate": Decimal(250000), "repair_estimate": Decimal(35000), "contract_price": Decimal(118000)}
        contribution = contribute(image(**values, stage="dead", highest_stage="under_contract"))
        assert contribution["FUNNEL", "2026-03"] == {"created": 1, "top_under_contract": 1}
