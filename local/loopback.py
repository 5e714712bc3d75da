"""The names by which this machine is called from itself.

A web page can send requests to any port of the machine that shows it. By its own name, made to point here (DNS rebinding), it could
read the responses too: so whatever listens here answers to these names only.
"""

import re

_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a Host header, with or without a port, names this machine's loopback interface."""
    return _HOST.fullmatch(host) is not None
