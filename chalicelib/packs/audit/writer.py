"""Writing the trail: each revision of each entity becomes exactly one record, chained to the one before.

Records are put conditionally, so a redelivered change has no effect. A change whose predecessor is missing is parked with its
images, and so are later changes of that entity; they are resumed when the predecessor arrives.

The records of a long batch, which is a bulk request or a backlog, are put in transactions of up to a hundred: five times as fast, at twice
the write units of the table itself. Where a transaction is refused, its records are put one by one, which decides about each.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from botocore.exceptions import ClientError

from chalicelib.foundation import outbox, streams, telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Unavailable, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import Pack, import_string
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.transactions import MAX_ACTIONS
from chalicelib.foundation.streams import MalformedRecord, StreamChange
from chalicelib.packs.audit import crypto_shredding, records, repository
from chalicelib.packs.audit.records import GENESIS, AuditRecord

STREAM = streams.TRAIL
_TRANSACTION_FROM = 10  # records of a batch from which on they are put in transactions
_MAX_TRANSACTION_BYTES = 3_000_000  # of record bodies; DynamoDB's limit for a transaction is 4 MB
EntityResolver = Callable[[str], type[Entity]]


def entity_resolver(packs: Iterable[Pack]) -> EntityResolver:
    """Returns a function from kind to entity class; it raises MalformedRecord for an unknown kind, whose secret fields are unknown, too."""
    paths = {kind: path for pack in packs for kind, path in pack.entities.items()}

    @cache
    def find(kind: str) -> type[Entity]:
        if kind not in paths:
            raise MalformedRecord(f"no pack has entities of kind {kind}")
        entity: type[Entity] = import_string(paths[kind])
        return entity

    return find


class ChainConflict(Exception):
    """The sequence number of a change is taken by the record of another change."""

    def __init__(self, existing: AuditRecord) -> None:
        super().__init__(existing.hash)
        self.existing = existing


class TrailWriter:
    """Appends changes to the chains: several entities concurrently, the revisions of each in order."""

    def __init__(self, ctx: Context, kinds: EntityResolver, *, workers: int = 10) -> None:
        self._ctx, self._entity_class, self._workers = ctx, kinds, workers
        self._store = ctx.store
        self._subject_keys = crypto_shredding.DataSubjectKeys(ctx.store, lambda: ctx.secrets.personal_key)
        self._hashes: dict[tuple[str, int], str] = {}
        self._replayed: set[tuple[str, int]] = set()

    def append(self, changes: list[StreamChange]) -> list[StreamChange]:
        """Append the changes, or park those that can't be appended. Returns the changes to retry, after transient failures.

        Round trips: one for all predecessors and keys, one per record (of a long batch, one per hundred records), one for parked successors.
        """
        chains: dict[str, list[StreamChange]] = {}
        for change in sorted(changes, key=lambda change: change.version):
            chains.setdefault(change.entity_id, []).append(change)
        self._load_predecessors(chains)
        written = self._append_in_transactions(chains) if len(changes) >= _TRANSACTION_FROM else set()
        remaining_chains = [left for chain in chains.values() if (left := [change for change in chain if id(change) not in written])]
        undone: list[StreamChange] = []
        if len(remaining_chains) > 1 and self._workers > 1:
            with ThreadPoolExecutor(min(self._workers, len(remaining_chains))) as pool:
                results = list(pool.map(self._chain, remaining_chains))
        else:
            results = [self._chain(chain) for chain in remaining_chains]
        for remaining in results:
            undone += remaining
        failed = {change.entity_id for change in undone}
        return undone + self._resume_parked([change for id, chain in chains.items() if id not in failed for change in chain])

    def parked(self, entity: str) -> list[streams.ParkedRecord]:
        """An entity's parked records, with the values that can still be opened."""
        return streams.parked_records(self._store, STREAM, entity, self._ctx.now, unseal=self._subject_keys.decrypt)

    def redrive(self, entity: str, *, waiting_only: bool = False) -> int:
        """Retry an entity's parked records, in order. Returns how many succeeded.

        `waiting_only` leaves those out that can't be processed: one of them may have ended a function before.
        """
        done = 0
        for key, change in self._in_order(self.parked(entity)):
            if waiting_only and not streams.is_waiting(key):
                continue
            if change is not None and self._retry(change):
                streams.remove_parked(self._store, key)
                done += 1
        return done

    def _retry(self, change: StreamChange) -> bool:
        try:
            return self._append(change)
        except Exception as error:
            if streams.is_transient(error):
                raise
            return False  # a permanent failure: it remains parked

    # -- many records at once

    def _append_in_transactions(self, chains: dict[str, list[StreamChange]]) -> set[int]:
        """Put the records of these changes in as few transactions as possible. Returns the `id()` of each change that is done.

        Left to be put one by one are changes that can't be described or chained, and all of an entity from a refused transaction on.
        """
        self._create_subject_keys(chains)
        written: set[int] = set()
        failed: set[str] = set()
        for chunk in _chunks(self._chained_records(chains)):
            puts = [(change, record) for change, record in chunk if change.entity_id not in failed]
            if not puts:
                continue
            try:
                repository.create_records(self._store, [record for _, record in puts])
            except (VersionConflict, ClientError, Unavailable) as error:
                telemetry.log("INFO", "audit transaction refused", records=len(puts), error=type(error).__name__)
                failed |= {change.entity_id for change, _ in puts}
                continue
            for change, record in puts:
                self._hashes[change.entity_id, change.version] = record.hash
                written.add(id(change))
        return written

    def _chained_records(self, chains: dict[str, list[StreamChange]]) -> Iterator[tuple[StreamChange, AuditRecord]]:
        """The records of each chain, as if each were put after the one before; up to the first that can't be made."""
        for entity_id, chain in chains.items():
            first = chain[0].version
            hash = GENESIS if first == 1 else self._hashes.get((entity_id, first - 1))
            for expected, change in enumerate(chain, first):
                if hash is None or change.version != expected:
                    break
                try:
                    record = AuditRecord.from_values(self.describe(change), hash, self._timeline_root(change))
                except Exception:  # `_append_or_park` finds out why
                    break
                hash = record.hash
                yield change, record

    def _create_subject_keys(self, chains: dict[str, list[StreamChange]]) -> None:
        personal = (change for chain in chains.values() for change in chain if self._is_personal(change))
        subjects = {change.key.pk for change in personal if self._entity_class(change.kind).PERSONAL & change.image.keys()}
        self._subject_keys.create(subjects)

    # -- a single chain

    def _load_predecessors(self, chains: dict[str, list[StreamChange]]) -> None:
        firsts = [(id, chain[0].version - 1) for id, chain in chains.items() if chain[0].version > 1]
        subjects = {change.key.pk for chain in chains.values() for change in chain if self._is_personal(change)}
        if not firsts and not subjects:
            return
        predecessors, subject_keys = repository.find_records_and_keys(self._store, firsts, subjects)
        self._subject_keys.add_loaded(subjects, subject_keys)
        self._hashes |= {first: record.hash for first, record in predecessors.items()}

    def _is_personal(self, change: StreamChange) -> bool:
        try:
            return bool(self._entity_class(change.kind).PERSONAL)
        except MalformedRecord:
            return False

    def _chain(self, chain: list[StreamChange]) -> list[StreamChange]:
        """Append the changes of one entity, in order. Returns the rest, from the first transient failure on."""
        for index, change in enumerate(chain):
            try:
                self._append_or_park(change)
            except Exception as error:
                if not streams.is_transient(error):
                    raise
                telemetry.log("WARNING", "audit record not done", entity=change.entity_id, seq=change.version, error=type(error).__name__)
                return chain[index:]
        return []

    def _append_or_park(self, change: StreamChange) -> None:
        try:
            if self._append(change):
                return
        except ChainConflict as conflict:
            self._report_conflict(change, conflict.existing)
            return
        except Exception as error:
            if streams.is_transient(error):
                raise
            self._park(change.record, f"{type(error).__name__}: {error}")
            return
        key = self._park(change.record, "its predecessor is missing", waiting_change=change)
        # The predecessor may have been appended meanwhile. Either this check after parking or its check after appending notices.
        if self._append(change):
            streams.remove_parked(self._store, key)

    def _append(self, change: StreamChange) -> bool:
        """Put the record of a change. False where its predecessor is missing; ChainConflict where another record has its number."""
        id, seq = change.entity_id, change.version
        prev_hash = self._hash(id, seq - 1)
        if prev_hash is None:
            return False
        content = self.describe(change)
        record = AuditRecord.from_values(content, prev_hash, self._timeline_root(change))
        existing = repository.create_record(self._store, record)
        self._hashes[id, seq] = (existing or record).hash
        if existing is not None:
            self._replayed.add((id, seq))
            erased = self._subject_keys.is_erased(change.key.pk)
            if existing.prev_hash != prev_hash or not records.describes_same_change(existing, content, erased=erased):
                raise ChainConflict(existing)
        return True

    def _timeline_root(self, change: StreamChange) -> str | None:
        return self._ctx.packs.timeline_root(change.key.pk)

    def describe(self, change: StreamChange) -> JsonObject:
        """The content of a change's record. Raises MalformedRecord for an unknown kind."""
        entity = self._entity_class(change.kind)
        if entity.PERSONAL:
            self._subject_keys.load([change.key.pk])

        def seal(context: str, value: object) -> dict[str, str] | None:
            return self._subject_keys.seal(change.key.pk, context, value)

        return records.build_record(change, entity, seal, self._ctx.now, self._ctx.settings.git_revision)

    def _hash(self, id: str, seq: int) -> str | None:
        if seq == 0:
            return GENESIS
        if (id, seq) not in self._hashes:
            record = repository.find_record(self._store, id, seq)
            if record is None:
                return None
            self._hashes[id, seq] = record.hash
        return self._hashes[id, seq]

    # -- parked changes

    def park(self, record: streams.StreamRecord, reason: str) -> ItemKey | None:
        """Park a record that was not processed. Mail is not parked: its row waits in the outbox, and is queued from there."""
        try:
            change = streams.parse_record(record)
            if change.type == outbox.MAIL:
                return None
            waiting = change if reason == streams.LATE and change.version and change.entity_id else None
        except MalformedRecord:
            waiting = None
        return self._park(record, reason, waiting_change=waiting)

    def _park(self, record: streams.StreamRecord, reason: str, *, waiting_change: StreamChange | None = None) -> ItemKey:
        seal = self._subject_keys.encrypt
        return streams.park_record(self._store, STREAM, record, reason, self._ctx.now, waiting_change=waiting_change, seal=seal)

    def _resume_parked(self, appended: list[StreamChange]) -> list[StreamChange]:
        """Append the parked successors of these changes. Returns the changes for which that failed, to be redelivered.

        A replayed change may be parked itself, by a run that ended between parking and appending it.
        """
        if not appended:
            return []
        followers = {streams.parked_key(STREAM, change.entity_id, change.version + 1): change for change in appended}
        for change in appended:
            if (change.entity_id, change.version) in self._replayed:
                followers[streams.parked_key(STREAM, change.entity_id, change.version)] = change
        try:
            waiting = streams.which_are_parked(self._store, followers, self._ctx.now)
        except Exception as error:
            if not streams.is_transient(error):
                raise
            return appended
        left = []
        for change in {followers[key].entity_id: followers[key] for key in waiting}.values():
            try:
                self.redrive(change.entity_id)
            except Exception as error:
                if not streams.is_transient(error):
                    raise
                left.append(change)
        return left

    @staticmethod
    def _in_order(parked: list[streams.ParkedRecord]) -> list[tuple[ItemKey, StreamChange | None]]:
        entries: list[tuple[int, ItemKey, StreamChange | None]] = []
        for item in parked:
            try:
                change = streams.parse_record(item.record)
                entries.append((change.version, item.key, change))
            except MalformedRecord:
                entries.append((0, item.key, None))
        return [(key, change) for _, key, change in sorted(entries, key=lambda entry: entry[0])]

    # -- conflicts

    def _report_conflict(self, change: StreamChange, existing: AuditRecord) -> None:
        """Log and notify the conflict, and park the change. The chain continues from the existing record."""
        ctx, id, seq = self._ctx, change.entity_id, change.version
        telemetry.log("ERROR", "CHAIN_BROKEN", entity=id, seq=seq, standing=existing.hash)
        telemetry.emit_metric({"ChainBroken": 1}, stream=STREAM)
        self._park(change.record, f"CHAIN_BROKEN: another record stands at {seq}")
        repository.notify_broken(
            ctx,
            f"{id}#{seq}",
            subject_type=change.kind,
            subject_id=id,
            title=f"The trail of {id} holds another record at {seq} than the change that came",
            data={"seq": seq, "standing_hash": existing.hash, "event_id": change.event_id},
        )


def _chunks(records: Iterable[tuple[StreamChange, AuditRecord]]) -> Iterator[list[tuple[StreamChange, AuditRecord]]]:
    """Group records into transactions, by number and size."""
    chunk: list[tuple[StreamChange, AuditRecord]] = []
    size = 0
    for change, record in records:
        bytes_ = len(record.body.encode())
        if chunk and (len(chunk) == MAX_ACTIONS or size + bytes_ > _MAX_TRANSACTION_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((change, record))
        size += bytes_
    if chunk:
        yield chunk
