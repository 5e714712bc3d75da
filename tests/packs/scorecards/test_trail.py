"""What is personal about professionals is sealed in the trail, which shows all else."""

from typing import Any

from chalicelib.foundation.store import codec
from tests.packs.scorecards.scorecards_client import ScorecardsClient
from tests.streams.stream_feeder import deliver

SECRETS = (
    "Grace Hopper",
    "grace@example.com",
    "+12065550100",
    "https://example.com/grace",
    "WSBA-12345",
    "Answers at once.",
    "Late by a day.",
)


def test_what_is_personal_is_sealed(world: Any, client_as: Any) -> None:
    scorecards = ScorecardsClient(client_as("operator"))
    id = scorecards.professional(
        email="grace@example.com",
        phone="+12065550100",
        public_urls=["https://example.com/grace"],
        licenses=[{"kind": "bar", "number": "WSBA-12345", "jurisdiction": "WA", "expires_on": "2027-05-31"}],
        notes="Answers at once.",
        organization="Hopper & Sons",
    )
    logged = scorecards.log(id, deliverable_quality=0.4321, notes="Late by a day.")
    scorecards.patch(id, notes=None, email=None, hourly_rate=187.5)
    scorecards.dispute(logged, "It was moved.")
    deliver(world.audit(), world.feed.entities())
    rows = str([codec.decode_item(row) for row in world.rows("AUD#")])
    assert not [secret for secret in SECRETS if secret in rows]
    trail = str([client_as("auditor")("GET", f"/audit/trail/{one}").json() for one in (id, logged["id"])])
    assert "Hopper & Sons" in trail
    assert "0.4321" in trail
