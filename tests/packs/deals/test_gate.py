"""What other packs do to a deal through its gate: each is one update whose condition is the check."""

import pytest

from chalicelib.foundation.errors import Conflict, Forbidden, NotFound, VersionConflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public
from tests.packs.deals.deals_client import gate_of

UNKNOWN = "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T"
ANY_DEAL = "tasks:any-deal"


@pytest.fixture
def write(context):
    """`write(public.add_reference, id, roles=…, user=…)`: one of the functions in a transaction of its own."""

    def run(function, deal_id, *, roles=("operator",), user="user_operator", any_deal=ANY_DEAL, **arguments):
        ctx = context(*roles, user=user)
        tx = Transaction(ctx.store)
        function(ctx, tx, deal_id, any_deal=any_deal, **arguments)
        tx.commit()
        return ctx.store.round_trips

    return run


def test_references_are_counted(deals, write, runtime):
    id = deals.deal()
    assert write(public.add_reference, id, count=3) == 1
    assert write(public.remove_reference, id) == 1
    assert write(public.raise_version, id) == 1
    gate = gate_of(runtime, id)
    assert (gate.refs, gate.ver, gate.dependencies) == (2, 3, 0)


def test_a_deal_that_is_referred_to_stays(deals, write):
    id = deals.deal()
    write(public.add_reference, id)
    problem = deals.expect_error(409, "DELETE", f"/deals/{id}")
    assert (problem["code"], problem["held_by"]) == ("referred_to", [])
    write(public.remove_reference, id)
    deals.ok("DELETE", f"/deals/{id}")


@pytest.mark.parametrize("function", [public.add_reference, public.raise_version, public.remove_reference])
def test_an_unknown_or_deleted_deal(deals, write, function):
    id = deals.deal()
    deals.ok("DELETE", f"/deals/{id}")
    for gone in (id, UNKNOWN, "17"):
        with pytest.raises(NotFound):
            write(function, gone)


@pytest.mark.parametrize("function", [public.add_reference, public.raise_version])
def test_a_cancelled_deal(deals, write, function):
    id = deals.deal()
    deals.cancel(id)
    with pytest.raises(Conflict) as refused:
        write(function, id)
    assert refused.value.members["code"] == "deal_not_open"
    write(public.remove_reference, id)
    write(public.raise_version, id, statuses=public.ANY_STATUS)


def test_whose_deal_it_is(deals, write, client_as):
    client_as("dealmaker", user="user_ann").be_signed_in()
    theirs, nobodys, teams = deals.deal(), deals.deal(owner=None), deals.deal(team=["user_ann"])
    ann = {"roles": ("dealmaker",), "user": "user_ann"}
    for function in (public.add_reference, public.raise_version, public.remove_reference):
        with pytest.raises(Forbidden):
            write(function, theirs, **ann)
        write(function, theirs, **ann, any_deal=None)
        write(function, theirs, **ann, any_deal="tasks:write")  # a permission that she has
        write(function, nobodys, **ann)
        write(function, teams, **ann)
    deals.cancel(theirs)
    with pytest.raises(Forbidden):  # before what its status says
        write(public.add_reference, theirs, **ann)


def test_the_number_of_changes_of_dependencies(deals, write, runtime):
    id = deals.deal()
    write(public.add_reference, id, dependencies=0)
    with pytest.raises(VersionConflict):
        write(public.raise_version, id, dependencies=0)
    write(public.raise_version, id, dependencies=1)
    assert gate_of(runtime, id).dependencies == 2


def test_several_things_in_one_transaction(deals, context, runtime):
    id, ctx = deals.deal(), context("operator")
    tx = Transaction(ctx.store)
    for _ in range(3):
        public.add_reference(ctx, tx, id, any_deal=ANY_DEAL)
    tx.commit()
    assert gate_of(runtime, id).refs == 3


def test_names_of_a_deal(deals, context):
    ctx, id = context("operator"), deals.deal(external_ref="17")
    assert (public.resolve_id(ctx, id), ctx.store.round_trips) == (id, 0)
    assert (public.resolve_id(ctx, "17"), ctx.store.round_trips) == (id, 1)
    with pytest.raises(NotFound):
        public.resolve_id(ctx, "18")


def test_whose_deal_it_is_as_read(deals, context):
    id = deals.deal()
    gate = public.parse_gate(context("operator").store.get_item(public.gate_key(id)))
    public.require_own_deal(context("operator"), gate, ANY_DEAL)
    with pytest.raises(Forbidden):
        public.require_own_deal(context("dealmaker"), gate, ANY_DEAL)


def test_the_gate_keeps_the_hashes_of_contracts(deals, write, runtime):
    id = deals.deal()
    one, two = (public.contract_entry(contract, content_hash) for contract, content_hash in (("ctr_1", "aa"), ("ctr_2", "bb")))
    for entry in (one, two, two):
        write(public.change, id, add_contract=entry)
    assert gate_of(runtime, id).contract_hashes == {"ctr_1": "aa", "ctr_2": "bb"}
    write(public.change, id, remove_contract=one)
    assert gate_of(runtime, id).contract_hashes == {"ctr_2": "bb"}
    write(public.change, id, remove_contract=two)
    assert gate_of(runtime, id).contract_hashes == {}


def test_statuses_under_which_a_write_stands(deals, write):
    id = deals.deal()
    write(public.raise_version, id, statuses=(public.OPEN,))
    with pytest.raises(Conflict) as refused:
        write(public.raise_version, id, statuses=(public.FINALIZING,))
    assert (refused.value.members["code"], refused.value.members["deal_status"]) == ("deal_not_open", "open")


def test_a_snapshot_is_everything_in_the_deals_partition(deals, context):
    professional = deals.professional()
    id, other = deals.deal(), deals.deal()
    tasks = [deals.ok("POST", "/pros/tasks", _task(id, professional, title))["id"] for title in ("Call", "Write", "File")]
    deals.ok("POST", "/pros/tasks", _task(other, professional, "Elsewhere"))
    deals.ok("DELETE", f"/pros/tasks/{tasks[1]}")
    ctx = context("operator")
    snapshot = public.read_snapshot(ctx, id)
    assert (snapshot.deal.id, snapshot.gate.refs, ctx.store.round_trips) == (id, 2, 1)
    assert [task.id for task in snapshot.of_type("task")] == sorted([tasks[0], tasks[2]])
    assert [task.facts["status"] for task in snapshot.of_type("task")] == ["open", "open"]
    assert snapshot.of_type("contract") == []
    assert {row["pk"]["S"] for row in snapshot.rows.values()} == {id}
    with pytest.raises(NotFound):
        public.read_snapshot(ctx, UNKNOWN)


def _task(deal_id, professional_id, title):
    return {"deal_id": deal_id, "professional_id": professional_id, "title": title}


def test_what_follows_from_all_children_stands_while_none_is_written(deals, write, runtime):
    id = deals.deal()
    write(public.raise_version, id)
    ver = gate_of(runtime, id).ver
    write(public.raise_version, id, ver=ver)
    with pytest.raises(VersionConflict):
        write(public.raise_version, id, ver=ver)
    assert gate_of(runtime, id).ver == ver + 1


def test_whose_own_a_deal_is(deals, context):
    ann = context("dealmaker", user="user_ann")
    theirs, mine, nobodys = (
        public.Deal.from_values(owner=owner, team=team) for owner, team in (("user_bob", []), ("user_bob", ["user_ann"]), (None, []))
    )
    assert [public.is_own_deal(ann, deal) for deal in (theirs, mine, nobodys)] == [False, True, True]
