"""Many at once, on the engine that bears threads; and the interleavings that matter, one by one."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.mail_events import MailEvent
from chalicelib.packs.documents import schedules
from chalicelib.packs.documents.service import bounces
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.packs.documents.documents_client import (
    ANN,
    FIRST,
    SECOND,
    D,
    DocumentsClient,
    change_contract,
    contract,
    events,
    gate,
    kept,
    mails,
)
from tests.packs.tasks.test_races import Meanwhile, at_once

__all__ = ["dynamodb_local", "dynamodb_local_url"]


class TestInterleavings:
    """Between the read and the write of one another acts, and what both decide must hold."""

    def test_the_document_is_replaced_while_it_is_acknowledged(self, documents: DocumentsClient, runtime, holder):
        deal = documents.deal()
        id = contract(runtime, deal)
        route = documents.route(deal, contract_id=id)
        Meanwhile(runtime, lambda: change_contract(runtime, id, document_sha256=SECOND))
        answer = holder(route).acknowledge(FIRST)
        # What replaces it is no transaction, so it comes before the one of the acknowledgement.
        assert (answer.status, answer.json()["code"]) == (409, "stale_hash")
        assert documents.read(route)["status"] == "sent"

    def test_the_document_is_replaced_while_it_is_sent(self, documents: DocumentsClient, runtime):
        deal = documents.deal()
        id = contract(runtime, deal)
        Meanwhile(runtime, lambda: change_contract(runtime, id, document_sha256=SECOND))
        assert documents.send(deal, contract_id=id)["document_sha256"] == SECOND

    def test_the_address_changes_while_it_is_sent(self, documents: DocumentsClient, runtime):
        deal, grace = documents.deal(), documents.professional("Grace")
        path = f"/pros/scorecard/professionals/{grace}"
        Meanwhile(runtime, lambda: documents.ok("PATCH", path, {"email": "grace@navy.example.com", "name": "Grace H."}))
        assert documents.send(deal, professional_id=grace)["sent_to"] == "grace@navy.example.com"
        assert [mail["to"] for mail in mails(runtime)] == ["grace@navy.example.com"]

    def test_a_professional_retires_while_many_are_sent(self, documents: DocumentsClient, runtime):
        deal, grace = documents.deal(), documents.professional("Grace")
        path = f"/pros/scorecard/professionals/{grace}"
        Meanwhile(runtime, lambda: documents.ok("PATCH", path, {"is_active": False}))
        body = {**documents.body(deal, recipient=None), "recipients": [ANN, {"professional_id": grace}]}
        results = documents.ok("POST", f"{D}/bulk", body)["results"]
        assert [result["status"] for result in results] == [201, 409]
        assert len(mails(runtime)) == 1

    def test_it_is_recalled_while_it_is_acknowledged(self, documents: DocumentsClient, runtime, holder):
        id = documents.route()
        recipient = holder(id)
        Meanwhile(runtime, lambda: documents.recall(id))
        assert recipient.acknowledge().status == 404
        assert documents.read(id)["status"] == "recalled"

    def test_it_is_acknowledged_while_it_is_recalled(self, documents: DocumentsClient, runtime, holder):
        id = documents.route()
        Meanwhile(runtime, lambda: holder(id).acknowledge())
        refused = documents.expect_error(409, "PATCH", f"{D}/{id}/status", {"status": "recalled", "reason": "superseded"})
        assert (refused["from"], refused["allowed"]) == ("acknowledged", [])

    def test_the_deal_ends_while_it_is_acknowledged(self, documents: DocumentsClient, runtime, holder):
        deal = documents.deal()
        id = documents.route(deal)
        recipient = holder(id)
        Meanwhile(runtime, lambda: documents.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"}))
        assert recipient.acknowledge().status == 404
        assert documents.read(id)["status"] == "recalled"

    def test_one_is_sent_while_the_deal_ends(self, documents: DocumentsClient, runtime):
        deal = documents.deal()
        documents.route(deal)
        meanwhile = Meanwhile(runtime, lambda: documents.route(deal))
        documents.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert documents.read(meanwhile.results[0])["status"] == "recalled"

    def test_it_is_acknowledged_while_a_reminder_goes_out(self, documents: DocumentsClient, runtime, holder, clock, run_work):
        id = documents.route()
        recipient = holder(id)
        clock.now += timedelta(days=5)
        Meanwhile(runtime, recipient.acknowledge)
        run_work(schedules.reminders)
        assert len(mails(runtime, id)) == 1
        assert documents.read(id)["status"] == "acknowledged"

    def test_it_bounces_while_a_reminder_goes_out(self, documents: DocumentsClient, runtime, clock, run_work):
        id = documents.route()
        clock.now += timedelta(days=5)
        ctx = runtime.context(request_id="bounce")
        Meanwhile(runtime, lambda: bounces.mail_failed(ctx, id, "sending-0", MailEvent("hard", ctx.now, "", "ann@example.com")))
        run_work(schedules.reminders)
        assert (len(mails(runtime, id)), documents.read(id)["status"]) == (1, "bounced")

    def test_it_is_opened_while_it_bounces(self, documents: DocumentsClient, runtime, holder):
        id = documents.route()
        recipient = holder(id)
        Meanwhile(runtime, recipient.open)
        ctx = runtime.context(request_id="bounce")
        bounces.mail_failed(ctx, id, "sending-0", MailEvent("complaint", ctx.now, "", "ann@example.com"))
        seen = documents.read(id)
        assert (seen["status"], seen["reminders"]["next_on"]) == ("opened", None)
        assert len(events(runtime, "documents.bounced")) == 1


@pytest.mark.dynamodb_local
class TestThreads:
    @pytest.fixture
    def dynamodb(self, dynamodb_local: Any) -> Any:
        return dynamodb_local

    def test_two_workers_remind_of_each_once(self, documents: DocumentsClient, runtime, clock, run_work):
        """Thirty days of reminders, each day's run three times at once: every reminder and every event is there once."""
        deal = documents.deal()
        ids = [documents.route(deal, title=f"No. {number}", due_on="2026-12-03") for number in range(4)]
        for _ in range(16):
            clock.now += timedelta(days=1)
            records = at_once(3, lambda _: run_work(schedules.reminders))
            assert [(record["error"], record["failed"]) for record in records] == [("", 0)] * 3
        days = {id: [mail["created_at"][:10] for mail in mails(runtime, id)][1:] for id in ids}
        assert days == {id: ["2026-11-29", "2026-12-01", "2026-12-03", "2026-12-05", "2026-12-07"] for id in ids}
        told = Counter((event.event, event.subject_id) for event in events(runtime, "documents.unanswered", "documents.overdue"))
        assert told == {(kind, id): 1 for kind in ("documents.unanswered", "documents.overdue") for id in ids}

    def test_by_hand_while_the_schedule_runs(self, documents: DocumentsClient, runtime, clock, run_work):
        id = documents.route()
        clock.now += timedelta(days=5)

        def act(at: int) -> Any:
            return run_work(schedules.reminders) if at % 2 else documents.call("POST", f"{D}/{id}/remind")

        answers = at_once(4, act)
        by_hand = [answer.status for answer in answers[::2]]
        assert set(by_hand) <= {200, 503}
        assert len(mails(runtime, id)) in (1 + by_hand.count(200), 2 + by_hand.count(200))
        assert documents.read(id)["reminders"]["next_on"] == "2026-12-04"

    def test_one_acknowledgement(self, documents: DocumentsClient, runtime, holder):
        id = documents.route(document_sha256=FIRST)
        recipient = holder(id)
        answers = at_once(8, lambda at: recipient.acknowledge(FIRST, name=f"Ann {at}"))
        assert {answer.status for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert kept(runtime, id).revision == 2

    def test_every_visit_counts(self, documents: DocumentsClient, holder):
        id = documents.route()
        recipient = holder(id)
        at_once(12, lambda at: recipient.open() if at % 3 == 0 else recipient.look())
        seen = documents.read(id)
        assert (seen["fetches"], seen["opens"], seen["revision"]) == (8, 4, 2)

    def test_three_by_hand_of_many_at_once(self, documents: DocumentsClient, runtime):
        id = documents.route()
        answers = at_once(8, lambda _: documents.call("POST", f"{D}/{id}/remind"))
        statuses = Counter(answer.status for answer in answers)
        assert statuses[200] <= 3
        assert statuses.keys() <= {200, 429, 503}
        assert len(mails(runtime, id)) == 1 + statuses[200]

    def test_sent_and_deleted_at_once_the_gates_agree(self, documents: DocumentsClient, runtime):
        deal, grace = documents.deal(), documents.professional("Grace")
        gone = [documents.route(deal, professional_id=grace) for _ in range(4)]

        def act(at: int) -> Any:
            if at % 2:
                return documents.call("DELETE", f"{D}/{gone[at // 2]}")
            return documents.call("POST", D, documents.body(deal, professional_id=grace))

        answers = at_once(8, act)
        assert {answer.status for answer in answers} == {201, 204}
        assert (gate(runtime, deal)["refs"], gate(runtime, grace)["refs"]) == (4, 4)

    @pytest.mark.parametrize("seed", range(2))
    def test_with_faults_at_every_fifth_call(self, documents: DocumentsClient, runtime, holder, clock, run_work, seed):
        """Throttles, conflicts and lost answers: each call ends as it would without them, and only once."""
        faults = (
            Throttles(0.2, seed=seed),
            Conflicts(0.2, seed=seed + 10),
            LostResponses(0.1, seed=seed + 20),
            Unprocessed(0.2, seed=seed),
        )
        sound = runtime.dynamodb
        runtime.dynamodb = FaultInjectingClient(sound, *faults)
        deal, grace = documents.deal(), documents.professional("Grace")
        first, second = documents.route(deal), documents.route(deal, professional_id=grace)
        runtime.dynamodb = sound
        recipient = holder(first)
        runtime.dynamodb = FaultInjectingClient(sound, *faults)
        assert recipient.open().status == 200
        assert recipient.acknowledge().status == 200
        body = {**documents.body(deal, recipient=None), "recipients": [ANN] * 20}
        assert {result["status"] for result in documents.ok("POST", f"{D}/bulk", body)["results"]} == {201}
        documents.recall(second)
        runtime.dynamodb = sound
        assert (documents.read(first)["status"], documents.read(second)["status"]) == ("acknowledged", "recalled")
        assert len(mails(runtime)) == gate(runtime, deal)["refs"] == 22
