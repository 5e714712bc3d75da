"""All that is held on a professional, over all packs: in few round trips, and honest about what is left out."""

import pytest

from chalicelib.foundation import held_data
from tests.packs.governance.governance_client import Office


@pytest.fixture
def office(runtime, client_as):
    return Office(runtime, client_as)


def _filled(signals, office):
    """A professional with something of every pack."""
    professional = signals.professional()
    signals.kept(professional)
    deal = signals.ok("POST", "/deals", {"title": "1201 Pine St", "professional_ids": [professional]})["id"]
    signals.ok("POST", f"/pros/scorecard/{professional}/log", {"met_deadline": True, "notes": "On the day."})
    signals.ok("POST", "/pros/tasks", {"professional_id": professional, "deal_id": deal, "title": "Order the report"})
    signals.ok("POST", "/contracts/lifecycle", {"professional_id": professional, "deal_id": deal, "title": "Engagement"})
    retainer = {"professional_id": professional, "name": "Title work", "monthly_hours_included": 40, "renewal_date": "2027-11-24"}
    signals.ok("POST", "/pros/retainers", retainer)
    signals.ok("POST", f"/pros/handoff/{professional}", {"summary": "Two reports are missing."})
    signals.ok("PATCH", f"/pros/scorecard/professionals/{professional}", {"email": "ann@example.com"})
    document = {"deal_id": deal, "document_type": "disclosure", "storage_url": "https://files.example.com/a.pdf"}
    signals.ok("POST", "/documents/routes", {**document, "professional_id": professional})
    profile = signals.ok("POST", "/pros/profiles", {"name": "Careful"})["id"]
    signals.ok("POST", f"/pros/{professional}/align", {"profile_id": profile})
    office.operator.ask(professional, "assign")
    office.holder("King").decide(professional)
    return professional, deal


def test_every_pack_brings_its_part_within_eight_round_trips(signals, office, round_trips):
    professional, deal = _filled(signals, office)
    round_trips()
    data = signals.ok("GET", f"/pros/{professional}/data")
    assert round_trips() <= 8
    assert {name: len(rows) for name, rows in data["parts"].items()} == dict.fromkeys(data["parts"], 1)
    assert data["parts"]["deals"] == [{"deal_id": deal}]
    assert data["parts"]["interactions"][0]["notes"] == "On the day."
    assert data["cut"] == []


def test_what_isnt_read_is_named(signals, office, monkeypatch):
    """Of a partition that is larger than three pages the parts say so that come after these."""
    professional, _ = _filled(signals, office)
    monkeypatch.setattr(held_data, "_MAX_PAGES", 1)
    query = held_data.KeyRange.query_arguments
    monkeypatch.setattr(
        held_data.KeyRange, "query_arguments", lambda range: query(range) | ({"Limit": 2} if range.pk == professional else {})
    )
    data = signals.ok("GET", f"/pros/{professional}/data")
    assert len(data["parts"]["professional"]) == 1
    assert {"interactions", "alignments", "deals"} <= set(data["cut"])
    assert "tasks" not in data["cut"]
