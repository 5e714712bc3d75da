"""Which addresses of the internet are public, by the IANA registries of special-purpose addresses.

Written out rather than asked of `ipaddress.is_global`, whose registry depends on the version of Python: the answer is the same everywhere.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address

# What is private, shared by carriers, loopback, link-local, of a protocol, documentation, benchmarks, multicast, reserved or broadcast.
_SPECIAL_V4 = [
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
        *("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's metadata, at an address that looks public
    )
]
_UNICAST_V6 = ip_network("2000::/3")  # all that is handed out; loopback, private, link-local, multicast and v4-compatible lie outside
_SPECIAL_V6 = [
    ip_network(text)
    for text in (
        "2001::/23",  # protocols, Teredo (a v4 address inside) among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: a v4 address inside
        "2620:4f:8000::/48",
        "3fff::/20",
    )
]
_NUMERIC_END = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?\Z")


def is_public(address: IPAddress) -> bool:
    """Whether anybody on the internet is reached by it: neither private, loopback, link-local, multicast, reserved nor of metadata."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.packed[8:12] in (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe"):  # ISATAP: a v4 address inside
            return False
        return address.scope_id is None and address in _UNICAST_V6 and not any(address in network for network in _SPECIAL_V6)
    return not any(address in network for network in _SPECIAL_V4)


def literal_address(host: str) -> IPAddress | None:
    """The address that a host is written as, in any form that a system takes for one; None for a name. Raises ValueError for a broken one.

    `127.1`, `2130706433`, `0x7f.1` and `0177.0.0.1` are 127.0.0.1: a resolver would make it of them, so what ends in a number is no name.
    """
    if ":" in host:
        return ip_address(host)
    last = host.removesuffix(".").rpartition(".")[2]
    if not _NUMERIC_END.fullmatch(last):
        return None
    try:
        return IPv4Address(socket.inet_aton(host.removesuffix(".")))
    except OSError:
        raise ValueError("not an address") from None
