"""Signals as stored: in the professional's partition, at `N#<id>`; and for matching which of them count, in one partition for all."""

from chalicelib.foundation import disputes
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row

_EVIDENCE = ("signal", "source", "start", "end", "quote")


class Signal(Entity):
    """The signals of one extraction. Nothing of them ever changes, save their dispute."""

    KIND = "signal"
    ID = IdFormat("sig", "signal", parents={"p": "pro"}, row="N")
    PERSONAL = frozenset({"name", "evidence_rows", "sources_failed"})
    LIST_FIELDS = ("id", "lead_score")

    professional_id = a.string()
    name = a.string()
    signals = a.map_()
    lead_score = a.optional_integer()
    lead_parts = a.map_()
    confidence = a.map_()
    reasons = a.map_()
    evidence_rows = a.list_()  # each as a list, since the names of its fields would take more than what they say
    evidence_cut = a.boolean()
    sources_scanned = a.integer()
    sources_failed = a.list_()
    words = a.integer()
    measures = a.map_()
    method = a.map_()
    dispute = a.optional_map()

    @property
    def evidence(self) -> list[JsonObject]:
        """The evidence as answers show it."""
        return [dict(zip(_EVIDENCE, row, strict=True)) for row in self.evidence_rows]

    @property
    def counts(self) -> bool:
        """Whether scores and matches take it: it is undisputed, or its dispute was rejected."""
        return disputes.counts(self.dispute)


class CurrentSignals(Row):
    """The newest signals of a professional that count; without any it is kept, empty. `changes` is the lock of disputes.

    Written in the transaction of whatever changes it, so it is never behind. Some 300 bytes: a query page holds those of 3,000 professionals.
    """

    KIND = "current-signals"

    changes = a.integer()
    signal_id = a.optional_string()
    signals = a.optional_map()
    created_at = a.optional_datetime()

    @staticmethod
    def key_of(professional_id: str) -> ItemKey:
        """Its key."""
        return ItemKey("CURSIG", professional_id)

    @staticmethod
    def all() -> KeyRange:
        """Those of all professionals."""
        return KeyRange(None, "CURSIG")

    @property
    def professional_id(self) -> str:
        """Whose signals they are."""
        return self.key.sk
