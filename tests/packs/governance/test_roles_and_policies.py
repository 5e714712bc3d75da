"""Roles, their holders, and the policies."""

from datetime import timedelta

import pytest

from tests.packs.auth.auth_fixtures import ada, admin, person, quick_hashing
from tests.packs.governance.governance_client import G, Office

__all__ = ["ada", "admin", "person", "quick_hashing"]

P = f"{G}/policies"
POLICY = {"requested_action": "sign", "subject_type": "contract", "roles": ["King", "Tyr"], "people": 2}
BODY = {"policies": [POLICY], "self_approval": "refuse"}


def holders(client, role):
    roles = client("GET", f"{G}/roles").json()["roles"]
    return next(one["holders"] for one in roles if one["role"] == role)


class TestRoles:
    def test_what_each_may_do(self, office: Office):
        roles = {one["role"]: one for one in office.operator.ok("GET", f"{G}/roles")["roles"]}
        assert list(roles) == ["King", "Queen", "Odin", "Tyr", "Loki"]
        assert roles["Tyr"]["powers"] == ["approve", "deny", "final-denial", "flag"]
        assert roles["Tyr"]["subjects"] == ["contract", "deal"]
        assert (roles["Loki"]["powers"], roles["Loki"]["subjects"], roles["King"]["subjects"]) == (["flag"], None, None)
        assert all(one["about"] and one["holders"] == [] for one in roles.values())

    def test_their_holders(self, ada, person):
        eve = person("viewer")
        path = f"{G}/roles/King/holders"
        answer = ada("POST", path, {"user_id": eve.id})
        assert (answer.status, answer.json()) == (200, {"user_id": eve.id, "role": "King", "governance_roles": ["King"]})
        assert ada("POST", path, {"user_id": eve.id}).status == 200
        assert ada("POST", f"{G}/roles/Tyr/holders", {"user_id": eve.id}).json()["governance_roles"] == ["King", "Tyr"]
        assert ada("GET", f"/auth/users/{eve.id}").json()["governance_roles"] == ["King", "Tyr"]
        assert holders(ada, "King") == [{"user_id": eve.id, "name": "Somebody"}]
        assert ada("DELETE", f"{path}/{eve.id}").status == 204
        assert ada("DELETE", f"{path}/{eve.id}").status == 404
        assert (holders(ada, "King"), len(holders(ada, "Tyr"))) == ([], 1)
        ada("DELETE", f"/auth/users/{eve.id}")
        assert holders(ada, "Tyr") == []

    def test_the_same_refusals_as_of_a_users_change(self, ada, person):
        eve, operator = person("viewer"), person("operator")
        path = f"{G}/roles/King/holders"
        assert operator("POST", path, {"user_id": eve.id}).status == 403
        assert operator("DELETE", f"{path}/{eve.id}").status == 403
        assert ada("POST", path, {"user_id": ada.id}).status == 200, "nobody holds it"
        other = person("admin")
        assert other("POST", path, {"user_id": other.id}).status == 403, "somebody holds it"
        assert ada("POST", f"{G}/roles/Thor/holders", {"user_id": eve.id}).status == 404
        assert ada("DELETE", f"{G}/roles/Thor/holders/{eve.id}").status == 404
        assert ada("POST", path, {"user_id": "user_01KB0Q5E8G7Z3V9X2M4N6P8R0T"}).status == 404
        key = ada("POST", "/auth/api-keys", {"name": "k", "roles": ["admin"]}).json()["key"]
        by_key = ada.anonymous("POST", path, {"user_id": eve.id}, headers={"X-API-Key": key})
        assert by_key.status == 403

    def test_who_lost_their_rights_a_moment_ago(self, ada, person):
        eve, second = person("viewer"), person("admin")
        assert ada("PATCH", f"/auth/users/{second.id}", {"roles": ["viewer"]}).status == 200
        assert second("POST", f"{G}/roles/King/holders", {"user_id": eve.id}).status == 403


class TestPolicies:
    def test_at_first(self, office: Office):
        assert office.operator.ok("GET", P) == {
            "version": 1,
            "policies": [
                {
                    "requested_action": "finalize",
                    "subject_type": "deal",
                    "kind": None,
                    "above": 250_000,
                    "currency": "USD",
                    "roles": ["King", "Queen"],
                    "people": 2,
                }
            ],
            "self_approval": "finding",
            "proposals": [],
        }

    def test_odin_proposes_and_another_confirms(self, office: Office, odin, king):
        answer = odin.call("PUT", P, BODY)
        assert answer.status == 202
        proposal = answer.json()
        assert proposal["expires_at"] == "2026-12-01T18:00:00.000Z"
        assert (proposal["proposed_by"], proposal["self_approval"]) == ("user_odin", "refuse")
        now = king.ok("GET", P)
        assert (now["version"], len(now["policies"]), now["proposals"]) == (1, 1, [proposal])
        after = king.ok("POST", f"{P}/proposals/{proposal['id']}/confirm")
        assert (after["version"], after["self_approval"], after["proposals"]) == (2, "refuse", [])
        assert after["policies"] == [POLICY | {"kind": None, "above": None, "currency": None}]
        assert king.ok("GET", P) == after
        king.expect_error(404, "POST", f"{P}/proposals/{proposal['id']}/confirm")
        assert king.decide(office.deal())["policy_version"] == 2
        assert not king.standing(office.deal(value=300_000))["required"], "the policy is no more"

    def test_everyone_else_is_refused(self, office: Office, odin, king, queen, tyr):
        for client in (king, queen, tyr, office.somebody("admin"), office.somebody("operator")):
            assert client.call("PUT", P, BODY).status == 403
        proposal = odin.ok("PUT", P, BODY)
        for client in (odin, tyr, office.somebody("admin"), office.somebody("operator")):
            assert client.call("POST", f"{P}/proposals/{proposal['id']}/confirm").status == 403

    def test_nobody_confirms_their_own(self, office: Office):
        both = office.holder("Odin", "King")
        proposal = both.ok("PUT", P, BODY)
        both.expect_error(403, "POST", f"{P}/proposals/{proposal['id']}/confirm")
        office.holder("Queen").ok("POST", f"{P}/proposals/{proposal['id']}/confirm")

    def test_the_next_proposal_replaces_it(self, odin, king):
        first = odin.ok("PUT", P, BODY)
        second = odin.ok("PUT", P, {**BODY, "policies": []})
        assert [one["id"] for one in king.ok("GET", P)["proposals"]] == [second["id"]]
        king.expect_error(404, "POST", f"{P}/proposals/{first['id']}/confirm")
        assert king.ok("POST", f"{P}/proposals/{second['id']}/confirm")["policies"] == []

    def test_it_lapses_after_a_week(self, odin, king, clock):
        proposal = odin.ok("PUT", P, BODY)
        clock.now += timedelta(days=7) - timedelta(milliseconds=1)
        assert len(king.ok("GET", P)["proposals"]) == 1
        clock.now += timedelta(milliseconds=1)
        assert king.ok("GET", P)["proposals"] == []
        king.expect_error(404, "POST", f"{P}/proposals/{proposal['id']}/confirm")

    def test_a_repeated_confirmation(self, odin, king):
        path = f"{P}/proposals/{odin.ok('PUT', P, BODY)['id']}/confirm"
        header = {"Idempotency-Key": "k"}
        assert king.ok("POST", path, headers=header) == king.ok("POST", path, headers=header)

    @pytest.mark.parametrize(
        ("change", "loc"),
        [
            ({"above": 5}, ["policies", "0", "currency"]),
            ({"currency": "USD"}, ["policies", "0", "currency"]),
            ({"above": "5.001", "currency": "USD"}, ["policies", "0", "above"]),
            ({"roles": ["Loki"]}, ["policies", "0", "roles"]),
            ({"roles": ["King", "Odin"]}, ["policies", "0", "roles"]),
            ({"roles": []}, ["policies", "0", "roles"]),
            ({"people": 0}, ["policies", "0", "people"]),
            ({"requested_action": "*"}, ["policies", "0", "requested_action"]),
            ({"subject_type": "buyer"}, ["policies", "0", "subject_type"]),
        ],
    )
    def test_what_contradicts_itself(self, odin, change, loc):
        problem = odin.expect_error(422, "PUT", P, {**BODY, "policies": [{**POLICY, **change}]})
        assert [error["loc"] for error in problem["errors"]] == [loc]

    def test_the_same_twice(self, odin):
        problem = odin.expect_error(422, "PUT", P, {**BODY, "policies": [POLICY, {**POLICY, "people": 1}]})
        assert [error["loc"] for error in problem["errors"]] == [["policies", "1", "requested_action"]]
        odin.ok("PUT", P, {**BODY, "policies": [POLICY, {**POLICY, "kind": "nda"}, {**POLICY, "above": 5, "currency": "USD"}]})

    def test_who_decides_by_old_policies_reads_the_new_ones(self, office: Office, odin, king, context):
        """A process that has the old ones cached commits nothing by them."""
        from chalicelib.foundation.errors import VersionConflict
        from chalicelib.foundation.store.transactions import Transaction
        from chalicelib.packs.governance import public as governance

        ctx = context("operator")
        before = ctx.store.round_trips
        old = governance.policies(ctx)
        assert (old.version, ctx.store.round_trips - before) == (1, 2)
        governance.policies(ctx)
        assert ctx.store.round_trips - before == 2, "none while they are cached"
        king.ok("POST", f"{P}/proposals/{odin.ok('PUT', P, BODY)['id']}/confirm")
        tx = Transaction(ctx.store)
        governance.check_policies(ctx, tx, old)
        with pytest.raises(VersionConflict):
            tx.commit()
        assert governance.policies(ctx).version == 2
