"""Deciding: who may, what bars it, what becomes of it."""

from datetime import timedelta

import pytest

from tests.packs.governance.governance_client import D, G, GovernanceClient, Office, tomorrow

FINAL = {"is_final": True}


def iso(instant):
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TestWho:
    def test_the_users_row_is_read_and_not_the_token(self, office: Office):
        deal = office.deal()
        client = office.holder("King", user="user_k")
        client.decide(deal)
        office.set_user("user_k", roles=["viewer"])
        client.refused(403, deal, action="deny")
        by_token_alone = office.somebody("viewer", "King", user="user_t")
        office.set_user("user_t", roles=["viewer"])
        by_token_alone.refused(403, deal)

    def test_a_role_that_one_doesnt_hold(self, office: Office, king):
        king.refused(403, office.deal(), role="Queen")

    def test_who_has_a_first_password_decides_nothing(self, office: Office):
        office.holder("King", password_is_initial=True).refused(403, office.deal())

    def test_who_was_deactivated_is_refused(self, office: Office):
        client = office.holder("King", is_active=False)
        client.refused(401, office.deal())

    def test_no_api_key_decides(self, office: Office, context):
        from dataclasses import replace

        from chalicelib.foundation.errors import Forbidden
        from chalicelib.packs.governance.schemas import DecisionCreate
        from chalicelib.packs.governance.service.decisions import create_decision

        deal = office.deal()
        ctx = context("admin", user="user_king")
        ctx.actor = replace(ctx.actor, kind="api_key", session="key_1")
        office.holder("King")
        with pytest.raises(Forbidden):
            create_decision(ctx, DecisionCreate(**GovernanceClient.decision(deal)))

    def test_creator_and_owner_are_barred(self, office: Office):
        maker = office.holder("King", user="user_m", roles=("operator",))
        owner = office.holder("Queen", user="user_o", roles=("operator",))
        deal = maker.deal(owner="user_o")
        maker.refused(403, deal)
        owner.refused(403, deal, role="Queen")
        office.holder("King", user="user_n").decide(deal)

    def test_who_asked_is_barred_for_what_they_asked(self, office: Office):
        deal = office.deal()
        asker = office.holder("King", roles=("operator",))
        asker.ask(deal, "finalize")
        asker.refused(403, deal, requested_action="finalize")
        asker.refused(403, deal, requested_action="*")
        asker.decide(deal, requested_action="waive")

    def test_who_asked_for_every_act_is_barred_for_each(self, office: Office):
        deal = office.deal()
        asker = office.holder("King", roles=("operator",))
        asker.ask(deal, "*")
        asker.refused(403, deal, requested_action="finalize")

    def test_users_of_one_professional_are_one_person(self, office: Office):
        pro = office.operator.professional()
        maker = office.somebody("operator", user="user_a", professional_id=pro)
        office.set_user("user_a", roles=["operator"], professional_id=pro)
        deal = maker.deal()
        office.holder("King", user="user_b", professional_id=pro).refused(403, deal)
        other = office.deal()
        office.holder("King", user="user_b", professional_id=pro).decide(other)
        office.holder("Queen", user="user_c", professional_id=pro).decide(other, "Queen")
        assert office.operator.standing(other)["people"] == 1
        assert office.operator.states(other) == ["superseded", "standing"]

    def test_a_professional_doesnt_decide_on_themselves(self, office: Office):
        pro = office.operator.professional()
        office.holder("King", user="user_b", professional_id=pro).refused(403, pro)

    @pytest.mark.parametrize(
        ("role", "action", "allowed"),
        [
            ("King", "override", ("deal", "pro")),
            ("Queen", "override", ("deal", "pro")),
            ("Odin", "approve", ("pro",)),
            ("Odin", "override", ()),
            ("Tyr", "deny", ("deal",)),
            ("Tyr", "override", ()),
            ("Loki", "approve", ()),
            ("Loki", "deny", ()),
            ("Loki", "flag", ("deal", "pro")),
        ],
    )
    def test_what_each_role_may_do(self, office: Office, role, action, allowed):
        subjects = {"deal": office.deal(), "pro": office.operator.professional()}
        holder = office.holder(role)
        for kind, subject in subjects.items():
            if kind in allowed:
                holder.decide(subject, role, action)
            else:
                holder.refused(403, subject, role, action)

    @pytest.mark.parametrize(
        ("role", "action", "status"),
        [("King", "approve", 201), ("Queen", "deny", 201), ("Tyr", "deny", 201), ("Tyr", "approve", 403)],
    )
    def test_whose_decisions_may_be_final(self, office: Office, role, action, status):
        answer = office.holder(role).call("POST", D, GovernanceClient.decision(office.deal(), role, action, **FINAL))
        assert answer.status == status


class TestForm:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"action": "deny", "reason": None}, "reason"),
            ({"action": "flag", "reason": ""}, "reason"),
            ({"action": "flag", "is_final": True}, "is_final"),
            ({"action": "flag", "expires_at": "2026-12-01T00:00:00Z"}, "expires_at"),
            ({"expires_at": "2026-11-24T18:00:00Z"}, "expires_at"),
            ({"action": "override", "review_date": None}, "review_date"),
            ({"action": "override", "review_date": "2026-11-23"}, "review_date"),
            ({"action": "override", "review_date": "2026-12-25"}, "review_date"),
            ({"review_date": "2026-12-01"}, "review_date"),
            ({"action": "praise"}, "action"),
            ({"role": "Thor"}, "role"),
            ({"requested_action": "sing"}, "requested_action"),
            ({"subject_type": "buyer"}, "subject_type"),
            ({"subject_type": "professional"}, "subject_id"),
        ],
    )
    def test_what_is_refused(self, office: Office, king, body, field):
        action = body.pop("action", "approve")
        problem = king.expect_error(422, "POST", D, {**king.decision(office.deal(), "King", action), **body})
        assert [error["loc"] for error in problem["errors"]] == [[field]]

    def test_the_bounds_of_a_review(self, office: Office, king):
        for day in ("2026-11-24", "2026-12-24"):
            king.decide(office.deal(), action="override", review_date=day)

    def test_what_names_nothing(self, office: Office, king):
        king.refused(404, "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
        king.refused(404, office.deal(), resolves="dec_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T")
        king.refused(404, office.deal(), resolves="nonsense")

    def test_a_deal_by_its_external_reference(self, office: Office, king):
        deal = office.deal(external_ref="17")
        body = {**king.decision(deal), "subject_id": 17}
        assert king.ok("POST", D, body)["subject_id"] == deal
        assert len(king.decisions("17")) == 1

    def test_it_never_changes(self, office: Office, king):
        made = king.decide(office.deal())
        for method in ("PUT", "PATCH", "DELETE"):
            assert king.call(method, f"{D}/{made['id']}", {"reason": "x"}).status == 405

    def test_what_is_answered(self, office: Office, king):
        deal = office.deal()
        made = king.decide(deal, conditions="Once only", expires_at="2026-12-01T00:00:00Z", requested_action="finalize")
        assert made | {"id": "", "subject_hash": ""} == {
            "id": "",
            "revision": 1,
            "created_at": "2026-11-24T18:00:00.000Z",
            "created_by": "user_king",
            "updated_at": "2026-11-24T18:00:00.000Z",
            "updated_by": "user_king",
            "subject_type": "deal",
            "subject_id": deal,
            "number": 1,
            "role": "King",
            "action": "approve",
            "requested_action": "finalize",
            "reason": None,
            "is_final": False,
            "conditions": "Once only",
            "expires_at": "2026-12-01T00:00:00.000Z",
            "review_date": None,
            "resolves": None,
            "subject_hash": "",
            "policy_version": 1,
            "state": "standing",
        }
        assert king.ok("GET", f"{D}/{made['id']}") == made

    def test_a_repeated_request_is_answered_again(self, office: Office, king):
        deal = office.deal()
        header = {"Idempotency-Key": "k"}
        first = king.ok("POST", D, king.decision(deal, is_final=True), headers=header)
        assert king.ok("POST", D, king.decision(deal, is_final=True), headers=header) == first
        assert len(king.decisions(deal)) == 1


class TestFinals:
    def test_a_final_bars_all_but_an_override(self, office: Office, king, queen, tyr):
        deal = office.deal(value=1)
        final = tyr.decide(deal, "Tyr", "deny", requested_action="finalize", **FINAL)
        for who, role, action in ((king, "King", "approve"), (queen, "Queen", "deny"), (king, "King", "flag"), (tyr, "Tyr", "deny")):
            problem = who.refused(409, deal, role, action, requested_action="finalize")
            assert (problem["code"], problem["decision_id"]) == ("final", final["id"])
        king.decide(deal, requested_action="sign")
        king.decide(deal, action="override", requested_action="finalize")
        assert king.standing(deal)["verdict"] == "approved"

    def test_one_of_every_act_bars_all(self, office: Office, king, queen):
        deal = office.deal()
        king.decide(deal, action="deny", **FINAL)
        queen.refused(409, deal, "Queen", requested_action="sign")

    def test_nobody_overrides_their_own_final(self, office: Office, queen):
        deal = office.deal()
        queen.decide(deal, "Queen", "deny", **FINAL)
        queen.refused(403, deal, "Queen", "override")

    def test_the_kings_final_is_overridden_by_another_king(self, office: Office, king, queen):
        deal = office.deal()
        king.decide(deal, action="deny", **FINAL)
        queen.refused(403, deal, "Queen", "override")
        king.refused(403, deal, action="override")
        office.holder("King", user="user_other").decide(deal, action="override")
        assert king.states(deal) == ["overridden", "standing"]

    def test_the_queens_final_by_a_king(self, office: Office, king, queen):
        deal = office.deal()
        queen.decide(deal, "Queen", **FINAL)
        king.decide(deal, action="override")
        assert king.states(deal) == ["overridden", "standing"]

    def test_an_override_that_ran_out_ends_it_no_more(self, office: Office, king, queen, clock):
        deal = office.deal(value=1)
        queen.decide(deal, "Queen", "deny", **FINAL)
        king.decide(deal, action="override", expires_at=iso(clock.now + timedelta(hours=1)))
        assert king.standing(deal)["verdict"] == "approved"
        tomorrow(clock)
        assert king.standing(deal)["verdict"] == "denied"
        assert king.states(deal) == ["standing", "lapsed"]
        king.refused(409, deal, action="approve")

    def test_the_latest_final(self, office: Office, king, queen):
        deal = office.deal()
        path = f"{D}/subject/deal/{deal}/latest-final"
        answer = king.call("GET", path)
        assert (answer.status, answer.json()) == (200, None)
        king.decide(deal)
        first = queen.decide(deal, "Queen", "deny", **FINAL)
        assert king.ok("GET", path)["id"] == first["id"]
        final = king.decide(deal, action="override", **FINAL)
        assert king.ok("GET", path)["id"] == final["id"]


class TestFlags:
    def test_a_flag_is_resolved_by_another_persons_approval(self, office: Office, king, queen):
        deal = office.deal()
        flag = king.decide(deal, action="flag")
        assert [one["id"] for one in king.standing(deal)["flags"]] == [flag["id"]]
        assert king.refused(409, deal, resolves=flag["id"])["code"] == "own_flag"
        assert queen.refused(409, deal, "Queen", "deny", resolves=flag["id"])["code"] == "not_resolving"
        assert queen.refused(409, office.deal(), "Queen", resolves=flag["id"])["code"] == "not_a_flag"
        approval = queen.decide(deal, "Queen", resolves=flag["id"])
        assert king.states(deal) == ["resolved", "standing"]
        assert king.standing(deal)["flags"] == []
        assert queen.refused(409, deal, "Queen", resolves=flag["id"])["code"] == "not_a_flag"
        assert king.refused(409, deal, resolves=approval["id"])["code"] == "not_a_flag"

    def test_it_doesnt_go_stale(self, office: Office, king):
        deal = office.deal()
        king.decide(deal, action="flag")
        office.operator.ok("PATCH", f"/deals/{deal}", {"value": 7})
        assert king.states(deal) == ["standing"]


class TestContent:
    @pytest.mark.parametrize(
        ("change", "state"),
        [
            ({"value": 7}, "stale"),
            ({"kind": "sale"}, "stale"),
            ({"currency": "EUR"}, "stale"),
            ({"title": "x"}, "standing"),
            ({"notes": "x"}, "standing"),
        ],
    )
    def test_an_approval_is_of_the_content(self, office: Office, king, change, state):
        deal = office.deal()
        king.decide(deal)
        office.operator.ok("PATCH", f"/deals/{deal}", change)
        assert king.states(deal) == [state]

    def test_so_is_it_of_the_price_of_the_deals_pipeline(self, office: Office, king):
        lead = {"contract_price": 100, "property": {"address": {"postal_code": "98101"}}}
        pipe = office.operator.ok("POST", "/wholesale", lead)["id"]
        deal = office.deal(kind="wholesale", pipeline_id=pipe)
        king.decide(deal)
        assert king.states(deal) == ["standing"]
        office.operator.ok("PATCH", f"/wholesale/{pipe}", {"contract_price": 101})
        assert king.states(deal) == ["stale"]

    def test_and_of_its_contracts(self, office: Office, king, context):
        from chalicelib.foundation.store.transactions import Transaction
        from chalicelib.packs.deals import public as deals

        deal, ctx = office.deal(), context("operator")
        king.decide(deal)
        for add, remove, state in ((None, None, "standing"), ("ctr_1=aa", None, "stale"), (None, "ctr_1=aa", "standing")):
            tx = Transaction(ctx.store)
            deals.change(ctx, tx, deal, add_contract=add, remove_contract=remove)
            tx.commit()
            assert king.states(deal) == [state]

    def test_a_stale_approval_counts_nothing(self, office: Office, king, queen):
        deal = office.deal(value=300_000)
        for who, role in ((king, "King"), (queen, "Queen")):
            who.decide(deal, role, requested_action="finalize")
        assert king.standing(deal)["verdict"] == "approved"
        office.operator.ok("PATCH", f"/deals/{deal}", {"value": 300_001})
        assert king.standing(deal) | {"subject_hash": ""} == {
            "requested_action": "finalize",
            "verdict": "pending",
            "required": True,
            "people_needed": 2,
            "people": 0,
            "decisions": [],
            "flags": [],
            "subject_hash": "",
        }


class TestLists:
    def test_of_a_subject_the_oldest_first(self, office: Office, king, queen):
        deal = office.deal()
        made = [king.decide(deal, requested_action="sign"), queen.decide(deal, "Queen"), king.decide(deal)]
        king.decide(office.deal())
        found = king.list(f"{D}/subject/deal/{deal}", limit="2")
        assert [one["id"] for one in found] == [one["id"] for one in made]
        assert [one["number"] for one in found] == [1, 2, 3]
        assert [one["state"] for one in found] == ["superseded", "standing", "standing"]

    def test_what_is_no_type_or_names_nothing(self, office: Office, king):
        deal = office.deal()
        for path in (
            f"buyer/{deal}",
            f"professional/{deal}",
            "deal/deal_x",
            "deal/deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T",
            f"deal/{office.operator.professional()}",
        ):
            for end in ("", "/latest-final", "/standing"):
                king.expect_error(404, "GET", f"{D}/subject/{path}{end}")

    def test_by_role_the_newest_first(self, office: Office, king, queen, clock):
        made = []
        for _ in range(3):
            clock.now += timedelta(seconds=1)
            made.append(king.decide(office.deal())["id"])
        queen.decide(office.deal(), "Queen")
        assert [one["id"] for one in king.list(f"{D}/by-role/King", limit="2")] == made[::-1]
        king.expect_error(404, "GET", f"{D}/by-role/king")

    def test_every_type_of_subject(self, office: Office, king):
        call = office.operator.ok
        pro = office.operator.professional()
        pipe = call("POST", "/wholesale", {"contract_price": 100, "property": {"address": {"postal_code": "98101"}}})["id"]
        subjects = {
            "professional": pro,
            "retainer": call("POST", "/pros/retainers", {"professional_id": pro, "name": "Monthly", "monthly_hours_included": 10})["id"],
            "pipeline": pipe,
            "holding": call("POST", "/holdings", {"asset_type": "cash", "currency": "USD", "value_estimate": 5})["id"],
        }
        for type, id in subjects.items():
            made = king.decide(id)
            assert king.ok("GET", f"{D}/{made['id']}") == made
            assert king.states(id, type) == ["standing"]
            assert king.standing(id, "*", type)["verdict"] == "approved"

    def test_what_was_decided_on_isnt_deleted(self, office: Office, king):
        deal, pro = office.deal(), office.operator.professional()
        for id, path in ((deal, f"/deals/{deal}"), (pro, f"/pros/scorecard/professionals/{pro}")):
            made = king.decide(id)
            problem = office.operator.expect_error(409, "DELETE", path)
            assert (problem["code"], problem["held_by"]) == ("referred_to", [made["id"]])

    def test_a_decision_raises_the_version_of_its_deal(self, office: Office, king):
        from tests.packs.tasks.tasks_client import gate

        deal = office.deal()
        before = gate(office.runtime, deal)
        king.decide(deal)
        after = gate(office.runtime, deal)
        assert (after["ver"], after["refs"]) == (before["ver"] + 1, before["refs"] + 1)

    def test_no_more_than_the_subject_takes(self, office: Office, king, monkeypatch):
        from chalicelib.packs.governance.service import decisions

        monkeypatch.setattr(decisions, "MAX_DECISIONS", 1)
        deal = office.deal()
        king.decide(deal)
        assert king.refused(409, deal, action="deny")["code"] == "too_many_decisions"


class TestLimitedReaders:
    """A dealmaker reads what was decided on their own deals."""

    def test_what_a_dealmaker_reads(self, office: Office, king):
        maker = office.somebody("dealmaker", user="user_d")
        own, others = maker.deal(), office.operator.deal(owner="user_operator")
        for deal in (own, others):
            made = king.decide(deal, action="override")
            status = 200 if deal is own else 404
            for path in (
                f"{D}/{made['id']}",
                f"{D}/subject/deal/{deal}",
                f"{D}/subject/deal/{deal}/standing",
                f"{D}/subject/deal/{deal}/latest-final",
            ):
                assert maker.call("GET", path).status == status, path
            asked = office.operator.ask(deal)
            assert maker.call("GET", f"{G}/requests/{asked['id']}").status == status
        pro = office.operator.professional()
        maker.expect_error(404, "GET", f"{D}/subject/professional/{pro}")
        for path in (f"{D}/by-role/King", f"{G}/overrides", f"{G}/pending"):
            query = {"role": "King"} if path.endswith("pending") else {}
            assert {row["subject_id"] for row in maker.list(path, **query)} == {own}
            assert {row["subject_id"] for row in office.operator.list(path, **query)} == {own, others}

    def test_another_role_lifts_the_limit(self, office: Office, king):
        deal = office.operator.deal(owner="user_operator")
        king.decide(deal)
        both = office.somebody("dealmaker", "counsel", user="user_b")
        assert len(both.decisions(deal)) == 1
