"""Many at once, on the engine that bears threads; and the interleavings that matter, one by one."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.packs.contracts import schedules
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.packs.contracts import contracts_client
from tests.packs.contracts.contracts_client import (
    ANN,
    BOB,
    C,
    ContractsClient,
    approved,
    events,
    gate,
    kept,
    link_of,
    mails,
    sent,
    signing,
)
from tests.packs.tasks.test_races import Meanwhile

__all__ = ["dynamodb_local", "dynamodb_local_url"]


def at_once(count: int, call: Any) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


class TestInterleavings:
    """Between the read and the write of one another acts, and what both decide must hold."""

    def test_two_sign_the_last_of_them_signs_the_contract(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel, parties=[ANN, BOB])
        ann, bob = (link_of(runtime, party, id) for party in (ANN, BOB))
        body = signing(contracts, id)
        meanwhile = Meanwhile(runtime, lambda: anonymous("POST", f"/s/{bob}", body))
        assert anonymous("POST", f"/s/{ann}", body).status == 200
        assert meanwhile.results[0].status == 200
        seen = contracts.read(id)
        assert (seen["status"], seen["version"], len(seen["signatures"])) == ("signed", 4, 2)
        assert len(events(runtime, "contracts.signed")) == 1
        assert Counter(mail["purpose"] for mail in mails(runtime)) == {"contract-sign": 2, "contract-copy": 2}

    def test_one_signs_while_it_is_taken_back(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel, parties=[ANN, BOB])
        token, body = link_of(runtime, ANN, id), signing(contracts, id)
        Meanwhile(runtime, lambda: contracts.move(id, "draft", reason="recalled"))
        assert anonymous("POST", f"/s/{token}", body).status == 404
        assert contracts.read(id)["signatures"] == []

    def test_it_is_taken_back_while_the_last_one_signs(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel)
        token, body = link_of(runtime, ANN, id), signing(contracts, id)
        Meanwhile(runtime, lambda: anonymous("POST", f"/s/{token}", body))
        answer = contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "draft", "reason": "recalled"})
        assert answer["type"].endswith("invalid-transition")
        assert contracts.read(id)["status"] == "signed"

    def test_one_signs_and_another_declines(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel, parties=[ANN, BOB])
        ann, bob, body = link_of(runtime, ANN, id), link_of(runtime, BOB, id), signing(contracts, id)
        Meanwhile(runtime, lambda: anonymous("POST", f"/s/{bob}/decline", {"reason": "terms"}))
        assert anonymous("POST", f"/s/{ann}", body).status == 404
        assert contracts.read(id)["status"] == "declined"

    def test_it_is_edited_while_it_is_submitted(self, contracts: ContractsClient, counsel, runtime):
        id = contracts.contract()
        Meanwhile(runtime, lambda: contracts.patch(id, title="Other"))
        seen = contracts.move(id, "under_review")
        assert (seen["title"], seen["version"]) == ("Other", 2)
        other = contracts.contract()
        Meanwhile(runtime, lambda: contracts.move(other, "under_review"))
        assert contracts.expect_error(409, "PATCH", f"{C}/{other}", {"title": "x"})["code"] == "not_draft"

    def test_the_deal_is_cancelled_while_one_is_sent(self, contracts: ContractsClient, counsel, runtime):
        deal = contracts.deal()
        id = approved(contracts, counsel, deal, parties=[ANN])
        cancelled = {"status": "cancelled", "reason": "title"}
        Meanwhile(runtime, lambda: contracts.ok("PATCH", f"/deals/{deal}/status", cancelled))
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "sent"})["code"] == "deal_not_open"
        assert mails(runtime) == []

    def test_one_is_sent_while_the_deal_is_cancelled(self, contracts: ContractsClient, counsel, runtime):
        deal = contracts.deal()
        id = approved(contracts, counsel, deal, parties=[ANN])
        Meanwhile(runtime, lambda: contracts.move(id, "sent"))
        refused = contracts.expect_error(409, "PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert (refused["code"], refused["held_by"]) == ("contract_sent", [id])

    def test_policies_change_while_it_is_approved(self, contracts: ContractsClient, as_, runtime, set_policies):
        both = as_("operator", "counsel", user="user_one")
        id = both.contract()
        both.move(id, "under_review")
        Meanwhile(runtime, lambda: set_policies(self_approval="refuse"))
        assert both.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "approved"})["code"] == "self_approval"


@pytest.mark.dynamodb_local
class TestThreads:
    @pytest.fixture
    def dynamodb(self, dynamodb_local: Any) -> Any:
        return dynamodb_local

    @pytest.fixture(autouse=True)
    def documents(self, runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Documents are there without S3, which bears no threads here."""

        def upload(client: ContractsClient, id: str) -> None:
            document = {
                "filename": "a.pdf",
                "content_type": "application/pdf",
                "size": 3,
                "sha256": "a" * 64,
                "key": "k",
                "version_id": "1",
            }
            ctx = runtime.context(request_id="upload")
            ctx.store.save(kept(runtime, id).with_changes(ctx, document=document))

        monkeypatch.setattr(contracts_client, "upload", upload)

    def test_all_parties_sign_at_once(self, contracts: ContractsClient, counsel, anonymous, runtime):
        people = [{"name": f"Party {number}", "email": f"party{number}@example.com", "role": "heir"} for number in range(6)]
        deal = contracts.deal()
        id = sent(contracts, counsel, deal, parties=people)
        tokens, body = [link_of(runtime, party, id) for party in people], signing(contracts, id)

        def sign(at: int) -> int:
            for _ in range(20):
                answer = anonymous("POST", f"/s/{tokens[at % 6]}", body)
                if answer.status != 503:  # too many at once: as it says, again
                    return int(answer.status)
            return 503

        assert at_once(12, sign) == [200] * 12
        seen = kept(runtime, id)
        assert (seen.status, seen.version, len(seen.signatures)) == ("signed", 4, 6)
        assert len({one["party_id"] for one in seen.signatures}) == 6
        assert len(events(runtime, "contracts.signed")) == 1
        assert Counter(mail["purpose"] for mail in mails(runtime)) == {"contract-sign": 6, "contract-copy": 6}
        assert gate(runtime, deal)["contracts"] == [f"{id}={seen.content_hash}"]

    def test_two_sign_at_once_ten_times(self, contracts: ContractsClient, counsel, anonymous, runtime):
        deal = contracts.deal()
        for _ in range(10):
            id = sent(contracts, counsel, deal, parties=[ANN, BOB])
            tokens, body = [link_of(runtime, party, id) for party in (ANN, BOB)], signing(contracts, id)
            answers = at_once(2, lambda at, tokens=tokens, body=body: anonymous("POST", f"/s/{tokens[at]}", body))
            assert [answer.status for answer in answers] == [200, 200]
            assert (kept(runtime, id).status, kept(runtime, id).version) == ("signed", 4)
        assert len(events(runtime, "contracts.signed")) == 10

    def test_one_move_once(self, contracts: ContractsClient, runtime):
        id = contracts.contract()
        answers = at_once(6, lambda _: contracts.call("PATCH", f"{C}/{id}/status", {"status": "under_review"}))
        assert Counter(answer.status for answer in answers) == {200: 1, 409: 5}
        assert kept(runtime, id).version == 2

    def test_the_schedule_three_times_at_once(self, contracts: ContractsClient, counsel, runtime, clock, run_work):
        deal = contracts.deal()
        ids = [sent(contracts, counsel, deal, sign_by="2026-12-01") for _ in range(5)]
        clock.now = clock.now.replace(month=12, day=3)
        records = at_once(3, lambda _: run_work(schedules.terms))
        assert [(record["error"], record["failed"]) for record in records] == [("", 0)] * 3
        assert Counter(event.subject_id for event in events(runtime, "contracts.expired")) == dict.fromkeys(ids, 1)
        assert "contracts" not in gate(runtime, deal)
