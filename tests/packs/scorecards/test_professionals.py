"""Professionals by the API: what they are, who sees what of them, how lists find them, what stands against their deletion."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.json_codec import dumps
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs import PACKS
from chalicelib.packs.scorecards import public
from tests.packs.scorecards.scorecards_client import PROFESSIONALS, ScorecardsClient

SECOND = timedelta(seconds=1)
UNKNOWN = "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"
LICENSE = {"kind": "bar", "number": "12345", "jurisdiction": "WA", "expires_on": "2027-05-31"}
EVERYTHING = {
    "name": "Grace Hopper",
    "role": "lawyer",
    "organization": "Hopper & Sons",
    "external_ref": "crm-7",
    "public_urls": ["https://example.com/grace"],
    "email": "grace@example.com",
    "phone": "+12065550100",
    "jurisdictions": ["WA", "OR"],
    "specializations": ["Real Estate", "tax"],
    "hourly_rate": 187.5,
    "currency": "USD",
    "licenses": [LICENSE],
    "is_active": True,
    "notes": "Answers on the same day.",
}


def row_items(runtime: Any, pk: str) -> list[dict[str, Any]]:
    condition = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}}
    return runtime.dynamodb.query(TableName=runtime.settings.table, ConsistentRead=True, **condition)["Items"]


# -- what they are


def test_everything_comes_back_as_it_was_sent(scorecards):
    made = scorecards.ok("POST", PROFESSIONALS, EVERYTHING)
    assert {name: made[name] for name in EVERYTHING} == EVERYTHING
    assert (made["revision"], made["created_by"]) == (1, "user_operator")
    assert scorecards.read(made["id"]) == made


def test_little_is_needed(scorecards):
    made = scorecards.ok("POST", PROFESSIONALS, {"name": "Ada", "role": "va"})
    expected = {"currency": "USD", "is_active": True, "licenses": [], "public_urls": [], "jurisdictions": [], "specializations": []}
    assert {name: made[name] for name in expected} == expected
    assert made["organization"] is made["hourly_rate"] is made["email"] is None


def test_the_answer_says_where_it_is(scorecards):
    answer = scorecards.call("POST", PROFESSIONALS, {"name": "Ada", "role": "va"})
    assert answer.headers["location"] == f"{PROFESSIONALS}/{answer.json()['id']}"
    assert answer.headers["etag"] == '"1"'


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "wizard"}, ["role"]),
        ({"role": None}, ["role"]),
        ({"name": "  "}, ["name"]),
        ({"phone": "0206 555 0100"}, ["phone"]),
        ({"email": "nobody"}, ["email"]),
        ({"hourly_rate": -1}, ["hourly_rate"]),
        ({"hourly_rate": 1.234}, ["hourly_rate"]),
        ({"hourly_rate": 1.5, "currency": "JPY"}, ["hourly_rate"]),
        ({"public_urls": [f"https://example.com/{number}" for number in range(11)]}, ["public_urls"]),
        ({"jurisdictions": [f"P{number}" for number in range(61)]}, ["jurisdictions"]),
        ({"specializations": [f"P{number}" for number in range(21)]}, ["specializations"]),
        ({"licenses": [LICENSE] * 21}, ["licenses"]),
        ({"licenses": [{**LICENSE, "number": None}]}, ["licenses", "0", "number"]),
        ({"licenses": [{name: value for name, value in LICENSE.items() if name != "expires_on"}]}, ["licenses", "0", "expires_on"]),
        ({"status": "active"}, ["status"]),
        ({"id": UNKNOWN}, ["id"]),
    ],
)
def test_what_is_no_professional_is_refused(scorecards, body, field):
    refusal = scorecards.expect_error(422, "POST", PROFESSIONALS, {"name": "Ada", "role": "lawyer", **body})
    assert [str(part) for part in refusal["errors"][0]["loc"]] == field
    if body != {"role": None}:
        assert scorecards.expect_error(422, "PATCH", f"{PROFESSIONALS}/{scorecards.professional()}", body)["errors"]


def test_a_phone_is_written_in_one_way(scorecards):
    assert scorecards.read(scorecards.professional(phone="+1 (206) 555-0100"))["phone"] == "+12065550100"


def test_words_that_are_the_same_are_one(scorecards):
    made = scorecards.read(scorecards.professional(jurisdictions=["WA", "wa", " Wa "], specializations=["Tax", "ＴＡＸ", "Title"]))
    assert (made["jurisdictions"], made["specializations"]) == (["WA"], ["Tax", "Title"])


# -- changes


def test_a_change_merges(scorecards):
    id = scorecards.ok("POST", PROFESSIONALS, EVERYTHING)["id"]
    changed = scorecards.patch(
        id, name="Grace M. Hopper", licenses=[{**LICENSE, "expires_on": "2028-05-31"}], email=None, jurisdictions=None
    )
    assert changed["revision"] == 2
    assert (changed["name"], changed["email"], changed["jurisdictions"]) == ("Grace M. Hopper", None, [])
    assert changed["licenses"] == [{**LICENSE, "expires_on": "2028-05-31"}]
    assert changed["notes"] == EVERYTHING["notes"]
    assert scorecards.read(id) == changed


def test_what_changes_nothing_is_no_revision(scorecards):
    id = scorecards.ok("POST", PROFESSIONALS, EVERYTHING)["id"]
    assert scorecards.patch(id, licenses=[LICENSE], hourly_rate="187.50", phone="+1 206 555 0100")["revision"] == 1


@pytest.mark.parametrize("body", [{}, {"name": None}, {"currency": None}, {"is_active": None}])
def test_what_is_no_change_is_refused(scorecards, body):
    scorecards.expect_error(422, "PATCH", f"{PROFESSIONALS}/{scorecards.professional()}", body)


def test_a_rate_has_the_decimals_of_its_currency_after_a_change_of_either(scorecards):
    id = scorecards.professional(hourly_rate=187.5)
    assert scorecards.expect_error(422, "PATCH", f"{PROFESSIONALS}/{id}", {"currency": "JPY"})["errors"][0]["loc"] == ["hourly_rate"]
    assert scorecards.patch(id, currency="JPY", hourly_rate=20000)["currency"] == "JPY"


def test_if_match(scorecards):
    id = scorecards.professional()
    scorecards.patch(id, notes="x")
    for method, body in (("PATCH", {"notes": "y"}), ("DELETE", None)):
        scorecards.expect_error(412, method, f"{PROFESSIONALS}/{id}", body, headers={"If-Match": '"1"'})
    assert scorecards.ok("PATCH", f"{PROFESSIONALS}/{id}", {"notes": "y"}, headers={"If-Match": '"2"'})["revision"] == 3


@pytest.mark.parametrize("id", [UNKNOWN, "x", "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])
def test_what_is_not_there_is_not_found(scorecards, id):
    for method, body in (("GET", None), ("PATCH", {"notes": "x"}), ("DELETE", None)):
        scorecards.expect_error(404, method, f"{PROFESSIONALS}/{id}", body)


def test_an_external_reference_is_one_professionals(scorecards):
    first, second = scorecards.professional(external_ref="crm-7"), scorecards.professional()
    for method, path in (("POST", PROFESSIONALS), ("PATCH", f"{PROFESSIONALS}/{second}")):
        refusal = scorecards.expect_error(
            409, method, path, {"external_ref": "crm-7", **({"name": "B", "role": "va"} if method == "POST" else {})}
        )
        assert (refusal["code"], refusal["id"]) == ("external_ref_taken", first)
    scorecards.patch(first, external_ref="crm-8")
    assert scorecards.patch(second, external_ref="crm-7")["external_ref"] == "crm-7"
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{second}")
    assert scorecards.professional(external_ref="crm-7")


def test_a_repeated_creation_is_the_first_one(scorecards):
    key = {"Idempotency-Key": "once"}
    first, again = (scorecards.call("POST", PROFESSIONALS, EVERYTHING, headers=key) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(scorecards.listed()) == 1


# -- who sees what


def test_contacts_are_masked_for_who_may_not_see_them(scorecards, client_as):
    id = scorecards.ok("POST", PROFESSIONALS, EVERYTHING)["id"]
    for role in ("viewer", "King"):
        seen = ScorecardsClient(client_as(role)).read(id)
        assert (seen["email"], seen["phone"], seen["licenses"]) == ("•••", "•••", [{**LICENSE, "number": "•••"}])
        assert seen["name"] == "Grace Hopper"
    for role in ("admin", "operator", "dealmaker", "counsel", "auditor"):
        assert ScorecardsClient(client_as(role)).read(id)["phone"] == "+12065550100"
    assert ScorecardsClient(client_as("viewer")).read(scorecards.professional())["email"] is None


def test_a_professional_sees_only_themselves(scorecards, client_as):
    own, other = scorecards.professional("Grace", email="grace@example.com"), scorecards.professional("Ada")
    grace = ScorecardsClient(client_as("professional", professional_id=own))
    assert grace.read(own)["email"] == "grace@example.com"
    grace.expect_error(404, "GET", f"{PROFESSIONALS}/{other}")
    assert grace.listed() == ["Grace"]
    assert grace.listed(role="va") == []
    assert grace.listed(active="true", role="lawyer") == ["Grace"]
    grace.expect_error(403, "PATCH", f"{PROFESSIONALS}/{own}", {"notes": "x"})
    both = ScorecardsClient(client_as("professional", "viewer", professional_id=own))
    assert sorted(both.listed()) == ["Ada", "Grace"]
    nobody = ScorecardsClient(client_as("professional"))
    assert nobody.listed() == []
    nobody.expect_error(404, "GET", f"{PROFESSIONALS}/{own}")


# -- lists


@pytest.fixture
def everybody(scorecards, clock):
    """Four professionals, the newest last."""
    clock.now += SECOND
    scorecards.professional("Ann", organization="Title Co.", jurisdictions=["WA", "OR"], specializations=["Tax"])
    clock.now += SECOND
    scorecards.professional(
        "Ben", organization="title  CO.", role="title", jurisdictions=["wa"], specializations=["closing"], is_active=False
    )
    clock.now += SECOND
    scorecards.professional("Cyd", jurisdictions=["Île-de-France"], specializations=["tax", "closing"])
    clock.now += SECOND
    scorecards.professional("Dan", organization="Other", role="title", jurisdictions=["OR"])
    return scorecards


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, "Dan Cyd Ben Ann"),
        ({"role": "title"}, "Dan Ben"),
        ({"role": "lender"}, ""),
        ({"organization": "TITLE co."}, "Ben Ann"),
        ({"jurisdiction": "Wa"}, "Ben Ann"),
        ({"jurisdiction": "île-de-france"}, "Cyd"),
        ({"jurisdiction": "W"}, ""),
        ({"specialization": "TAX"}, "Cyd Ann"),
        ({"active": "true"}, "Dan Cyd Ann"),
        ({"active": "false"}, "Ben"),
        ({"active": "false", "role": "title"}, "Ben"),
        ({"active": "true", "role": "title"}, "Dan"),
        ({"jurisdiction": "or", "role": "lawyer"}, "Ann"),
        ({"jurisdiction": "wa", "specialization": "tax", "organization": "title co.", "role": "lawyer", "active": "true"}, "Ann"),
        ({"jurisdiction": "wa", "specialization": "tax", "active": "false"}, ""),
    ],
)
def test_lists_find_by_all_filters_together(everybody, query, names):
    assert everybody.listed(**query) == names.split()


def test_a_list_shows_the_summary(everybody):
    rows = everybody.ok("GET", PROFESSIONALS, query={"jurisdiction": "Île-de-France"})["items"]
    assert [set(row) for row in rows] == [
        {"id", "name", "role", "organization", "jurisdictions", "specializations", "is_active", "created_at"}
    ]
    assert (rows[0]["jurisdictions"], rows[0]["organization"]) == (["Île-de-France"], None)


def test_a_list_is_paged(scorecards, clock):
    names = [f"P{number:02}" for number in range(7)]
    for name in names:
        clock.now += SECOND
        scorecards.professional(name, jurisdictions=["WA"])
    for query in ({}, {"jurisdiction": "wa"}, {"role": "lawyer"}):
        seen, cursor = [], {}
        while cursor is not None:
            page = scorecards.ok("GET", PROFESSIONALS, query={**query, "limit": "3", **cursor})
            seen += [one["name"] for one in page["items"]]
            cursor = page["next_cursor"] and {"cursor": page["next_cursor"]}
        assert seen == names[::-1]


def test_lists_follow_every_change(scorecards):
    id = scorecards.professional("Ann", jurisdictions=["WA", "OR"], specializations=["tax"], organization="A")
    scorecards.patch(id, jurisdictions=["CA"], specializations=["title", "closing"], organization="B", role="broker", is_active=False)
    for query in ({"jurisdiction": "WA"}, {"jurisdiction": "OR"}, {"specialization": "tax"}, {"organization": "A"}, {"role": "lawyer"}):
        assert scorecards.listed(**query) == []
    for query in ({"jurisdiction": "ca"}, {"specialization": "title"}, {"organization": "b"}, {"role": "broker"}, {"active": "false"}):
        assert scorecards.listed(**query) == ["Ann"]
    scorecards.patch(id, name="Anna")
    assert scorecards.listed(jurisdiction="ca") == scorecards.listed() == ["Anna"]
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{id}")
    for query in ({}, {"jurisdiction": "ca"}, {"specialization": "title"}, {"organization": "b"}, {"role": "broker"}, {"active": "false"}):
        assert scorecards.listed(**query) == []


def test_everything_may_be_replaced_at_once(scorecards, runtime):
    many = {"jurisdictions": [f"a{n}" for n in range(60)], "specializations": [f"b{n}" for n in range(20)]}
    id = scorecards.professional("Ann", **many, external_ref="one")
    other = {"jurisdictions": [f"c{n}" for n in range(60)], "specializations": [f"d{n}" for n in range(20)]}
    scorecards.patch(id, **other, role="broker", is_active=False, external_ref="two", name="Anna")
    assert scorecards.listed(jurisdiction="a7") == scorecards.listed(specialization="b7") == []
    assert scorecards.listed(jurisdiction="c59") == scorecards.listed(specialization="d19") == ["Anna"]
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{id}")
    assert {row["sk"]["S"] for row in row_items(runtime, id)} == {"!", "~"}


# -- cards


def cards(runtime: Any, role: str | None = None) -> list[Any]:
    return list(map(public.ProfessionalCard.from_item, runtime.store().query_all(public.ProfessionalCard.range(role))))


def test_a_card_follows_its_professional(scorecards, runtime):
    licenses = [LICENSE, {**LICENSE, "jurisdiction": "wa", "kind": "broker", "expires_on": "2026-01-01"}, {**LICENSE, "jurisdiction": "OR"}]
    id = scorecards.ok("POST", PROFESSIONALS, {**EVERYTHING, "licenses": licenses})["id"]
    (card,) = cards(runtime)
    assert (card.professional_id, card.name, card.role, card.active) == (id, "Grace Hopper", "lawyer", True)
    assert (card.specializations, card.jurisdictions) == (["real estate", "tax"], ["or", "wa"])
    assert card.licenses == {"wa": "2027-05-31", "or": "2027-05-31"}
    assert (card.hourly_rate, card.currency) == (187.5, "USD")
    scorecards.professional("Ada", role="lender")
    scorecards.patch(id, role="broker", hourly_rate=None, is_active=False)
    assert [one.name for one in cards(runtime, "broker")] == ["Grace Hopper"]
    assert cards(runtime, "lawyer") == []
    assert (cards(runtime, "broker")[0].hourly_rate, cards(runtime, "broker")[0].active) == (None, False)
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{id}")
    assert [one.name for one in cards(runtime)] == ["Ada"]


def test_a_card_is_small(scorecards, runtime):
    scorecards.ok("POST", PROFESSIONALS, EVERYTHING)
    (item,) = row_items(runtime, "PROCARD")
    assert len(dumps(item)) < 600  # as it is sent, which is more than is stored


# -- references


def refer(context: Any, id: str, count: int = 1, **more: Any) -> None:
    ctx = context("operator")
    tx = Transaction(ctx.store)
    public.add_reference(tx, id, count, **more) if count > 0 else public.remove_reference(tx, id, -count)
    tx.commit()


def test_what_is_referred_to_stays(scorecards, context):
    id = scorecards.professional()
    refer(context, id, 2)
    refusal = scorecards.expect_error(409, "DELETE", f"{PROFESSIONALS}/{id}")
    assert (refusal["code"], refusal["held_by"]) == ("referred_to", [])
    refer(context, id, -2)
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{id}")
    scorecards.expect_error(404, "GET", f"{PROFESSIONALS}/{id}")


def test_nothing_new_refers_to_who_is_not_there_or_not_active(scorecards, context):
    with pytest.raises(NotFound):
        refer(context, UNKNOWN)
    with pytest.raises(NotFound):
        refer(context, "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
    id = scorecards.professional(is_active=False)
    with pytest.raises(Conflict) as inactive:
        refer(context, id)
    assert inactive.value.members["code"] == "professional_inactive"
    refer(context, id, active=False)
    refer(context, id, -1)
    scorecards.patch(id, is_active=True)
    refer(context, id)
    refer(context, id, -1)
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{id}")
    with pytest.raises(Conflict, match="deleted"):
        refer(context, id)


def test_it_is_a_subject(scorecards, context):
    ctx, subjects = context("operator"), SubjectRegistry(PACKS)
    id = scorecards.ok("POST", PROFESSIONALS, EVERYTHING)["id"]
    before = subjects.load(ctx, id)
    assert (before.type, before.requested_by) == ("professional", id), "nobody decides on themselves"
    assert "user_operator" in before.responsible
    assert before.facts == {
        "name": "Grace Hopper", "role": "lawyer", "organization": "Hopper & Sons", "is_active": True,
        "licensed_until": {"wa": "2027-05-31"},
    }  # fmt: skip
    scorecards.patch(id, notes="x", name="G. Hopper", is_active=False)
    assert subjects.load(ctx, id).content_hash == before.content_hash
    for change in ({"organization": "Other"}, {"role": "va"}, {"licenses": []}, {"hourly_rate": 200}, {"currency": "EUR"}):
        earlier = subjects.load(ctx, id).content_hash
        scorecards.patch(id, **change)
        assert subjects.load(ctx, id).content_hash != earlier
