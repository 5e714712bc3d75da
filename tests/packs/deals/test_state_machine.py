"""Any walk of a deal, by several people: what the rules allow works, everything else is refused, and the gate always agrees with it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.errors import Conflict, Forbidden, NotFound
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public
from chalicelib.packs.deals.rules import STATUSES
from tests.packs.deals.deals_client import gate_of

USERS = ("user_operator", "user_ann", "user_bob")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["owner", "team", "edit", "status", "refer", "release", "delete"]),
        st.sampled_from(USERS),
        st.sampled_from([None, "user_ann", "user_bob"]),
    ),
    min_size=1,
    max_size=15,
)


def test_statuses():
    assert STATUSES == ("open", "finalizing", "finalized", "cancelled")


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_the_gate_agrees_after_any_walk(deals, client_as, context, runtime, steps):
    callers = {id: client_as("operator" if id == "user_operator" else "dealmaker", user=id) for id in USERS}
    for caller in callers.values():
        caller.be_signed_in()
    id = deals.deal()
    owner, team, status, refs, deleted = "user_operator", [], "open", 0, False
    for step, who, value in steps:
        boss = who == "user_operator"
        own = boss or owner in (None, who) or who in team

        def expect(allowed: bool, code: int, own: bool = own, deleted: bool = deleted) -> int:
            return 404 if deleted else 403 if not own else code if not allowed else 200

        if step in ("owner", "team", "edit"):
            body = {"owner": {"owner": value}, "team": {"team": [value] if value else []}, "edit": {"notes": who + str(value)}}[step]
            expected = expect(status == "open", 409)
            if step == "owner" and expected == 200 and value != owner and not boss:
                expected = 403
            assert callers[who]("PATCH", f"/deals/{id}", body).status == expected
            if expected == 200:
                owner = value if step == "owner" else owner
                team = body["team"] if step == "team" else team
        elif step == "status":
            expected = 403 if not boss else expect(status == "open", 409)
            answer = callers[who]("PATCH", f"/deals/{id}/status", {"status": "cancelled", "reason": "price"})
            assert answer.status == expected
            status = "cancelled" if expected == 200 else status
        elif step == "delete":
            expected = expect(refs == 0, 409)
            assert callers[who]("DELETE", f"/deals/{id}").status == (204 if expected == 200 else expected)
            deleted = deleted or expected == 200
        else:
            refer = step == "refer"
            if not refer and refs == 0:
                continue
            expected = expect(status == "open" or not refer, 409)
            ctx = context("operator" if boss else "dealmaker", user=who)
            tx = Transaction(ctx.store)
            (public.add_reference if refer else public.remove_reference)(ctx, tx, id, any_deal="tasks:any-deal")
            if expected == 200:
                tx.commit()
                refs += 1 if refer else -1
            else:
                with pytest.raises({404: NotFound, 403: Forbidden, 409: Conflict}[expected]):
                    tx.commit()
        gate = gate_of(runtime, id)
        assert (gate.refs, gate.status, gate.owner, gate.team, gate.closed is not None) == (refs, status, owner, team, deleted)
