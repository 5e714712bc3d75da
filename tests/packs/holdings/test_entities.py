"""Keys of holdings: what names a thing names it alone, and can be read again."""

from datetime import date
from urllib.parse import unquote

import pytest

from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.keys import reversible_key_part
from chalicelib.packs.holdings.entities import DailyFxRates, Snapshot
from chalicelib.packs.holdings.rules.asset_details import KNOWN, detail_errors

HOLDING = "hold_01KB0Q5E8G7Z3V9X2M4N6P8R0T"


def test_ids_of_rates_and_snapshots_say_their_place():
    assert DailyFxRates.ID.key(DailyFxRates.id_of("EUR", date(2026, 10, 30))) == ItemKey("FX", "2026-10-30#EUR")
    assert Snapshot.ID.key(Snapshot.id_of(date(2026, 10, 30), "close", 2)) == ItemKey("SNAP", "2026-10-30#close#000002")
    for id in ("fx_1", "snap_2026-10-30", "x", ""):
        with pytest.raises(NotFound):
            DailyFxRates.ID.key(id)


@pytest.mark.parametrize("text", ["US-WA", "a#b", "50 %", "Été", "a\u00a0b", "日本", "#" * 100, "%23"])
def test_text_in_a_key_can_be_read_again(text):
    assert "#" not in reversible_key_part(text)
    assert unquote(reversible_key_part(text)) == text


def test_long_text_in_a_key_stays_apart():
    one, two = reversible_key_part("日" * 250 + "a"), reversible_key_part("日" * 250 + "b")
    assert one != two
    assert max(len(one.encode()), len(two.encode())) <= 600


@pytest.mark.parametrize(
    ("asset_type", "details", "wrong"),
    [
        ("property", {"year_built": 1998, "anything": {"at": "all"}}, []),
        ("property", {"year_built": "1998"}, ["year_built"]),
        ("property", {"year_built": 1998.5, "occupancy_pct": 101}, ["year_built", "occupancy_pct"]),
        ("note", {"maturity_on": "2030-02-29", "rate_pct": -1, "borrower": 5}, ["maturity_on", "rate_pct", "borrower"]),
        ("note", {"maturity_on": "2028-02-29", "principal": 0}, []),
        ("cash", {"account_last4": "12345"}, ["account_last4"]),
        ("cash", {"account_last4": "0042"}, []),
        ("property", {"units": True}, ["units"]),
        ("moon_rock", {"year_built": "unknown"}, []),
        ("equity", {"shares": None}, []),
    ],
)
def test_details_are_checked_where_their_type_is_known(asset_type, details, wrong):
    assert [name for name, _ in detail_errors(asset_type, details)] == wrong


def test_every_type_that_is_known_has_details():
    assert set(KNOWN) == {"property", "resort", "note", "trust_interest", "policy", "saas_stream", "vault", "equity", "cash"}
