"""The daily seal: its hashes as other programs compute them, its signature, and what it doesn't hide."""

import hashlib
from dataclasses import replace
from datetime import date

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs.audit import seals
from chalicelib.packs.audit.seals import FIRST, DayRecords, Leaf, leaf_hash, make_seal, seal_error, tree_root
from tests.packs.audit.seal_keys import jwks, private_pem, public

V142 = [Leaf("deal_A", 3, "a" * 64), Leaf("deal_B", 1, "b" * 64), Leaf("pipe_C", 7, "c" * 64)]
DAY = date(2026, 11, 24)
KEYS = public("s1")


def recorded(leaves=V142, records=11):
    found = DayRecords()
    for leaf in leaves:
        found.add(leaf)
    found.records = records
    return found


def sealed(day=DAY, *, prev_hash=FIRST, kid="s1", leaves=V142, records=11):
    return make_seal(day, recorded(leaves, records), prev_hash, kid, private_pem(kid))


def test_v142():
    assert V142[0].text == '{"entity_id":"deal_A","hash":"' + "a" * 64 + '","seq":3}'
    assert leaf_hash(V142[0]).hex() == "9baf7e116e4388d778b0db0b5fb9290cad33d34e97bd2141fc2a38aa90e4ab20"
    seal = sealed()
    assert seal.root == "3b547b1933acdfa5b12b2c5a81b1d13236b04963bd97cbb514a1f5242b3f7529"
    assert (seal.entities, seal.records, seal.prev_hash) == (3, 11, "0" * 64)
    assert seal.hash == "08f67284e19445086c82f71d8fe03b7259b8e1b3aea7019c56eccbbfa45ee74c"


def rfc_6962(leaves):
    """The definition of section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + rfc_6962(leaves[:k]) + rfc_6962(leaves[k:])).digest()


@pytest.mark.parametrize("count", [*range(20), 31, 32, 33, 100])
def test_the_root_is_rfc_6962s(count):
    leaves = [Leaf(f"deal_{number:03}", number, hashlib.sha256(bytes([number])).hexdigest()) for number in range(1, count + 1)]
    assert tree_root(leaves) == rfc_6962([leaf.text.encode() for leaf in leaves]).hex()


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 30)), unique=True), st.randoms())
def test_a_leaf_is_the_last_record_of_an_entity_in_whatever_order_they_are_read(pairs, chance):
    one, other = DayRecords(), DayRecords()
    for entity, seq in pairs:
        one.add(Leaf(entity, seq, str(seq)))
    chance.shuffle(pairs)
    for entity, seq in pairs:
        other.add(Leaf(entity, seq, str(seq)))
    assert list(one.leaves) == list(other.leaves)
    assert [(leaf.entity_id, leaf.seq) for leaf in one.leaves] == sorted({(e, max(s for f, s in pairs if f == e)) for e, _ in pairs})
    assert one.records == len(pairs)


def test_the_signature_is_a_compact_jws_over_the_text():
    seal = sealed()
    assert jwt.get_unverified_header(seal.signature) == {"alg": "ES256", "kid": "s1"}
    signed = jwt.api_jws.decode(seal.signature, KEYS["s1"], ["ES256"])
    assert signed.decode() == seal.text
    assert hashlib.sha256(signed).hexdigest() == seal.hash


def test_an_empty_day_is_sealed_too():
    seal = sealed(leaves=[], records=0)
    assert seal.root == hashlib.sha256(b"").hexdigest()
    assert seal_error(seal, None, KEYS) is None


def test_a_seal_follows_the_one_before():
    first = sealed()
    second = sealed(date(2026, 11, 25), prev_hash=first.hash)
    assert seal_error(first, None, KEYS) is None
    assert seal_error(second, first, KEYS) is None
    assert seal_error(sealed(date(2026, 11, 26), prev_hash=first.hash), first, KEYS).startswith("missing")
    assert seal_error(first, second, KEYS).startswith("reordered")
    assert seal_error(sealed(date(2026, 11, 25)), first, KEYS).startswith("unchained")


@pytest.mark.parametrize("field", ["date", "root", "entities", "records", "prev_hash", "hash"])
def test_a_changed_field_is_found(field):
    seal = sealed()
    values = {"date": "2026-11-23", "root": "0" * 64, "entities": 4, "records": 12, "prev_hash": "1" * 64, "hash": "2" * 64}
    changed = replace(seal, **{field: values[field]})
    assert seal_error(changed, None, KEYS).startswith("mutated")
    if field != "hash":  # with the hash that fits it is the signature that is another's
        assert seal_error(replace(changed, hash=seals.seal_hash(changed.text)), None, KEYS).startswith("forged")


def test_another_key_and_another_signature_are_found():
    assert seal_error(sealed(kid="s2"), None, KEYS).startswith("unsigned")
    forged = make_seal(DAY, recorded(), FIRST, "s1", private_pem("s2"))
    assert seal_error(forged, None, KEYS).startswith("forged")
    other = sealed(date(2026, 11, 25))
    assert seal_error(replace(sealed(), signature=other.signature), None, KEYS).startswith("forged")
    assert seal_error(replace(sealed(kid="s2"), kid="s1"), None, public("s1", "s2")).startswith("forged")
    for nothing in ("", "a.b.c", jwt.encode({}, "", "none")):
        assert seal_error(replace(sealed(), signature=nothing), None, KEYS).startswith("forged")


def test_what_was_recorded_otherwise_is_found():
    seal = sealed()
    assert seals.records_error(seal, recorded()) is None
    assert "12 records instead of 11" in seals.records_error(seal, recorded(records=12))
    assert "2 entities instead of 3" in seals.records_error(seal, recorded(V142[:2]))
    assert seals.records_error(seal, recorded([*V142[:2], V142[2]._replace(hash="d" * 64)])).startswith("unsealed")


@pytest.mark.parametrize("wrong", [{"date": "24.11.2026"}, {"date": "20261124"}, {"entities": "3"}, {"entities": True}, {"hash": None}])
def test_only_a_seal_is_read_as_one(wrong):
    values = seals.asdict(sealed()) | wrong
    with pytest.raises(ValueError, match=r"day|seal|isoformat"):
        seals.Seal.from_values(values)


def test_only_keys_for_seals_are_taken_from_a_key_set():
    (good,) = jwks("s1")
    assert "d" not in good
    wrong = [{}, {**good, "x": "AAAA"}, {**good, "kty": "oct", "k": "AAAA"}, {name: good[name] for name in good if name != "kid"}]
    assert list(seals.public_keys([*wrong, good])) == ["s1"]
