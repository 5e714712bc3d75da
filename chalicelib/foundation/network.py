"""The part of a client's address that limits count by."""

from ipaddress import IPv6Address, ip_address, ip_network

_PREFIX = 64  # bits: the smallest network that a site is given; within it a client chooses its address freely


def client_network(address: str) -> str:
    """An IPv4 address as it is, an IPv6 address as its network of 64 bits: "2001:db8:0:1::/64". Any other text is unchanged."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), _PREFIX), strict=False))
