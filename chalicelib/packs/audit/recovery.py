"""Finding chains that don't reach their entity, though the stream should have brought every revision, and completing them.

A chain ends below its entity where Lambda gave up on a record: nothing brings it again. What is still known of the missing revisions
is the entity itself, and the images in records that are parked behind the gap. A revision whose image is known becomes a record that is
marked `recovered` and holds the whole state, since what it was before is not known. One without an image becomes a record of the action
`lost`, so that the chain has no hole and says itself where it has one. Records are put under the same conditions as the stream's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject, loads
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.store.transactions import MAX_ACTIONS
from chalicelib.foundation.streams import MalformedRecord, StreamChange, is_waiting, parse_record
from chalicelib.packs.audit import records, repository
from chalicelib.packs.audit.records import GENESIS, PREFIX, AuditRecord
from chalicelib.packs.audit.verification import GRACE
from chalicelib.packs.audit.writer import EntityResolver, TrailWriter

# From this age on nothing of a change can come from the stream any more, which keeps it for 24 hours.
SETTLED = timedelta(hours=25)


@dataclass(frozen=True)
class TrailGap:
    """An entity whose chain doesn't reach its revision, or, where `revision` is None, doesn't tell of its removal."""

    entity_id: str
    kind: str
    revision: int | None


class TrailRecovery:
    """Finds and closes gaps of the trail."""

    def __init__(self, ctx: Context, kinds: EntityResolver) -> None:
        self._ctx, self._kinds = ctx, kinds
        self._writer = TrailWriter(ctx, kinds, workers=1)
        self.recovered = self.lost = 0  # records that were written

    # -- finding

    def find(self, rows: Iterable[DynamoItem]) -> list[TrailGap]:
        """The gaps that a page of the table's rows shows. Two round trips per hundred entities and chains in it."""
        rows = list(rows)
        return [*self._behind(rows), *self._without_removal(rows)]

    def _behind(self, rows: list[DynamoItem]) -> list[TrailGap]:
        """Entities, not written lately, of whose revision there is no record. A record is never put before its predecessor."""
        lately = format_timestamp(self._ctx.now - GRACE)
        expected = {
            records.key(raw["id"]["S"], revision): TrailGap(raw["id"]["S"], raw["kind"]["S"], revision)
            for raw in rows
            if raw.get("t", {}).get("S") == ENTITY and raw["updated_at"]["S"] < lately and (revision := int(raw["revision"]["N"]))
        }
        existing = self._ctx.store.batch_get(expected)
        return [gap for key, gap in expected.items() if key not in existing]

    def _without_removal(self, rows: list[DynamoItem]) -> list[TrailGap]:
        """Chains whose entity is gone, and whose last record isn't its removal."""
        last: dict[ItemKey, TrailGap] = {}
        for view in (loads(raw["view"]["S"]) for raw in rows if raw["pk"]["S"].startswith(PREFIX)):
            if (key := self._entity_key(view["entity_id"], view["kind"])) is None:
                continue
            last.pop(key, None)
            if view["action"] != "purged":
                last[key] = TrailGap(view["entity_id"], view["kind"], None)
        existing = self._ctx.store.batch_get(last)
        gone = [gap for key, gap in last.items() if key not in existing]
        return [gap for gap in gone if self._end(gap.entity_id).action != "purged"]  # the page may end within a chain

    def _entity_key(self, entity_id: str, kind: str) -> ItemKey | None:
        try:
            return self._kinds(kind).ID.key(entity_id)
        except (NotFound, MalformedRecord):
            return None

    # -- closing

    def close(self, gap: TrailGap) -> bool:
        """Complete a chain as far as that is possible now. Whether it reaches its entity.

        Nothing is written while the stream may still bring a missing change. Ends where another worker writes the same chain.
        """
        try:
            while self._extend(gap):
                pass
        except VersionConflict:
            return False
        end, entity = self._end(gap.entity_id), self._entity(gap)
        return end.action == "purged" if entity is None else end.seq >= int(entity["revision"]["N"])

    def _extend(self, gap: TrailGap) -> bool:
        """Bring what is parked, then write records up to the first revision that is known. Whether anything was written."""
        self._writer.redrive(gap.entity_id, waiting_only=True)
        end = self._end(gap.entity_id)
        images = {revision: image for revision, image in self._known_images(gap).items() if revision > end.seq}
        if images:
            revision = min(images)
            return self._settled(images[revision]) and self._write(gap, end, revision, images[revision])
        if end.action in ("purged", "") or self._entity(gap) is not None:
            return False
        noticed = repository.noticed_at(self._ctx, gap.entity_id)
        return self._ctx.now - noticed > SETTLED and self._write(gap, end, end.seq + 1, None)

    def _known_images(self, gap: TrailGap) -> dict[int, DynamoItem]:
        """The images of an entity that are still known, by revision: its own, and the older ones of parked changes."""
        images: dict[int, DynamoItem] = {}
        for parked in self._writer.parked(gap.entity_id):
            if not is_waiting(parked.key):
                continue
            change = parse_record(parked.record)
            if change.old is not None:
                images[change.version - 1] = change.old
        if (entity := self._entity(gap)) is not None:
            images[int(entity["revision"]["N"])] = entity
        return images

    def _settled(self, image: DynamoItem) -> bool:
        return self._ctx.now - parse_timestamp(image["updated_at"]["S"]) > SETTLED

    def _write(self, gap: TrailGap, end: "_End", revision: int, image: DynamoItem | None) -> bool:
        """Put records that follow `end`: of revisions that are lost, and of `revision`, whose image is known (None: it is a removal)."""
        ctx = self._ctx
        contents = [
            records.lost_record(gap.entity_id, gap.kind, seq, ctx, ctx.settings.git_revision) for seq in range(end.seq + 1, revision)
        ]
        self.lost += len(contents)
        self.recovered += 1
        chain: list[AuditRecord] = []
        key = self._entity_key(gap.entity_id, gap.kind)
        root = self._ctx.packs.timeline_root(key.pk) if key else None
        for content in [*contents, self._recovered(gap, revision, image)]:
            chain.append(AuditRecord.from_values(content, chain[-1].hash if chain else end.hash, root))
        for start in range(0, len(chain), MAX_ACTIONS):
            repository.create_records(ctx.store, chain[start : start + MAX_ACTIONS])
        telemetry.log("WARNING", "trail gap closed", entity=gap.entity_id, after=end.seq, upto=revision, lost=len(contents))
        return True

    def _recovered(self, gap: TrailGap, revision: int, image: DynamoItem | None) -> JsonObject:
        if image is None:
            removal = records.lost_record(gap.entity_id, gap.kind, revision, self._ctx, self._ctx.settings.git_revision)
            return {**removal, "action": "purged", **records.RECOVERED}
        key = ItemKey(image["pk"]["S"], image["sk"]["S"])
        change = StreamChange(self._ctx.request_id, key, None, image, self._ctx.now, expired=False, record={})
        return {**self._writer.describe(change), **records.RECOVERED}

    def _end(self, entity_id: str) -> "_End":
        last = repository.last_record(self._ctx.store, entity_id)
        return _End(last.values["seq"], last.hash, last.values["action"]) if last else _End(0, GENESIS, "")

    def _entity(self, gap: TrailGap) -> DynamoItem | None:
        key = self._entity_key(gap.entity_id, gap.kind)
        return self._ctx.store.get_item(key) if key else None

    # -- telling of it

    def notify(self, closed: list[TrailGap]) -> None:
        """Tell auditors which chains were completed in this run, once. One round trip, none where nothing was written."""
        if not self.recovered:
            return
        event = Notification.for_occasion(
            self._ctx,
            f"trail.gap_closed#{self._ctx.request_id}",
            on=self._ctx.today,
            event="trail.gap_closed",
            subject_type="trail",
            subject_id=closed[0].entity_id if closed else "",
            title=f"{self.recovered} records of the trail were recovered, {self.lost} changes are lost",
            for_role="auditor",
            data={"recovered": self.recovered, "lost": self.lost, "entities": [gap.entity_id for gap in closed[:20]]},
        )
        repository.create_notification(self._ctx.store, event)


@dataclass(frozen=True)
class _End:
    """The end of a chain; number 0 where there is none."""

    seq: int
    hash: str
    action: str
