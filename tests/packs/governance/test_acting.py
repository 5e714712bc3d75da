"""Policies block what they should: assigning, renewing, matching."""

from datetime import timedelta

import pytest

from tests.packs.governance.governance_client import D, G, GovernanceClient, Office, tomorrow

P = f"{G}/policies"
ASSIGN = {
    "requested_action": "assign",
    "subject_type": "assignment",
    "above": 130_000,
    "currency": "USD",
    "roles": ["King", "Queen"],
    "people": 2,
}
RENEW = {"requested_action": "renew", "subject_type": "retainer", "roles": ["King", "Odin"], "people": 1}


@pytest.fixture
def set_policies(odin, queen):
    def set_(*policies):
        proposal = odin.ok("PUT", P, {"policies": list(policies), "self_approval": "finding"})
        queen.ok("POST", f"{P}/proposals/{proposal['id']}/confirm")

    return set_


def assignment(client: GovernanceClient, price: int = 131_000) -> str:
    lead = {
        "contract_price": 118_000,
        "property": {"address": {"postal_code": "98101"}},
        "arv_estimate": 250_000,
        "repair_estimate": 35_000,
    }
    pipe = client.ok("POST", "/wholesale", lead)["id"]
    client.ok("POST", f"/wholesale/{pipe}/stage", {"stage": "offer_made", "price": 118_000})
    client.ok("POST", f"/wholesale/{pipe}/stage", {"stage": "under_contract", "price": 118_000})
    buyer = client.ok("POST", "/dispo/buyers", {"name": "Ann"})["id"]
    return str(client.ok("POST", "/dispo/assignments", {"pipeline_id": pipe, "buyer_id": buyer, "assignment_price": price})["id"])


class TestAssigning:
    def assign(self, client: GovernanceClient, id: str, status: int = 200):
        answer = client.call("POST", f"/dispo/assignments/{id}/assign", {})
        assert answer.status == status, answer.text
        return answer.json()

    def test_without_a_policy_nobody_is_asked(self, office: Office):
        self.assign(office.operator, assignment(office.operator))

    def test_it_needs_two_people(self, office: Office, king, queen, set_policies):
        set_policies(ASSIGN)
        id = assignment(office.operator)
        refused = self.assign(office.operator, id, 409)
        assert refused["type"] == "/problems/approval-required"
        assert refused["approvals"] == [
            {
                "requested_action": "assign",
                "subject_type": "assignment",
                "subject_id": id,
                "roles": ["King", "Queen"],
                "people_needed": 2,
                "people": 0,
            }
        ]
        asked = king.ok("GET", f"{G}/requests/{refused['approval_request_id']}")
        assert (asked["subject_id"], asked["requested_by"]) == (id, ["user_operator"])
        king.decide(id, requested_action="assign")
        again = self.assign(office.operator, id, 409)
        assert (again["approvals"][0]["people"], again["approval_request_id"]) == (1, asked["id"])
        queen.decide(id, "Queen", requested_action="assign")
        self.assign(office.operator, id)

    def test_not_below_the_threshold(self, office: Office, set_policies):
        set_policies(ASSIGN)
        self.assign(office.operator, assignment(office.operator, 130_000))

    def test_a_changed_price_needs_it_anew(self, office: Office, king, queen, set_policies):
        set_policies(ASSIGN)
        id = assignment(office.operator)
        king.decide(id)
        queen.decide(id, "Queen")
        office.operator.ok("PATCH", f"/dispo/assignments/{id}", {"assignment_price": 132_000})
        assert self.assign(office.operator, id, 409)["approvals"][0]["people"] == 0

    def test_who_assigns_doesnt_approve(self, office: Office, queen, set_policies):
        set_policies(ASSIGN)
        id = assignment(office.operator)
        both = office.holder("King", roles=("operator",), user="user_both")
        both.decide(id)
        queen.decide(id, "Queen")
        assert self.assign(both, id, 409)["approvals"][0]["people"] == 1
        assert queen.standing(id, "assign", "assignment")["people"] == 1, "by now they have asked"

    def test_a_denial_bars_it_whatever_the_policies(self, office: Office, king, clock):
        id = assignment(office.operator)
        other = office.holder("King", user="user_other")
        denial = king.decide(id, action="deny")
        refused = self.assign(office.operator, id, 409)
        assert (refused["code"], refused["decision_ids"]) == ("denied", [denial["id"]])
        ends = (clock.now + timedelta(hours=1)).isoformat()
        other.decide(id, action="override", expires_at=ends)
        tomorrow(clock)
        assert self.assign(office.operator, id, 409)["code"] == "denied", "the override has run out"
        other.decide(id, action="override")
        self.assign(office.operator, id)

    def test_a_denial_at_that_moment(self, office: Office, king, runtime):
        from tests.packs.tasks.test_races import Meanwhile

        id = assignment(office.operator)
        Meanwhile(runtime, lambda: king.decide(id, action="deny"))
        assert self.assign(office.operator, id, 409)["code"] == "denied"

    def test_a_policy_at_that_moment(self, office: Office, odin, queen, runtime):
        from tests.packs.tasks.test_races import Meanwhile

        id = assignment(office.operator)
        proposal = odin.ok("PUT", P, {"policies": [ASSIGN], "self_approval": "finding"})
        Meanwhile(runtime, lambda: queen.ok("POST", f"{P}/proposals/{proposal['id']}/confirm"))
        assert self.assign(office.operator, id, 409)["type"] == "/problems/approval-required"


class TestRenewing:
    def retainer(self, client: GovernanceClient) -> str:
        body = {"professional_id": client.professional(), "name": "Monthly", "monthly_hours_included": 10, "monthly_fee": 500}
        id = client.ok("POST", "/pros/retainers", {**body, "starts_on": "2026-11-01"})["id"]
        return str(id)

    def test_it_needs_approval(self, office: Office, odin, set_policies):
        id = self.retainer(office.operator)
        office.operator.ok("POST", f"/pros/retainers/{id}/renew")
        set_policies(RENEW)
        refused = office.operator.expect_error(409, "POST", f"/pros/retainers/{id}/renew")
        assert (refused["type"], refused["approvals"][0]["roles"]) == ("/problems/approval-required", ["King", "Odin"])
        odin.decide(id, "Odin", requested_action="renew")
        office.operator.ok("POST", f"/pros/retainers/{id}/renew")

    def test_a_denial_bars_it(self, office: Office, odin):
        id = self.retainer(office.operator)
        odin.decide(id, "Odin", "deny")
        assert office.operator.expect_error(409, "POST", f"/pros/retainers/{id}/renew")["code"] == "denied"


class TestMatching:
    def match(self, client: GovernanceClient):
        found = client.ok("POST", "/pros/match", {})
        return {row["professional_id"] for row in found["items"]}, {row["professional_id"]: row["blocked_by"] for row in found["blocked"]}

    def test_a_denied_professional_is_ruled_out(self, office: Office, odin, king, clock):
        ada, ben = office.operator.professional("Ada"), office.operator.professional("Ben")
        odin.decide(ada, "Odin", "deny")
        assert self.match(office.operator) == ({ben}, {ada: ["denied"]})
        king.decide(ada, action="override", expires_at=(clock.now + timedelta(hours=1)).isoformat())
        assert self.match(office.operator) == ({ada, ben}, {})
        tomorrow(clock)
        assert self.match(office.operator) == ({ben}, {ada: ["denied"]}), "the override has run out"
        odin.decide(ada, "Odin", "approve")
        assert self.match(office.operator) == ({ada, ben}, {})

    def test_not_by_a_denial_of_what_they_were(self, office: Office, odin):
        ada = office.operator.professional("Ada")
        odin.decide(ada, "Odin", "deny")
        office.operator.ok("PATCH", f"/pros/scorecard/professionals/{ada}", {"organization": "Byron & Co"})
        assert self.match(office.operator) == ({ada}, {})
        assert len(odin.ok("GET", f"{D}/subject/professional/{ada}")["items"]) == 1
