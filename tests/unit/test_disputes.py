"""A dispute is opened once and settled once, by somebody else than who recorded what is disputed."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.foundation import disputes
from chalicelib.foundation.actor import Actor
from chalicelib.foundation.errors import Conflict, Forbidden

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


def acting(user: str) -> Any:
    return SimpleNamespace(actor=Actor(id=user), now=NOW)


GRACE, ANN, BEN = map(acting, ("user_grace", "user_ann", "user_ben"))


def test_what_is_disputed_counts_again_only_once_that_is_rejected():
    opened = disputes.opened(GRACE, None, "It was moved.")
    assert opened == {"status": "open", "reason": "It was moved.", "by": "user_grace", "at": "2026-11-24T18:00:00.000Z"}
    assert [disputes.counts(one) for one in (None, opened)] == [True, False]
    for outcome, counts in (("upheld", False), ("rejected", True)):
        settled = disputes.settled(ANN, opened, outcome, "Checked.", "user_ben")
        assert disputes.counts(settled) is counts
        assert disputes.dispute_view(settled) == {
            **opened,
            "status": outcome,
            "note": "Checked.",
            "settled_by": "user_ann",
            "settled_at": "2026-11-24T18:00:00.000Z",
        }
    assert disputes.dispute_view(None) is None
    assert disputes.dispute_view(opened) == {**opened, "note": None, "settled_by": None, "settled_at": None}


def test_it_is_disputed_once_and_settled_once():
    opened = disputes.opened(GRACE, None, "x")
    for earlier in (opened, *(disputes.settled(ANN, opened, outcome, "y", "user_ben") for outcome in disputes.OUTCOMES)):
        with pytest.raises(Conflict) as refused:
            disputes.opened(GRACE, earlier, "again")
        assert refused.value.members["code"] == "disputed"
    for earlier in (None, disputes.settled(ANN, opened, "rejected", "y", "user_ben")):
        with pytest.raises(Conflict) as refused:
            disputes.settled(BEN, earlier, "upheld", "z", "user_ben")  # the state is refused before the person
        assert refused.value.members["code"] == "not_disputed"


def test_who_recorded_it_does_not_settle_it():
    with pytest.raises(Forbidden):
        disputes.settled(BEN, disputes.opened(GRACE, None, "x"), "rejected", "y", "user_ben")
