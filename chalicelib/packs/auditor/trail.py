"""Writing the trail: each revision of each entity becomes one record, chained to the one before, once.

A record is put under a condition, so a change that comes again changes nothing. One whose predecessor is missing waits, parked
with its images, and the later ones of that entity behind it; the arrival of the predecessor takes them up.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.foundation import streams, telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.events import Event
from chalicelib.foundation.manifest import Pack, load
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.streams import Change, Unreadable
from chalicelib.packs.auditor import personal, records
from chalicelib.packs.auditor.records import GENESIS, Record

STREAM = "audit"
Kinds = Callable[[str], type[Entity]]


def kinds(packs: Iterable[Pack]) -> Kinds:
    """Finds an entity's class by its kind; Unreadable where no pack has it: what is secret in it nobody could say."""
    paths = {kind: path for pack in packs for kind, path in pack.entities.items()}

    @cache
    def find(kind: str) -> type[Entity]:
        if kind not in paths:
            raise Unreadable(f"no pack has entities of kind {kind}")
        found: type[Entity] = load(paths[kind])
        return found

    return find


class Broken(Exception):
    """The place of a change in the chain is taken by a record of something else."""

    def __init__(self, standing: Record) -> None:
        super().__init__(standing.hash)
        self.standing = standing


class Trail:
    """Appends changes to the chains. Several entities at a time, the revisions of each in order."""

    def __init__(self, ctx: Context, kinds: Kinds, *, workers: int = 10) -> None:
        self._ctx, self._kinds, self._workers = ctx, kinds, workers
        self._store = ctx.store
        self._subjects = personal.Subjects(ctx.store, lambda: ctx.secrets.personal_key)
        self._hashes: dict[tuple[str, int], str] = {}
        self._replayed: set[tuple[str, int]] = set()

    def append(self, changes: list[Change]) -> list[Change]:
        """Append what can be appended and park what can't. Returns the changes that are not done: a repetition may do them.

        Round trips: one for the predecessors and keys of all, one a record, one to see whether anything waits behind.
        """
        chains: dict[str, list[Change]] = {}
        for change in sorted(changes, key=lambda one: one.version):
            chains.setdefault(change.entity_id, []).append(change)
        self._look_up(chains)
        undone: list[Change] = []
        if len(chains) > 1 and self._workers > 1:
            with ThreadPoolExecutor(min(self._workers, len(chains))) as pool:
                results = list(pool.map(self._chain, chains.values()))
        else:
            results = [self._chain(chain) for chain in chains.values()]
        for left in results:
            undone += left
        failed = {change.entity_id for change in undone}
        return undone + self._take_up([change for id, chain in chains.items() if id not in failed for change in chain])

    def redrive(self, entity: str) -> int:
        """Try an entity's parked records again, in their order. Returns how many of them are done."""
        done = 0
        for parked in self._in_order(streams.parked(self._store, STREAM, entity, self._ctx.now)):
            key, change = parked
            if change is not None and self._redriven(change):
                streams.unpark(self._store, key)
                done += 1
        return done

    def _redriven(self, change: Change) -> bool:
        try:
            return self._append(change)
        except Exception as error:
            if streams.passing(error):
                raise
            return False  # as hopeless as before: it stays where it is

    # -- one chain

    def _look_up(self, chains: dict[str, list[Change]]) -> None:
        firsts = [(id, chain[0].version - 1) for id, chain in chains.items() if chain[0].version > 1]
        subjects = {change.key.pk for chain in chains.values() for change in chain if self._is_personal(change)}
        wanted = [records.key(*one) for one in firsts] + [personal.key_of(subject) for subject in subjects]
        if not wanted:
            return
        found = self._store.get_many(wanted)
        self._subjects.take(subjects, found)
        for one in firsts:
            if raw := found.get(records.key(*one)):
                self._hashes[one] = Record.of_item(raw).hash

    def _is_personal(self, change: Change) -> bool:
        try:
            return bool(self._kinds(change.kind).PERSONAL)
        except Unreadable:
            return False

    def _chain(self, chain: list[Change]) -> list[Change]:
        """Append the changes of one entity, in order. Returns those that are left from the first failure on."""
        for place, change in enumerate(chain):
            try:
                self._append_or_park(change)
            except Exception as error:
                if not streams.passing(error):
                    raise
                telemetry.line("WARNING", "audit record not done", entity=change.entity_id, seq=change.version, error=type(error).__name__)
                return chain[place:]
        return []

    def _append_or_park(self, change: Change) -> None:
        try:
            if self._append(change):
                return
        except Broken as broken:
            self._alarm(change, broken.standing)
            return
        except Exception as error:
            if streams.passing(error):
                raise
            poisoned(self._ctx, change.record, error)
            return
        key = streams.park(self._store, STREAM, change.record, "its predecessor is missing", self._ctx.now, waits=change)
        # The predecessor may have come in between. Who comes second sees the other: we look after parking, it looks after appending.
        if self._append(change):
            streams.unpark(self._store, key)

    def _append(self, change: Change) -> bool:
        """Put the record of a change. False where the one before it is missing; Broken where another one has its place."""
        id, seq = change.entity_id, change.version
        prev_hash = self._hash(id, seq - 1)
        if prev_hash is None:
            return False
        said = self._describe(change)
        record = Record.of(said, prev_hash)
        try:
            self._store.call(
                "put_item",
                TableName=self._store.table,
                Item=record.to_item(),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            standing = Record.of_item(error.response["Item"])
            self._hashes[id, seq] = standing.hash
            self._replayed.add((id, seq))
            erased = self._subjects.erased(change.key.pk)
            if standing.prev_hash != prev_hash or not records.same_change(standing, said, erased=erased):
                raise Broken(standing) from None
        else:
            self._hashes[id, seq] = record.hash
        return True

    def _describe(self, change: Change) -> dict[str, Any]:
        entity = self._kinds(change.kind)
        if entity.PERSONAL:
            self._subjects.load([change.key.pk])

        def seal(place: str, value: Any) -> dict[str, str] | None:
            return self._subjects.seal(change.key.pk, place, value)

        return records.describe(change, entity, seal, self._ctx.now, self._ctx.settings.git_revision)

    def _hash(self, id: str, seq: int) -> str | None:
        if seq == 0:
            return GENESIS
        if (id, seq) not in self._hashes:
            raw = self._store.get_raw(records.key(id, seq))
            if raw is None:
                return None
            self._hashes[id, seq] = Record.of_item(raw).hash
        return self._hashes[id, seq]

    # -- what waits behind

    def _take_up(self, appended: list[Change]) -> list[Change]:
        """Append what waited for any of these. Returns those behind which that failed: when they come again, it is tried again.

        A change that was on the trail already may be parked itself, by a run that ended between parking it and seeing that.
        """
        if not appended:
            return []
        followers = {streams.waiting_key(STREAM, change.entity_id, change.version + 1): change for change in appended}
        for change in appended:
            if (change.entity_id, change.version) in self._replayed:
                followers[streams.waiting_key(STREAM, change.entity_id, change.version)] = change
        try:
            waiting = self._store.get_many(followers)
        except Exception as error:
            if not streams.passing(error):
                raise
            return appended
        left = []
        for change in {followers[key].entity_id: followers[key] for key in waiting}.values():
            try:
                self.redrive(change.entity_id)
            except Exception as error:
                if not streams.passing(error):
                    raise
                left.append(change)
        return left

    @staticmethod
    def _in_order(parked: list[streams.Parked]) -> list[tuple[Any, Change | None]]:
        found: list[tuple[int, Any, Change | None]] = []
        for one in parked:
            try:
                change = streams.read(one.record)
                found.append((change.version, one.key, change))
            except Unreadable:
                found.append((0, one.key, None))
        return [(key, change) for _, key, change in sorted(found, key=lambda entry: entry[0])]

    # -- what must never be

    def _alarm(self, change: Change, standing: Record) -> None:
        """Tell of it, and keep the change aside. The chain goes on from the record that stands."""
        ctx, id, seq = self._ctx, change.entity_id, change.version
        telemetry.line("ERROR", "CHAIN_BROKEN", entity=id, seq=seq, standing=standing.hash)
        telemetry.metric({"ChainBroken": 1}, stream=STREAM)
        streams.park(self._store, STREAM, change.record, f"CHAIN_BROKEN: another record stands at {seq}", ctx.now)
        event = Event.single(
            ctx,
            f"trail.chain_broken#{id}#{seq}",
            on=ctx.today,
            event="trail.chain_broken",
            subject_type=change.kind,
            subject_id=id,
            title=f"The trail of {id} holds another record at {seq} than the change that came",
            for_role="auditor",
            data={"seq": seq, "standing_hash": standing.hash, "event_id": change.event_id},
        )
        item = event.to_item()
        try:
            self._store.call("put_item", TableName=self._store.table, Item=item, ConditionExpression="attribute_not_exists(pk)")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def poisoned(ctx: Context, record: streams.Record, error: Exception) -> None:
    """Park a record that can't even be read."""
    streams.park(ctx.store, STREAM, record, f"{type(error).__name__}: {error}", ctx.now)
