"""What a record says and how it is chained, as pure functions."""

import hashlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.canonical_json import canonical_json as canonical
from chalicelib.foundation.json_codec import loads
from chalicelib.packs.audit.records import GENESIS, AuditRecord, chain_hash, shard
from chalicelib.packs.audit.verification import ChainVerifier

CONTENT = {
    "entity_id": "thing_1",
    "kind": "thing",
    "seq": 1,
    "action": "created",
    "actor": "user_ann",
    "at": "2026-11-24T18:00:00.000Z",
    "recorded_at": "2026-11-24T18:00:01.000Z",
    "changes": {},
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # From the examples of RFC 8785, sections 3.2.2 and 3.2.3, as far as the table can hold them.
        ({"b": None, "a": [True, False]}, '{"a":[true,false],"b":null}'),
        (
            {"\u20ac": 1, "\r": 2, "1": 3, "\U0001f600": 4, "\u0080": 5, "\u00f6": 6, "\ufb33": 7},
            '{"\\r":2,"1":3,"\u0080":5,"ö":6,"€":1,"😀":4,"\ufb33":7}',
        ),
        ('€$\x0f\nA\'B"\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\"/"'),
        (Decimal("4.50"), "4.5"),
        (Decimal("2E-3"), "0.002"),
        (Decimal("1E-27"), "1e-27"),
        (Decimal("1E+21"), "1e+21"),
        (Decimal("-0.00"), "0"),
        # Exact numbers: as numbers where a double holds their digits, as text otherwise.
        (Decimal("999999999999.999"), "999999999999.999"),
        (Decimal("0.1000000000000000055511151231257827"), '"0.1000000000000000055511151231257827"'),
        (2**53 - 1, "9007199254740991"),
        (2**53, '"9007199254740992"'),
    ],
)
def test_canonical_form(value, text):
    assert canonical(value) == text


@given(st.decimals(min_value=-(10**13), max_value=10**13, places=2))
def test_money_is_a_number_and_never_rounded(amount):
    assert loads(canonical(Decimal(amount))) == amount


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    )
)
def test_the_order_of_fields_does_not_matter(value):
    assert canonical(value) == canonical(dict(reversed(value.items())))


def test_the_hash_covers_the_previous_hash_and_the_canonical_text():
    record = AuditRecord.from_values(CONTENT, GENESIS)
    assert record.body == canonical(CONTENT)
    assert record.hash == hashlib.sha256(("0" * 64 + "\n" + record.body).encode()).hexdigest()
    assert AuditRecord.from_item(record.to_item()) == record


def test_a_record_can_be_verified_without_this_code():
    """With `sha256sum` and the row alone: what docs/audit.md promises."""
    item = AuditRecord.from_values(CONTENT, GENESIS).to_item()
    text = f"{item['prev_hash']['S']}\n{item['body']['S']}"
    assert hashlib.sha256(text.encode()).hexdigest() == item["hash"]["S"]


def test_records_of_a_day_are_spread_over_shards():
    assert {shard(f"thing_{number}") for number in range(50)} == {0, 1, 2, 3}
    assert AuditRecord.from_values(CONTENT, GENESIS).to_item()["gsi1pk"] == {"S": f"AUD#DAY#2026-11-24#{shard('thing_1')}"}


def chain_of(count):
    rows, before = [], GENESIS
    for seq in range(1, count + 1):
        record = AuditRecord.from_values(
            {**CONTENT, "seq": seq, "action": "created" if seq == 1 else "updated", "notes": "x" * seq}, before
        )
        rows.append(record.to_item())
        before = record.hash
    return rows


@given(st.data(), st.integers(1, 8))
def test_every_changed_byte_is_detected(data, count):
    rows = chain_of(count)
    assert ChainVerifier("thing_1").check_records(rows) is None
    index = data.draw(st.integers(0, count - 1))
    name = data.draw(st.sampled_from(["body", "hash", "prev_hash"]))
    text = rows[index][name]["S"]
    at = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(exclude_characters=text[at], exclude_categories=["Cs"]))
    rows[index] = rows[index] | {name: {"S": text[:at] + character + text[at + 1 :]}}
    chain_break = ChainVerifier("thing_1").check_records(rows)
    assert chain_break is not None
    assert chain_break.seq == index + 1


@given(st.data(), st.integers(2, 8))
def test_every_wrong_order_is_detected(data, count):
    rows = chain_of(count)
    bodies = data.draw(st.permutations(range(count)).filter(lambda order: order != list(range(count))))
    swapped = [rows[index] | {name: rows[other][name] for name in ("body", "hash", "prev_hash")} for index, other in enumerate(bodies)]
    first = next(index for index, other in enumerate(bodies) if index != other)
    chain_break = ChainVerifier("thing_1").check_records(swapped)
    assert chain_break is not None
    assert chain_break.seq == first + 1


@pytest.mark.parametrize(
    "body", ["", "no json", "[]", "{}", '{"entity_id":"thing_1"}', '{"entity_id":"thing_1","seq":"x","action":"updated"}']
)
def test_an_invalid_body_is_a_break_even_with_a_valid_hash(body):
    rows = chain_of(1)
    before = rows[0]["hash"]["S"]
    rows.append(
        rows[0] | {"sk": {"S": "0000000002"}, "body": {"S": body}, "prev_hash": {"S": before}, "hash": {"S": chain_hash(before, body)}}
    )
    chain_break = ChainVerifier("thing_1").check_records(rows)
    assert chain_break is not None
    assert chain_break.seq == 2
