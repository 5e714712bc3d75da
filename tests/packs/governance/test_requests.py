"""Asking for a decision."""

from datetime import timedelta

import pytest

from tests.packs.governance.governance_client import G, GovernanceClient, Office
from tests.packs.tasks.tasks_client import events, gate


def request_of(client: GovernanceClient, id: str):
    return client.ok("GET", f"{G}/requests/{id}")


class TestAsking:
    def test_one_is_pending_for_a_subject_and_an_act(self, office: Office):
        deal = office.deal()
        ann, bob = office.somebody("operator", user="user_ann"), office.somebody("counsel", user="user_bob")
        body = {"subject_type": "deal", "subject_id": deal, "requested_action": "finalize"}
        first = ann.call("POST", f"{G}/requests", {**body, "note": "Please"})
        assert first.status == 201
        assert first.headers["location"] == f"{G}/requests/{first.json()['id']}"
        again = ann.call("POST", f"{G}/requests", body)
        assert (again.status, again.json()) == (200, first.json()), "whoever asked changes nothing"
        second = bob.call("POST", f"{G}/requests", {**body, "note": "Me too"})
        assert second.status == 200
        assert second.json() | {"revision": 1, "updated_by": "user_ann"} == first.json() | {
            "requested_by": ["user_ann", "user_bob"],
            "notes": [{"by": "user_ann", "note": "Please"}, {"by": "user_bob", "note": "Me too"}],
        }
        other = ann.ask(deal, "sign")
        assert other["id"] != first.json()["id"]

    def test_what_is_answered(self, office: Office):
        deal = office.deal(value=300_000)
        made = office.operator.ask(deal)
        assert made["roles"] == ["King", "Queen"], "those whom the policy names"
        assert (made["status"], made["requested_by"], made["notes"], made["ended_at"], made["decision_id"]) == (
            "pending", ["user_operator"], [], None, None,
        )  # fmt: skip
        assert request_of(office.operator, made["id"]) == made
        assert office.operator.ask(deal, "sign")["roles"] == ["King", "Queen", "Tyr"], "without a policy those who may approve"
        assert office.operator.ask(office.operator.professional(), "*")["roles"] == ["King", "Queen", "Odin"]

    def test_each_role_that_is_asked_is_told_once(self, office: Office, runtime):
        deal = office.deal()
        for _ in range(2):
            asked = office.operator.ask(deal, "sign")
        told = events(runtime, "governance.requested")
        assert sorted(event.for_role for event in told) == ["King", "Queen", "Tyr"]
        assert {(event.subject_type, event.subject_id, event.data["request_id"]) for event in told} == {("deal", deal, asked["id"])}

    def test_a_repeated_request(self, office: Office):
        body = {"subject_type": "deal", "subject_id": office.deal(), "requested_action": "sign"}
        header = {"Idempotency-Key": "k"}
        first = office.operator.call("POST", f"{G}/requests", body, headers=header)
        again = office.operator.call("POST", f"{G}/requests", body, headers=header)
        assert (again.status, again.json(), again.headers["idempotent-replayed"]) == (201, first.json(), "true")

    def test_its_notes_are_bounded(self, office: Office):
        deal = office.deal()
        body = {"subject_type": "deal", "subject_id": deal, "requested_action": "sign"}
        for number in range(10):
            office.operator.ok("POST", f"{G}/requests", {**body, "note": f"{number}"})
        assert office.operator.expect_error(409, "POST", f"{G}/requests", {**body, "note": "10"})["code"] == "too_many_notes"
        assert len(office.operator.ask(deal, "sign", note="9")["notes"]) == 10, "one that is there"
        assert len(office.somebody("counsel").ask(deal, "sign")["requested_by"]) == 2, "without a note"

    def test_who_may_ask(self, office: Office):
        deal = office.operator.deal(owner="user_operator")
        body = {"subject_type": "deal", "subject_id": deal, "requested_action": "sign"}
        for role, status in (("admin", 201), ("counsel", 200), ("auditor", 403), ("viewer", 403), ("dealmaker", 403), ("King", 403)):
            assert office.somebody(role).call("POST", f"{G}/requests", body).status == status, role
        maker = office.somebody("dealmaker", user="user_d")
        maker.ask(maker.deal())

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"subject_type": "professional"}, 422),
            ({"subject_type": "task"}, 422),
            ({"requested_action": "sing"}, 422),
            ({"subject_id": "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T"}, 404),
            ({"subject_id": "nothing"}, 404),
        ],
    )
    def test_what_is_refused(self, office: Office, body, status):
        given = {"subject_type": "deal", "subject_id": office.deal(), "requested_action": "sign", **body}
        office.operator.expect_error(status, "POST", f"{G}/requests", given)

    def test_it_keeps_its_deal(self, office: Office):
        deal = office.deal()
        office.operator.ask(deal)
        assert gate(office.runtime, deal)["refs"] == 1


class TestItsEnd:
    def test_it_ends_with_the_decision_that_settles_it(self, office: Office, king, queen):
        deal = office.deal(value=300_000)
        asked = office.operator.ask(deal)
        king.decide(deal, requested_action="finalize")
        assert request_of(king, asked["id"])["status"] == "pending"
        last = queen.decide(deal, "Queen")
        ended = request_of(king, asked["id"])
        assert (ended["status"], ended["decision_id"], ended["ended_at"]) == ("approved", last["id"], "2026-11-24T18:00:00.000Z")
        new = office.operator.call("POST", f"{G}/requests", {"subject_type": "deal", "subject_id": deal, "requested_action": "finalize"})
        assert (new.status, new.json()["id"] != asked["id"]) == (201, True)

    def test_a_denial_ends_it_too(self, office: Office, tyr):
        deal = office.deal(value=300_000)
        asked = office.operator.ask(deal)
        tyr.decide(deal, "Tyr", "deny", requested_action="finalize")
        assert request_of(tyr, asked["id"])["status"] == "denied"

    def test_a_flag_or_a_decision_on_another_act_doesnt(self, office: Office, king):
        deal = office.deal()
        asked = office.operator.ask(deal, "sign")
        king.decide(deal, action="flag")
        king.decide(deal, requested_action="waive")
        assert request_of(king, asked["id"])["status"] == "pending"

    def test_of_several_acts_those_end_that_are_settled(self, office: Office, king):
        deal = office.deal(value=300_000)
        asked = {act: office.operator.ask(deal, act)["id"] for act in ("finalize", "sign", "waive", "*")}
        king.decide(deal)
        ended = {act: request_of(king, id)["status"] for act, id in asked.items()}
        assert ended == {"finalize": "pending", "sign": "approved", "waive": "pending", "*": "approved"}

    def test_the_approval_of_who_asks_later_counts_no_more(self, office: Office, queen):
        deal = office.deal(value=300_000)
        both = office.holder("King", roles=("operator",))
        both.decide(deal, requested_action="finalize")
        queen.decide(deal, "Queen", requested_action="finalize")
        assert queen.standing(deal)["verdict"] == "approved"
        both.ask(deal)
        assert (queen.standing(deal)["verdict"], queen.standing(deal)["people"]) == ("pending", 1)

    def test_nor_does_that_of_who_becomes_the_owner(self, office: Office, queen):
        deal = office.deal(value=300_000)
        both = office.holder("King", roles=("operator",), user="user_both")
        both.decide(deal)
        queen.decide(deal, "Queen")
        office.operator.ok("PATCH", f"/deals/{deal}", {"owner": "user_both"})
        assert (queen.standing(deal)["verdict"], queen.standing(deal)["people"]) == ("pending", 1)


class TestPending:
    def test_of_a_role_or_of_ones_own(self, office: Office, clock):
        ids = {}
        for subject, act in ((office.deal(value=300_000), "finalize"), (office.deal(), "sign"), (office.operator.professional(), "*")):
            clock.now += timedelta(seconds=1)
            ids[act] = office.operator.ask(subject, act)["id"]
        by_role = {"King": ["*", "sign", "finalize"], "Tyr": ["sign"], "Odin": ["*"], "Loki": []}
        for role, acts in by_role.items():
            assert [row["id"] for row in office.operator.list(f"{G}/pending", role=role)] == [ids[act] for act in acts]
            assert [row["id"] for row in office.somebody(role).list(f"{G}/pending", limit="1")] == [ids[act] for act in acts]
        assert office.operator.list(f"{G}/pending") == []
        office.operator.expect_error(422, "GET", f"{G}/pending", query={"role": "Thor"})

    def test_without_what_has_ended(self, office: Office, king):
        deal = office.deal()
        office.operator.ask(deal, "sign")
        king.decide(deal)
        assert king.list(f"{G}/pending", role="King") == []

    def test_what_a_row_shows(self, office: Office):
        deal = office.deal()
        made = office.operator.ask(deal, "sign")
        (row,) = office.operator.list(f"{G}/pending", role="Tyr")
        assert row == {name: made[name] for name in row}
        assert set(row) == {"id", "subject_type", "subject_id", "requested_action", "roles", "requested_by", "created_at"}


def test_a_verdict_with_a_rate(office: Office, king, clock):
    """CAD 350,000 are above USD 250,000 on that day, CAD 349,000 aren't (domain rule D31)."""
    clock.now = clock.now.replace(month=10, day=30)
    office.somebody("admin").ok(
        "PUT", "/holdings/fx-rates", {"base": "EUR", "date": "2026-10-30", "rates": {"USD": "1.1172", "CAD": "1.5606"}}
    )
    for value, required in ((350_000, True), (349_000, False), (None, True)):
        deal = office.deal(**({"value": value} if value else {}), currency="CAD")
        assert king.standing(deal)["required"] is required, value
    assert king.standing(office.deal(value=1, currency="KWD"))["required"], "there is no rate"
