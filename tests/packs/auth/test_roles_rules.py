"""The matrix of roles: complete, closed, and as strict as it was agreed."""

import json
import re
from itertools import pairwise

import pytest

from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN
from chalicelib.foundation.roles import ABOUT, GOVERNANCE, GOVERNANCE_ROLES, ROLES, RoleMatrix
from chalicelib.packs import PACKS
from tests import recorded

MATRIX = RoleMatrix(PACKS)
permissions = MATRIX.permissions


def test_the_matrix_is_as_it_was_agreed():
    assert recorded.roles() == json.loads(recorded.ROLES.read_text()), "a permission came or went: check it, then `make record`"


def test_a_row_is_declared_once():
    with pytest.raises(AssertionError, match="declared twice"):
        RoleMatrix([*PACKS, next(pack for pack in PACKS if pack.permissions)])


def test_every_role_is_known_and_described():
    assert set(ABOUT) == {*ROLES, *GOVERNANCE_ROLES}
    assert set(GOVERNANCE) == set(GOVERNANCE_ROLES)
    for cells in [row.cells for row in MATRIX.rows.values()]:
        assert set(cells) <= set(ROLES)


def test_every_cell_is_letters_and_then_rights():
    for cells in [row.cells for row in MATRIX.rows.values()]:
        for cell in cells.values():
            letters, *rights = cell.split(" ")
            assert re.fullmatch("r?w?a?", letters)
            assert all(re.fullmatch("[a-z]+(-[a-z]+)*", right) for right in rights)
            assert all(one != other for one, other in pairwise(sorted(rights)))


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_what_an_endpoint_asks_somebody_holds(pack):
    held = permissions(ROLES)
    for endpoint in pack.endpoints:
        assert endpoint.permission in (PUBLIC, SIGNED_IN) or endpoint.permission in held, endpoint


def test_an_unknown_role_allows_nothing():
    assert permissions(["emperor", ""]) == frozenset()
    assert permissions([]) == frozenset()


def test_roles_add_up():
    assert permissions(["viewer", "counsel"]) == permissions(["viewer"]) | permissions(["counsel"])


def test_a_limit_gives_way_where_another_role_reads_without_it():
    held = permissions(["professional", "viewer"])
    assert "tasks:read" in held
    assert "tasks:own" not in held, "a viewer reads everybody's"
    assert {"tasks:own-status", "retainers:own-log", "signals:own-dispute"} <= held, "but acts on their own only"
    assert "tasks:own-status" not in permissions(["professional", "operator"]), "an operator acts on everybody's"
    assert "documents:own" not in permissions(["professional", "King"]), "governance reads all"
    assert "tasks:own" in permissions(["professional"])


def test_a_viewer_only_reads():
    assert all(permission.endswith((":read", ":summary-only")) for permission in permissions(["viewer"]))
    assert "wholesale:contacts" not in permissions(["viewer"])


def test_an_auditor_writes_nothing_but_findings_and_the_trails_checks():
    writes = {permission for permission in permissions(["auditor"]) if permission.endswith((":write", ":admin"))}
    assert {permission.partition(":")[0] for permission in writes} <= {"findings", "trail"}


def test_a_professional_sees_only_their_own():
    held = permissions(["professional"])
    packs = {permission.partition(":")[0] for permission in held} - {"events"}
    assert packs == {"signals", "alignment", "scorecards", "retainers", "handoffs", "tasks", "documents"}
    assert all(f"{pack}:own" in held for pack in packs)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "admin"])
def test_only_administrators_change_users_and_settings(role):
    assert not {"users:write", "users:admin", "ops:write", "ops:admin", "governance:holders"} & permissions([role])


@pytest.mark.parametrize(
    ("right", "roles"),
    [
        ("contracts:approve", {"counsel"}),
        ("contracts:send", {"admin", "operator", "counsel"}),
        ("contracts:recall", {"admin", "operator"}),
        ("deals:finalize", {"admin", "operator"}),
        ("dispositions:close", {"admin", "operator"}),
        ("dispositions:override", {"admin", "operator"}),
        ("wholesale:contacts", {"admin", "operator", "dealmaker", "counsel", "auditor"}),
        ("retainers:short-notice", {"admin"}),
        ("retainers:activate", {"admin", "operator"}),
        ("signals:settle", {"admin", "operator"}),
        ("signals:dispute", {"admin", "operator", "professional"}),
        ("signals:data", {"admin", "operator", "professional"}),
        ("scorecards:dispute", {"admin", "operator", "professional"}),
        ("scorecards:contacts", {"admin", "operator", "dealmaker", "counsel", "auditor", "professional"}),
        ("handoffs:accept", {"admin", "operator", "professional"}),
        ("tasks:status", {"admin", "operator", "dealmaker", "counsel", "professional"}),
        ("alignment:conflict-check", {"admin", "operator", "counsel"}),
        ("findings:accept", {"auditor"}),
        ("holdings:correct-snapshots", {"admin"}),
        ("holdings:fx", {"admin", "operator"}),
        ("users:read", {"admin", "operator", "auditor"}),
    ],
)
def test_who_holds_a_special_right(right, roles):
    assert {role for role in ROLES if right in permissions([role])} == roles


def test_governance_roles_read_what_they_decide_on_and_write_nothing():
    for role in GOVERNANCE_ROLES:
        assert permissions([role]) == {f"{pack}:read" for pack in MATRIX.governed} | {"findings:deal", "findings:all"}


def test_what_each_governance_role_may():
    assert {role for role, (acts, _) in GOVERNANCE.items() if "override" in acts} == {"King", "Queen"}
    assert GOVERNANCE["Loki"] == (frozenset({"flag"}), None)
    assert GOVERNANCE["Tyr"][1] == {"contract", "deal"}
    assert GOVERNANCE["Odin"][1] == {"professional", "retainer", "holding"}
    assert {role for role, (acts, _) in GOVERNANCE.items() if "policies" in acts} == {"King", "Queen", "Odin"}
