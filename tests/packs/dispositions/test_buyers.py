"""Buyers: what they hold, how they are found, when they may go, and how they opt out."""

from datetime import timedelta
from typing import Any

import pytest

from tests.packs.dispositions.dispositions_client import DispositionsClient

WHOLE = {
    "name": "Ann Adams",
    "email": "Ann@Example.com",
    "phone": "+1 (206) 555-0100",
    "company": "Adams Homes",
    "buy_box_summary": "Small houses near water.",
    "buy_box": {
        "property_types": ["single_family"],
        "markets": ["98103", "981*", "seattle/wa", "98103"],
        "price_min": 50000,
        "price_max": 140000,
        "bedrooms_min": 2,
        "bathrooms_min": 1,
        "sqft_min": 900,
        "year_built_min": 1950,
        "max_repairs": 50000,
        "max_pct_of_arv": 75,
        "strategies": ["flip"],
    },
    "funding": "cash",
    "proof_of_funds": {"amount": 200000, "issued_on": "2026-01-31", "holder": "First Bank", "verified_by": "Dee"},
    "tags": ["quick"],
    "notes": "Calls back.",
}


def errors(problem: Any) -> list[str]:
    return [".".join(one["loc"]) for one in problem["errors"]]


def names(page: Any) -> list[str]:
    return [one["name"] for one in page["items"]]


class TestBuyers:
    def test_a_whole_one(self, dispositions, round_trips):
        answer = dispositions.call("POST", "/dispo/buyers", WHOLE)
        assert (answer.status, round_trips()) == (201, 2)
        made = answer.json()
        assert answer.headers["location"].endswith(f"/dispo/buyers/{made['id']}")
        assert made["phone"] == "+12065550100"
        assert made["buy_box"]["markets"] == ["98103", "981*", "seattle/WA"]
        assert made["proof_of_funds"]["expires_on"] == "2026-03-02"  # thirty days
        assert made["proof_of_funds"]["currency"] == "USD"
        assert (made["tier"], made["is_active"], made["do_not_contact"], made["warnings"]) == ("C", True, False, [])
        assert made["statistics"]["close_rate"] is None
        assert dispositions.read(made["id"]) == made
        assert round_trips() == 1

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": None}, "name"),
            ({"email": "nobody"}, "email"),
            ({"phone": "206-555-0100"}, "phone"),
            ({"tier": "A"}, "tier"),
            ({"is_active": None}, "is_active"),
            ({"funding": "love"}, "funding"),
            ({"buy_box": {"markets": ["981"]}}, "buy_box.markets.0"),
            ({"buy_box": {"markets": ["98103"] * 21}}, "buy_box.markets"),
            ({"buy_box": {"strategies": ["hope"]}}, "buy_box.strategies.0"),
            ({"buy_box": {"price_min": 2, "price_max": 1}}, "buy_box.price_max"),
            ({"buy_box": {"price_min": "0.001"}}, "buy_box.price_min"),
            ({"buy_box": {"pool": True}}, "buy_box.pool"),
            ({"proof_of_funds": {"amount": 1}}, "proof_of_funds.issued_on"),
            ({"proof_of_funds": {"amount": 1, "issued_on": "2026-02-01", "expires_on": "2026-01-31"}}, "proof_of_funds.expires_on"),
            ({"proof_of_funds": {"amount": "1.005", "issued_on": "2026-02-01"}}, "proof_of_funds.amount"),
        ],
    )
    def test_wrong_ones(self, dispositions, body, field):
        assert errors(dispositions.expect_error(422, "POST", "/dispo/buyers", {"name": "Ann", **body})) == [field]

    def test_a_replay(self, dispositions):
        key = {"Idempotency-Key": "b"}
        first = dispositions.call("POST", "/dispo/buyers", WHOLE, headers=key)
        again = dispositions.call("POST", "/dispo/buyers", WHOLE, headers=key)
        assert (again.status, again.json(), again.headers["idempotent-replayed"]) == (201, first.json(), "true")
        assert len(dispositions.ok("GET", "/dispo/buyers")["items"]) == 1

    def test_two_of_one_email_are_warned_of(self, dispositions):
        dispositions.buyer(email="ann@example.com")
        assert dispositions.ok("POST", "/dispo/buyers", {"name": "B", "email": "ANN@example.com"})["warnings"] == ["duplicate_email"]
        other = dispositions.buyer("C", email="ann@example.com.au")
        assert dispositions.read(other)["warnings"] == []
        assert dispositions.ok("PATCH", f"/dispo/buyers/{other}", {"email": "Ann@Example.com"})["warnings"] == ["duplicate_email"]

    def test_a_patch_merges(self, dispositions, round_trips):
        id = dispositions.ok("POST", "/dispo/buyers", WHOLE)["id"]
        after = dispositions.ok(
            "PATCH",
            f"/dispo/buyers/{id}",
            {"buy_box": {"price_max": 150000, "strategies": None}, "proof_of_funds": {"amount": 250000}, "notes": None},
        )
        assert round_trips() == 2
        assert (after["buy_box"]["price_max"], after["buy_box"]["price_min"]) == (150000, 50000)
        assert "strategies" not in after["buy_box"]
        assert (after["proof_of_funds"]["amount"], after["proof_of_funds"]["expires_on"]) == (250000, "2026-03-02")
        assert (after["notes"], after["revision"]) == (None, 2)
        renewed = dispositions.ok("PATCH", f"/dispo/buyers/{id}", {"proof_of_funds": {"issued_on": "2026-11-01"}})
        assert renewed["proof_of_funds"]["expires_on"] == "2026-12-01"
        assert dispositions.ok("PATCH", f"/dispo/buyers/{id}", {"proof_of_funds": None, "buy_box": None})["buy_box"] is None
        assert dispositions.ok("PATCH", f"/dispo/buyers/{id}", {"name": "Ann Adams"})["revision"] == 4  # nothing new
        for wrong in ({"is_active": None}, {"name": None}, {"do_not_contact": None}, {"proof_of_funds": {"amount": 3}}):
            dispositions.expect_error(422, "PATCH", f"/dispo/buyers/{id}", wrong)
        dispositions.expect_error(412, "PATCH", f"/dispo/buyers/{id}", {"notes": "x"}, headers={"If-Match": '"1"'})

    def test_it_goes_unless_something_of_it_stands(self, dispositions):
        buyer = dispositions.buyer(buy_box={"markets": ["98103"]})
        pipeline = dispositions.pipeline()
        id = dispositions.offer(pipeline, buyer)
        assert dispositions.expect_error(409, "DELETE", f"/dispo/buyers/{buyer}")["code"] == "referred_to"
        dispositions.assign(id)
        dispositions.expect_error(409, "DELETE", f"/dispo/buyers/{buyer}")
        dispositions.fall_out(id)
        dispositions.ok("DELETE", f"/dispo/buyers/{buyer}")
        dispositions.expect_error(404, "GET", f"/dispo/buyers/{buyer}")
        dispositions.expect_error(404, "PATCH", f"/dispo/buyers/{buyer}", {"notes": "x"})
        dispositions.expect_error(404, "DELETE", f"/dispo/buyers/{buyer}")
        for query in ({}, {"active_only": "false"}, {"q": "ann"}, {"market": "98103"}):
            assert dispositions.ok("GET", "/dispo/buyers", query=query)["items"] == []
        assert dispositions.ok("GET", f"/dispo/pipelines/{pipeline}/matches")["items"] == []

    def test_who_bought_stays(self, dispositions):
        buyer = dispositions.buyer()
        id = dispositions.offer(dispositions.pipeline(), buyer)
        dispositions.assign(id)
        dispositions.close(id)
        assert dispositions.expect_error(409, "DELETE", f"/dispo/buyers/{buyer}")["held_by"] == [id]

    def test_what_holds_it_is_named(self, dispositions, clock):
        buyer, offers = dispositions.buyer(), []
        for _ in range(22):
            offers.append(dispositions.offer(dispositions.pipeline(), buyer))
            clock.now += timedelta(minutes=1)
        dispositions.offer(dispositions.pipeline(), dispositions.buyer("Other"))
        dispositions.fall_out(offers[-1], "seller", None)
        dispositions.assign(offers[-2])
        refused = dispositions.expect_error(409, "DELETE", f"/dispo/buyers/{buyer}")
        # The newest first by the pipelines, whose ids begin those of their assignments.
        assert (refused["code"], refused["held_by"]) == ("referred_to", offers[-2:0:-1])
        assert "21 other things" in refused["detail"]


class TestLists:
    def test_active_ones_newest_first(self, dispositions, clock):
        for name, active in (("A", True), ("B", False), ("C", True)):
            dispositions.buyer(name, is_active=active)
            clock.now += timedelta(seconds=1)
        assert names(dispositions.ok("GET", "/dispo/buyers")) == ["C", "A"]
        assert names(dispositions.ok("GET", "/dispo/buyers", query={"active_only": "false"})) == ["C", "B", "A"]
        dispositions.expect_error(422, "GET", "/dispo/buyers", query={"active_only": "perhaps"})

    def test_by_the_beginning_of_name_or_email(self, dispositions, round_trips):
        dispositions.buyer("Ann Adams", email="zed@example.com")
        dispositions.buyer("ANNA  Bell", email="anna@example.com")
        dispositions.buyer("Zoe", email="ANN@example.com")
        dispositions.buyer("Joann")
        dispositions.buyer("Anno", is_active=False)
        assert names(dispositions.ok("GET", "/dispo/buyers", query={"q": "aNN"})) == ["Ann Adams", "Zoe", "ANNA  Bell"]
        assert round_trips() == 2
        assert names(dispositions.ok("GET", "/dispo/buyers", query={"q": "anna b"})) == ["ANNA  Bell"]
        assert names(dispositions.ok("GET", "/dispo/buyers", query={"q": "zed@"})) == ["Ann Adams"]
        assert names(dispositions.ok("GET", "/dispo/buyers", query={"q": "anno", "active_only": "false"})) == ["Anno"]
        assert names(dispositions.ok("GET", "/dispo/buyers", query={"q": "#"})) == []
        dispositions.buyer("Émile Zola")
        for written in ("ÉMILE", "E\u0301mile"):  # an accent in one sign, and as a sign of its own
            assert names(dispositions.ok("GET", "/dispo/buyers", query={"q": written})) == ["Émile Zola"]

    def test_by_market_each_once(self, dispositions, clock):
        for name, markets in (("exact", ["98103"]), ("both", ["98103", "981*"]), ("wide", ["98*"]), ("else", ["98104", "Seattle/WA"])):
            dispositions.buyer(name, buy_box={"markets": markets})
            clock.now += timedelta(seconds=1)
        dispositions.buyer("anywhere")
        assert names(dispositions.ok("GET", "/dispo/buyers", query={"market": "98103"})) == ["wide", "both", "exact"]
        assert names(dispositions.ok("GET", "/dispo/buyers", query={"market": "98103-1234", "q": "bo"})) == ["both"]
        found, query = [], {"market": "98103", "limit": "1"}
        while True:
            page = dispositions.ok("GET", "/dispo/buyers", query=query)
            found += names(page)
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert found == ["wide", "both", "exact"]

    def test_a_changed_market_moves_the_row(self, dispositions):
        id = dispositions.buyer("Ann", buy_box={"markets": ["98103", "98104"]})
        dispositions.ok("PATCH", f"/dispo/buyers/{id}", {"buy_box": {"markets": ["98104", "99501"]}, "name": "Anna"})
        found = [names(dispositions.ok("GET", "/dispo/buyers", query={"market": code})) for code in ("98103", "98104", "99501")]
        assert found == [[], ["Anna"], ["Anna"]]


class TestContacts:
    def test_they_are_masked_for_a_viewer(self, dispositions, client_as):
        id = dispositions.ok("POST", "/dispo/buyers", WHOLE)["id"]
        viewer = DispositionsClient(client_as("viewer"))
        seen = viewer.read(id)
        assert (seen["name"], seen["email"], seen["phone"]) == ("•••", "•••", "•••")
        assert (seen["proof_of_funds"]["holder"], seen["proof_of_funds"]["amount"]) == ("•••", 200000)
        (item,) = viewer.ok("GET", "/dispo/buyers")["items"]
        assert (item["name"], item["email"], item["phone"]) == ("•••", "•••", "•••")
        viewer.expect_error(403, "GET", "/dispo/buyers", query={"q": "ann"})
        (match,) = viewer.ok("GET", f"/dispo/pipelines/{dispositions.pipeline()}/matches")["items"]
        assert match["name"] == "•••"
        assert "ann" not in str(viewer.ok("GET", "/dispo/buyers", query={"market": "98103"})).lower()
        assert dispositions.read(id)["name"] == "Ann Adams"


class TestRecord:
    def test_lapses_spoil_no_record(self, dispositions, project, clock):
        buyer = dispositions.buyer()
        for _ in range(2):
            dispositions.fall_out(dispositions.offer(dispositions.pipeline(), buyer), "seller", None)
        for days in (3, 5):
            id = dispositions.offer(dispositions.pipeline(), buyer)
            dispositions.assign(id)
            clock.now += timedelta(days=days)
            dispositions.close(id)
        for reason in ("title", "financing"):
            id = dispositions.offer(dispositions.pipeline(), buyer)
            dispositions.assign(id)
            dispositions.fall_out(id, reason)
        dispositions.offer(dispositions.pipeline(), buyer)
        project()
        record = dispositions.ok("GET", f"/dispo/buyers/{buyer}/stats")
        assert record == {
            "buyer_id": buyer, "offered": 7, "assigned": 4, "closed": 2, "fallout": 2, "lapsed": 2, "close_rate": 50, "fallout_rate": 50,
            "median_days_to_close": 4, "last_closed_on": "2026-12-02", "tier": "C",
        }  # fmt: skip
        whole = dispositions.read(buyer)
        assert whole["statistics"] == {name: value for name, value in record.items() if name != "buyer_id"}
        assert len(dispositions.ok("GET", f"/dispo/buyers/{buyer}/assignments")["items"]) == 7
        dispositions.expect_error(404, "GET", "/dispo/buyers/buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T/stats")
        dispositions.expect_error(404, "GET", "/dispo/buyers/buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T/assignments")

    def test_assignments_leave_the_list_with_their_pipeline(self, dispositions):
        buyer, pipeline = dispositions.buyer(), dispositions.pipeline()
        kept, gone = dispositions.offer(dispositions.pipeline(), buyer), dispositions.offer(pipeline, buyer)
        dispositions.fall_out(gone, "seller", None)
        dispositions.ok("DELETE", f"/wholesale/{pipeline}")
        dispositions.expect_error(404, "GET", f"/dispo/assignments/{gone}")
        assert [one["id"] for one in dispositions.ok("GET", f"/dispo/buyers/{buyer}/assignments")["items"]] == [kept]

    def test_the_summary(self, dispositions, project, clock):
        one = dispositions.offer(dispositions.pipeline(contract_effective_on="2026-11-14"))
        dispositions.assign(one)
        dispositions.close(one, closed_on="2026-10-31")
        in_cad = dispositions.offer(dispositions.pipeline(currency="CAD"))
        dispositions.assign(in_cad)
        dispositions.close(in_cad)
        lost = dispositions.offer(dispositions.pipeline(), earnest_money={"amount": 5000})
        dispositions.assign(lost)
        dispositions.money(lost, "received")
        dispositions.fall_out(lost, "buyer_withdrew", "forfeited")
        project()
        whole = dispositions.ok("GET", "/dispo/summary")
        assert whole["months"] == [
            {"month": "2026-10", "currency": "USD", "fees": 13000, "fees_gross": 13000, "unknown": 0},
            {"month": "2026-11", "currency": "CAD", "fees": 13000, "fees_gross": 13000, "unknown": 0},
        ]
        assert whole["forfeits"] == {"USD": 5000}
        assert (str(whole["close_rate"]), str(whole["fallout_rate"])) == ("66.67", "33.33")
        assert whole["days_contract_to_assignment"] == 5  # of 10 and 0
        november = dispositions.ok("GET", "/dispo/summary", query={"from": "2026-11-01", "to": "2026-11-30"})
        assert [one["currency"] for one in november["months"]] == ["CAD"]
        assert dispositions.ok("GET", "/dispo/summary", query={"to": "2026-10-31"})["forfeits"] == {}
        assert errors(dispositions.expect_error(422, "GET", "/dispo/summary", query={"from": "2026-11-02", "to": "2026-11-01"})) == ["to"]
        dispositions.expect_error(422, "GET", "/dispo/summary", query={"from": "2026-11"})


@pytest.mark.parametrize("address", ["/dispo/buyers/{}", "/dispo/buyers/{}/stats"])
def test_a_record_explains_itself(dispositions, project, clock, address):
    buyer = dispositions.buyer()
    path = address.format(buyer)
    assert dispositions.ok("GET", path, query={"explain": "true"})["explain"]["missing"] == ["closed"]
    for days in (3, 5):
        id = dispositions.offer(dispositions.pipeline(), buyer)
        dispositions.assign(id)
        clock.now += timedelta(days=days)
        dispositions.close(id)
    lost = dispositions.offer(dispositions.pipeline(), buyer)
    dispositions.assign(lost)
    dispositions.fall_out(lost, "financing")
    project()
    plain = dispositions.call("GET", path)
    explained = dispositions.call("GET", path, query={"explain": "true"})
    shown = explained.json()
    assert shown.pop("explain") == {
        "inputs": {
            "offered": 3, "assigned": 3, "closed": 2, "fallout": 1, "own_faults": 1, "days:3": 1, "days:5": 1,
            "closed_on:2026-11-27": 1, "closed_on:2026-12-02": 1, "own_fault_on:2026-12-02": 1,
        },
        "formula": {"id": "dispositions.record", "version": 1},
        "as_of": "2026-12-02T18:00:00.000Z",
        "missing": [],
    }  # fmt: skip
    assert shown == plain.json()
    assert (shown["tier"], str(shown.get("statistics", shown)["close_rate"])) == ("C", "66.67")
    assert explained.headers["etag"].startswith('W/"')
    assert explained.headers["etag"] != plain.headers["etag"]
    dispositions.expect_error(422, "GET", path, query={"explain": "yes"})


def test_the_record_and_the_summary_say_what_they_are_made_of(client_as):
    operator = client_as("operator")
    buyer = operator("POST", "/dispo/buyers", {"name": "Cedar Homes"}).json()["id"]
    plain = operator("GET", f"/dispo/buyers/{buyer}/stats").json()
    shown = operator("GET", f"/dispo/buyers/{buyer}/stats", query={"explain": "true"}).json()
    assert shown.pop("explain") == {
        "inputs": {},
        "formula": {"id": "dispositions.record", "version": 1},
        "as_of": "2026-11-24T18:00:00.000Z",
        "missing": ["closed"],
    }
    assert shown == plain
    explained = operator("GET", "/dispo/summary", query={"explain": "true"}).json()["explain"]
    assert (explained["formula"]["id"], explained["missing"]) == ("dispositions.summary", ["closed"])
