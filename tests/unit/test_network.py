"""What limits take for one client."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.network import client_network


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::/64"),
        ("2001:0db8:0:0:ffff::2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_a_client_is_its_ipv4_address_or_its_ipv6_network(address: str, network: str) -> None:
    assert client_network(address) == network


@given(st.integers(0, 2**128 - 1), st.integers(0, 127))
def test_two_ipv6_addresses_are_one_client_where_their_first_64_bits_are_equal(number: int, bit: int) -> None:
    one, other = IPv6Address(number), IPv6Address(number ^ (1 << bit))
    if one.ipv4_mapped is None and other.ipv4_mapped is None:
        assert (client_network(str(one)) == client_network(str(other))) == (bit < 64)


@given(st.integers(0, 2**32 - 1))
def test_every_ipv4_address_is_a_client_of_its_own(number: int) -> None:
    assert client_network(str(IPv4Address(number))) == str(IPv4Address(number))
