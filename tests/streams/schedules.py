"""Histories of changes, and what a stream may do to them, for properties."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from chalicelib.foundation.streams import StreamRecord
from tests.streams.stream_feeder import replayed, shuffled

_places = st.integers(0, 4)
_amounts = st.decimals(min_value=-1000, max_value=1000, places=2).map(Decimal)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("group"), _places, st.sampled_from("abc")),
        st.tuples(st.just("amount"), _places, _amounts),
        st.tuples(st.just("notes"), _places, st.sampled_from([None, "some"])),
        st.tuples(st.just("holder"), _places, st.sampled_from([None, {"name": "Ida"}, {"name": "Ada"}])),
        st.tuples(st.just("delete"), _places, st.none()),
        st.tuples(st.just("purge"), _places, st.none()),
    ),
    min_size=1,
    max_size=25,
)


def play(world: Any, written: list[tuple[str, int, Any]]) -> None:
    """Write a history: a place that has no thing yet (or none any more) gets one."""
    things: dict[int, Any] = {}
    for what, place, value in written:
        thing = things.get(place)
        if thing is None:
            things[place] = world.create()
        elif what == "purge":
            world.purge(things.pop(place))
        elif thing.deleted_at:
            continue
        elif what == "delete":
            things[place] = world.delete(thing)
        else:
            things[place] = world.edit(thing, **{what: value})


def disturbed(records: list[StreamRecord], chance: random.Random) -> tuple[list[StreamRecord], list[StreamRecord]]:
    """The records as they come, shuffled between items and with repetitions, without some; and those that come only in the end."""
    late = [record for record in records if chance.random() < 0.15]
    return [record for record in replayed(shuffled(records, chance), chance) if record not in late], late


class Intruded:
    """A client before whose calls another worker sometimes does a piece of its own."""

    def __init__(self, client: Any, intrude: Callable[[], None], chance: random.Random, rate: float = 0.3) -> None:
        self._client, self._intrude, self._chance, self._rate = client, intrude, chance, rate
        self._inside = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            if not self._inside and self._chance.random() < self._rate:
                self._inside = True
                try:
                    self._intrude()
                finally:
                    self._inside = False
            return real(**arguments)

        return call
