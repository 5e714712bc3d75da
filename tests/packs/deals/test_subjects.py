"""How other packs see a deal, whose it becomes, and what the trail says of it."""

from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs import PACKS
from chalicelib.packs.deals import public
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.deals.deals_client import gate_of


def test_what_an_approval_is_bound_to(deals, context):
    id, subjects, ctx = deals.deal(value=5, kind="sale"), SubjectRegistry(PACKS), context("operator")
    before = subjects.load(ctx, id)
    assert (before.type, before.requested_by, before.facts["value"], before.facts["status"]) == ("deal", "user_operator", 5, "open")
    deals.change(id, notes="x", title="Y", parties=[{"name": "Ada", "side": "ours"}])
    assert subjects.load(ctx, id).content_hash == before.content_hash
    hashes = {before.content_hash}
    for change in ({"value": 6}, {"currency": "EUR"}, {"kind": "other"}, {"professional_ids": [deals.professional()]}):
        deals.change(id, **change)
        hashes.add(subjects.load(ctx, id).content_hash)
    assert len(hashes) == 5


def test_who_asked_for_it_owns_it_or_else_opened_it(deals, context, client_as):
    client_as("dealmaker", user="user_ann").be_signed_in()
    subjects, ctx = SubjectRegistry(PACKS), context("operator")
    assert subjects.load(ctx, deals.deal(owner="user_ann")).requested_by == "user_ann"
    assert subjects.load(ctx, deals.deal(owner=None)).requested_by == "user_operator"


def test_it_is_handed_over(ada, person, deals, runtime):
    leaver, heir = person("dealmaker"), person("dealmaker")
    ids = [leaver("POST", "/deals", {"title": "T"}).json()["id"] for _ in range(2)]
    deals.cancel(ids[0])
    moved = ada("POST", f"/auth/users/{leaver.id}/handover", {"to": heir.id}).json()
    assert (moved["moved_by_kind"], moved["done"]) == ({"deal": 2}, True)
    for id in ids:
        assert deals.ok("GET", f"/deals/{id}")["owner"] == heir.id
        assert gate_of(runtime, id).owner == heir.id


def test_parties_are_personal():
    assert {"parties"} == public.Deal.PERSONAL
