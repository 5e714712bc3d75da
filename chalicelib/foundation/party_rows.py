"""Who takes part in which deal, by the words of their names: what a check for conflicts of interest looks up.

A row lies at `PARTY#<word>` / `<deal>#<source>`, one for each word of the names that a source knows of a deal. Each pack writes the rows of
what it knows (the deal its parties, the pipeline its seller and its buyer) in the transaction that changes it, so they are never behind:

    party_rows.add_changes(tx, before.party_rows, after.party_rows)

A row says no more than what its source knows. Whether the deal is worked on, and by which professionals, the deal itself says.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple, TypedDict

from chalicelib.foundation import party_names
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.keys import escape_key_part, join_key
from chalicelib.foundation.store.row import Row
from chalicelib.foundation.store.store import Store
from chalicelib.foundation.store.transactions import Transaction

MAX_ROWS = 500  # that are read of one word
MAX_WORDS = 24  # of one name that are stored: more than a name has that anybody goes by


class Party(TypedDict):
    """Somebody who takes part in a deal, by one name: of a person, or of a firm."""

    name: str
    role: str | None
    side: str


class PartyRow(Row):
    """The parties that a source knows of a deal, and that have a word of their name in common."""

    KIND = "party"

    deal_id = a.string()
    pipeline_id = a.optional_string()
    parties = a.list_()


PartyRows = Mapping[ItemKey, PartyRow]


class FoundRows(NamedTuple):
    """The rows of a word, and whether there are more of them than were read."""

    rows: list[PartyRow]
    is_cut: bool


def rows_of(source: str, deal_id: str | None, pipeline_id: str | None, parties: Iterable[Party]) -> PartyRows:
    """The rows of what `source` knows of a deal, by key; none without a deal. Sources of the same deal have different names."""
    if deal_id is None:
        return {}
    by_word: dict[str, list[Party]] = {}
    for party in parties:
        for word in sorted(set(party_names.tokens(party["name"])))[:MAX_WORDS]:
            by_word.setdefault(word, []).append(party)
    keys = {word: ItemKey(_partition(word), join_key(deal_id, source)) for word in by_word}
    return {keys[word]: PartyRow.at(keys[word], deal_id=deal_id, pipeline_id=pipeline_id, parties=by_word[word]) for word in by_word}


def add_changes(tx: Transaction, before: PartyRows, after: PartyRows) -> None:
    """Add what differs to the transaction, in which the source itself is written on condition of its revision: one action a row."""
    for key in before.keys() - after.keys():
        tx.delete(key)
    for key, row in after.items():
        if key not in before or row.to_item() != before[key].to_item():
            tx.put(row)


def find(store: Store, word: str) -> FoundRows:
    """The rows of a word, at most 500 of them. One round trip a started MB, strongly consistent."""
    rows = list(islice(store.query_all(KeyRange(None, _partition(word)), page_size=MAX_ROWS + 1), MAX_ROWS + 1))
    return FoundRows([PartyRow.from_item(row) for row in rows[:MAX_ROWS]], len(rows) > MAX_ROWS)


def _partition(word: str) -> str:
    return join_key("PARTY", escape_key_part(word))
