"""What it means that a name is found on a side of a deal."""

import pytest

from chalicelib.packs.alignment.rules.conflicts import KnownParty, find_parties, verdict


@pytest.mark.parametrize(
    ("asked", "side", "live", "what"),
    [
        ("opposing", "ours", True, "adverse"),
        ("ours", "opposing", True, "adverse"),
        ("opposing", "ours", False, "note"),
        ("opposing", "opposing", True, "note"),
        ("ours", "ours", True, "note"),
        ("neutral", "ours", True, "note"),
        ("opposing", "neutral", True, "note"),
    ],
)
def test_adverse_is_ours_against_opposing_in_a_live_deal(asked, side, live, what):
    assert verdict(asked, side, is_live=live) == what


def test_parties_are_found_by_the_rule_of_names_each_once():
    ann = KnownParty("deal_1", None, "Dr. Ann LEE", "seller", "opposing")
    near = KnownParty("deal_2", "pipe_1", "Anna Lees Baker", None, "ours")
    other = KnownParty("deal_3", None, "Ann Other", None, "ours")
    found = find_parties(("lee", "ann"), [ann, near, other, ann])
    assert [(one.party.deal_id, one.match) for one in found] == [("deal_1", "exact")]
    assert [one.match for one in find_parties(("anna", "lees"), [near])] == ["fuzzy"]
