"""Disputes of signals: who, once, and what counts meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.packs.signals import public
from tests.packs.signals.signals_client import path_of
from tests.streams.conftest import world
from tests.streams.stream_feeder import deliver

__all__ = ["world"]


@pytest.fixture
def counting(context: Any) -> Any:
    def counting(professional: str) -> str | None:
        current = public.find_current(context("operator"), professional)
        return current.signal_id if current else None

    return counting


def kept(signals: Any, clock: Any, professional: str) -> Any:
    clock.now += timedelta(seconds=1)
    return signals.kept(professional)


def test_a_dispute_is_shown_told_and_settled(signals, clock):
    signal = kept(signals, clock, signals.professional())
    disputed = signals.dispute(signal, "Not my site.")
    assert disputed["revision"] == 2
    assert disputed["dispute"] == {
        **{"status": "open", "reason": "Not my site.", "by": "user_operator", "at": disputed["updated_at"]},
        **{"note": None, "settled_by": None, "settled_at": None},
    }
    (event,) = [one for one in signals.ok("GET", "/events")["items"] if one["kind"] == "signals.disputed"]
    assert (event["subject_type"], event["subject_id"], event["for_role"]) == ("signal", signal["id"], "operator")
    settled = signals.settle(signal, "upheld")
    assert {**settled["dispute"], "settled_at": None} == {
        **{**disputed["dispute"], "status": "upheld"},
        **{"note": "Looked at it.", "settled_by": "user_admin"},
    }
    assert signals.ok("GET", path_of(signal)) == settled
    (row,) = signals.ok("GET", f"/pros/{signal['professional_id']}/signals")["items"]
    assert row["dispute"] == settled["dispute"]


def test_nothing_else_of_the_signals_changes(signals, clock):
    signal = kept(signals, clock, signals.professional())
    settled = (signals.dispute(signal), signals.settle(signal, "rejected"))[1]
    changed = {name for name in signal if signal[name] != settled[name]}
    assert changed == {"revision", "updated_by", "dispute"}  # and updated_at, while the clock stands still


def test_a_dispute_is_opened_once_and_settled_once(signals, clock):
    signal = kept(signals, clock, signals.professional())
    settle = {"outcome": "rejected", "note": "x"}
    assert signals.refused(409, "POST", f"{path_of(signal)}/settle", settle, by=signals.judge)["code"] == "not_disputed"
    signals.dispute(signal)
    assert signals.refused(409, "POST", f"{path_of(signal)}/dispute", {"reason": "x"})["code"] == "disputed"
    signals.settle(signal, "rejected")
    assert signals.refused(409, "POST", f"{path_of(signal)}/settle", settle, by=signals.judge)["code"] == "not_disputed"
    assert signals.refused(409, "POST", f"{path_of(signal)}/dispute", {"reason": "x"})["code"] == "disputed"


def test_who_extracted_it_does_not_settle(signals, clock):
    signal = kept(signals, clock, signals.professional())
    settle = {"outcome": "rejected", "note": "x"}
    assert signals.refused(409, "POST", f"{path_of(signal)}/settle", settle)["code"] == "not_disputed"
    signals.dispute(signal)
    signals.refused(403, "POST", f"{path_of(signal)}/settle", settle)
    assert signals.ok("GET", path_of(signal))["dispute"]["status"] == "open"


@pytest.mark.parametrize("body", [{}, {"outcome": "open", "note": "x"}, {"outcome": "upheld"}, {"outcome": "upheld", "note": ""}])
def test_a_settlement_has_its_form(signals, clock, body):
    signal = kept(signals, clock, signals.professional())
    signals.dispute(signal)
    signals.refused(422, "POST", f"{path_of(signal)}/settle", body, by=signals.judge)


def test_if_match_is_compared(signals, clock):
    signal = kept(signals, clock, signals.professional())
    behind = {"If-Match": '"7"'}
    signals.refused(412, "POST", f"{path_of(signal)}/dispute", {"reason": "x"}, headers=behind)


def test_a_repeated_dispute_answers_the_first_answer(signals, clock):
    signal = kept(signals, clock, signals.professional())
    key = {"Idempotency-Key": "d"}
    first = signals.dispute(signal, headers=key)
    assert signals.dispute(signal, headers=key) == first
    assert len([one for one in signals.ok("GET", "/events")["items"] if one["kind"] == "signals.disputed"]) == 1


# -- what counts


def test_the_newest_that_are_not_disputed_count(signals, clock, counting):
    professional = signals.professional()
    assert counting(professional) is None
    first, second, third = (kept(signals, clock, professional) for _ in range(3))
    assert counting(professional) == third["id"]
    signals.dispute(second)
    assert counting(professional) == third["id"]
    signals.dispute(third)
    assert counting(professional) == first["id"]
    signals.dispute(first)
    assert counting(professional) is None
    signals.settle(first, "rejected")
    assert counting(professional) == first["id"]
    signals.settle(third, "upheld")
    assert counting(professional) == first["id"]
    signals.settle(second, "rejected")
    assert counting(professional) == second["id"]
    assert counting(signals.professional("Other")) is None


def test_new_signals_count_although_older_ones_are_disputed(signals, clock, counting):
    professional = signals.professional()
    first = kept(signals, clock, professional)
    signals.dispute(first)
    second = kept(signals, clock, professional)
    assert counting(professional) == second["id"]
    signals.settle(first, "rejected")
    assert counting(professional) == second["id"]


def test_signals_that_come_late_do_not_count_before_newer_ones(signals, clock, counting):
    """Two extractions at once: the one that began first is written last."""
    professional = signals.professional()
    newer = kept(signals, clock, professional)
    clock.now -= timedelta(seconds=30)
    older = signals.kept(professional)
    assert counting(professional) == newer["id"]
    assert len(signals.ok("GET", f"/pros/{professional}/signals")["items"]) == 2
    signals.dispute(newer)
    assert counting(professional) == older["id"]


def test_more_than_a_page_of_disputed_ones_is_looked_through(signals, clock, counting):
    professional = signals.professional()
    first, *others = (kept(signals, clock, professional) for _ in range(24))
    for signal in others:
        signals.dispute(signal)
    assert counting(professional) == first["id"]


def test_what_counts_carries_what_matching_needs(signals, clock, context):
    professional = signals.professional()
    signal = kept(signals, clock, professional)
    current = public.find_current(context("operator"), professional)
    assert (current.professional_id, current.signals) == (professional, signal["signals"])
    rows = context("operator").store.query_all(public.all_current())
    assert [public.parse_current(row).signal_id for row in rows] == [signal["id"]]


# -- all that is held


def test_all_that_is_held_is_a_file(signals, clock):
    professional = signals.professional(email="ann@example.com")
    first, second = (kept(signals, clock, professional) for _ in range(2))
    signals.dispute(second)
    answer = signals.call("GET", f"/pros/{professional}/data")
    data = answer.json()
    assert answer.headers["content-disposition"] == f'attachment; filename="{professional}.json"'
    assert (data["professional_id"], data["cut"]) == (professional, [])
    assert [row["id"] for row in data["parts"]["signals"]] == [second["id"], first["id"]]
    assert data["parts"]["signals"][1]["evidence"] == first["evidence"]
    assert data["parts"]["signals"][0]["dispute"]["status"] == "open"
    (row,) = data["parts"]["professional"]
    assert (row["id"], row["email"]) == (professional, "ann@example.com")
    assert data["parts"].keys() == {
        "professional", "interactions", "signals", "alignments", "deals", "tasks", "retainers", "packets",
        "contracts", "documents", "decisions", "approval_requests",
    }  # fmt: skip
    signals.refused(404, "GET", "/pros/pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T/data")


def test_the_trail_has_the_evidence_sealed(world, signals, client_as):
    signal = signals.kept(signals.professional())
    deliver(world.audit(), world.feed.entities())
    (record,) = client_as("King")("GET", f"/audit/trail/{signal['id']}").json()["items"]
    for name in ("name", "evidence_rows"):
        assert set(record["changes"][name]["new"]) == {"digest"}
    assert record["changes"]["lead_score"]["new"] == signal["lead_score"]
    assert "licensed in Washington" not in str(record)
    (record,) = client_as("admin")("GET", f"/audit/trail/{signal['id']}").json()["items"]
    assert "licensed in Washington" in str(record["changes"]["evidence_rows"]["new"])
