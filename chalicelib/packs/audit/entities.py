"""What the pack stores besides the trail: accesses to it, its seals, and exports of it."""

from dataclasses import asdict
from datetime import date
from typing import Self

from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row
from chalicelib.packs.audit.seals import Seal


class TrailAccess(Entity):
    """An access to the trail, or the erasure of a subject: an item without index keys, recorded on the trail like every entity."""

    KIND = "trail_access"
    ID = IdFormat("look", "access to the trail")

    access = a.string()  # read, listed, erased
    subject_id = a.optional_string()  # whose trail was read, or who was erased
    filters = a.optional_map()
    records = a.integer()  # number of records returned


class DailySeal(Row):
    """The seal of a day, under its date in the partition of all seals. Parts of a day that isn't sealed yet lie at `SEAL#<date>`."""

    KIND = "seal"
    PARTITION = "SEAL"

    root = a.string()
    entities = a.integer()
    records = a.integer()
    prev_hash = a.string()
    hash = a.string()
    kid = a.string()
    signature = a.string()

    @classmethod
    def of(cls, seal: Seal) -> Self:
        """The row of a seal."""
        values = asdict(seal)
        return cls.at(ItemKey(cls.PARTITION, values.pop("date")), **values)

    @classmethod
    def range(cls, low: date | None = None) -> KeyRange:
        """All seals, or those from a day on."""
        return KeyRange(None, cls.PARTITION, low=low.isoformat() if low else None)

    @property
    def seal(self) -> Seal:
        """The seal."""
        values = {name: value for name, value in self.attribute_values.items() if name not in ("pk", "sk")}
        return Seal(date=self.key.sk, **values)


class AuditExport(Entity):
    """An export of the trail's records of some UTC days into a file, which is kept for a week."""

    KIND = "audit_export"
    ID = IdFormat("exp", "export")

    first_day = a.date()
    last_day = a.date()
    status = a.string()  # one of rules.EXPORT_STATUSES
    records = a.integer()
    size = a.optional_integer()  # of the file, bytes
    version_id = a.optional_string()  # of the file
    expires_at = a.datetime()
    ttl = a.integer()
