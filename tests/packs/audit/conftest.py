"""What the tests of the trail share: a table with its stream, and the handlers on it."""

from tests.streams.conftest import world

__all__ = ["world"]
