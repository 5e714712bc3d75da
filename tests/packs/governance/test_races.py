"""Many at once, on the engine that bears threads; and the interleavings that matter, one by one."""

from collections import Counter
from typing import Any

import pytest

from chalicelib.packs.governance import schedules
from tests.api_user import all_rows
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.packs.governance.governance_client import D, G, GovernanceClient, Office, tomorrow
from tests.packs.tasks.tasks_client import events, gate
from tests.packs.tasks.test_races import Meanwhile, at_once

__all__ = ["dynamodb_local", "dynamodb_local_url"]

P = f"{G}/policies"


def until_taken(call: Any) -> Any:
    """Too many at once: as it says, again."""
    for _ in range(20):
        answer = call()
        if answer.status != 503:
            return answer
    return answer


class TestInterleavings:
    """Between the read and the write of one another acts, and what both decide must hold."""

    def test_two_finals(self, office: Office, king, queen, runtime):
        deal = office.deal()
        Meanwhile(runtime, lambda: queen.decide(deal, "Queen", "deny", is_final=True))
        assert king.refused(409, deal, is_final=True)["code"] == "final"
        assert king.states(deal) == ["standing"]

    def test_the_second_approval_while_the_first_is_given(self, office: Office, king, queen, runtime):
        deal = office.deal(value=300_000)
        asked = office.operator.ask(deal)
        Meanwhile(runtime, lambda: queen.decide(deal, "Queen", requested_action="finalize"))
        king.decide(deal, requested_action="finalize")
        assert king.ok("GET", f"{G}/requests/{asked['id']}")["status"] == "approved"
        assert [one["number"] for one in king.decisions(deal)] == [1, 2]

    def test_it_is_asked_for_while_it_is_decided(self, office: Office, king, runtime):
        """The request ends with the decision, though it wasn't there when that was read."""
        deal = office.deal()
        meanwhile = Meanwhile(runtime, lambda: office.operator.ask(deal, "sign"))
        king.decide(deal, requested_action="sign")
        assert king.ok("GET", f"{G}/requests/{meanwhile.results[0]['id']}")["status"] == "approved"

    def test_who_decides_asks_meanwhile(self, office: Office, runtime):
        deal = office.deal()
        both = office.holder("King", roles=("operator",))
        Meanwhile(runtime, lambda: both.ask(deal, "sign"))
        both.refused(403, deal, requested_action="sign")

    def test_the_role_is_lost_meanwhile(self, office: Office, king, runtime):
        deal = office.deal()
        Meanwhile(runtime, lambda: office.set_user("user_king", roles=["viewer"]))
        assert king.call("POST", D, king.decision(deal)).status == 401
        assert king.decisions(deal) == []

    def test_a_flag_is_resolved_twice(self, office: Office, king, queen, runtime):
        deal = office.deal()
        flag = office.holder("Loki").decide(deal, "Loki", "flag")
        Meanwhile(runtime, lambda: queen.decide(deal, "Queen", resolves=flag["id"]))
        assert king.refused(409, deal, resolves=flag["id"])["code"] == "not_a_flag"

    def test_the_policies_change_while_a_request_ends(self, office: Office, king, queen, odin, runtime):
        deal = office.deal()
        asked = office.operator.ask(deal, "sign")
        policy = {"requested_action": "sign", "subject_type": "deal", "roles": ["King", "Tyr"], "people": 2}
        proposal = odin.ok("PUT", P, {"policies": [policy], "self_approval": "finding"})
        Meanwhile(runtime, lambda: queen.ok("POST", f"{P}/proposals/{proposal['id']}/confirm"))
        assert king.decide(deal, requested_action="sign")["policy_version"] == 2
        assert king.ok("GET", f"{G}/requests/{asked['id']}")["status"] == "pending"

    def test_two_review_one_override(self, office: Office, king, queen, runtime):
        id = king.decide(office.deal(), action="override")["id"]
        auditor = office.somebody("auditor")
        Meanwhile(runtime, lambda: queen.ok("POST", f"{G}/overrides/{id}/review", {"note": "x"}))
        assert auditor.expect_error(409, "POST", f"{G}/overrides/{id}/review", {"note": "y"})["code"] == "reviewed"


@pytest.mark.dynamodb_local
class TestThreads:
    @pytest.fixture
    def dynamodb(self, dynamodb_local: Any) -> Any:
        return dynamodb_local

    def kings(self, office: Office, count: int) -> list[GovernanceClient]:
        return [office.holder("King", user=f"user_king{number}") for number in range(count)]

    def test_of_finals_at_once_one_wins(self, office: Office):
        deal, kings = office.deal(), self.kings(office, 6)
        kings[0].standing(deal)
        body = {"is_final": True, "requested_action": "finalize"}
        answers = at_once(6, lambda at: until_taken(lambda: kings[at].call("POST", D, kings[at].decision(deal, "King", "deny", **body))))
        assert Counter(answer.status for answer in answers) == {201: 1, 409: 5}
        assert {answer.json()["code"] for answer in answers if answer.status == 409} == {"final"}
        assert kings[0].states(deal) == ["standing"]

    def test_approvals_at_once_are_all_counted(self, office: Office, runtime):
        deal, kings = office.deal(value=300_000), self.kings(office, 8)
        asked = office.operator.ask(deal)
        answers = at_once(
            8, lambda at: until_taken(lambda: kings[at].call("POST", D, kings[at].decision(deal, requested_action="finalize")))
        )
        assert Counter(answer.status for answer in answers) == {201: 8}
        found = kings[0].standing(deal)
        assert (found["verdict"], found["people"], len(found["decisions"])) == ("approved", 8, 8)
        assert sorted(one["number"] for one in kings[0].decisions(deal)) == list(range(1, 9))
        ended = kings[0].ok("GET", f"{G}/requests/{asked['id']}")
        second = next(one["id"] for one in kings[0].decisions(deal) if one["number"] == 2)
        assert (ended["status"], ended["decision_id"]) == ("approved", second)
        assert gate(runtime, deal)["refs"] == 9

    def test_asked_at_once_it_is_one_request(self, office: Office, runtime):
        deal = office.deal()
        people = [office.somebody("operator", user=f"user_asker{number}") for number in range(8)]
        body = {"subject_type": "deal", "subject_id": deal, "requested_action": "finalize"}
        answers = at_once(8, lambda at: until_taken(lambda: people[at].call("POST", f"{G}/requests", body)))
        assert Counter(answer.status for answer in answers) == {201: 1, 200: 7}
        (id,) = {answer.json()["id"] for answer in answers}
        assert sorted(people[0].ok("GET", f"{G}/requests/{id}")["requested_by"]) == [f"user_asker{number}" for number in range(8)]
        assert len([row for row in all_rows(runtime) if row.get("kind", {}).get("S") == "approval-request"]) == 1
        assert Counter(event.for_role for event in events(runtime, "governance.requested")) == {"King": 1, "Queen": 1}

    def test_confirmed_at_once_the_version_rises_by_one(self, office: Office, odin):
        kings = self.kings(office, 4)
        proposal = odin.ok("PUT", P, {"policies": [], "self_approval": "refuse"})
        answers = at_once(4, lambda at: until_taken(lambda: kings[at].call("POST", f"{P}/proposals/{proposal['id']}/confirm")))
        assert Counter(answer.status for answer in answers) == {200: 1, 404: 3}
        assert odin.ok("GET", P)["version"] == 2

    def test_the_schedule_three_times_at_once(self, office: Office, king, runtime, clock, run_work):
        ids = {king.decide(office.deal(), action="override")["subject_id"] for _ in range(6)}
        tomorrow(clock, 20)
        records = at_once(3, lambda _: run_work(schedules.reviews))
        assert [(record["error"], record["failed"]) for record in records] == [("", 0)] * 3
        assert Counter(event.subject_id for event in events(runtime, "governance.review_overdue")) == dict.fromkeys(ids, 1)

    @pytest.mark.parametrize("seed", range(2))
    def test_with_faults_at_every_fifth_call(self, office: Office, king, queen, odin, runtime, seed):
        faults = (
            Throttles(0.2, seed=seed),
            Conflicts(0.2, seed=seed + 10),
            LostResponses(0.1, seed=seed + 20),
            Unprocessed(0.2, seed=seed),
        )
        deal = office.deal(value=300_000)
        king.standing(deal)
        for client in (king, queen, odin, office.operator):
            client.call.be_signed_in()
        sound = runtime.dynamodb
        runtime.dynamodb = FaultInjectingClient(sound, *faults)
        asked = office.operator.ask(deal)
        king.decide(deal, requested_action="finalize")
        override = queen.decide(deal, "Queen", "override", requested_action="finalize")
        king.ok("POST", f"{G}/overrides/{override['id']}/review", {"note": "x"})
        proposal = odin.ok("PUT", P, {"policies": [], "self_approval": "refuse"})
        queen.ok("POST", f"{P}/proposals/{proposal['id']}/confirm")
        runtime.dynamodb = sound
        assert king.ok("GET", f"{G}/requests/{asked['id']}")["status"] == "approved"
        assert king.states(deal) == ["standing", "standing"]
        assert (gate(runtime, deal)["refs"], odin.ok("GET", P)["version"]) == (3, 2)
