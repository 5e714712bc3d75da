"""The stream's Lambda functions, fed from the journal as Lambda's event source mapping would feed them.

Records come in order, in batches, at least once. What a function reports in `batchItemFailures` is tried again from the first
of them on; a batch that raises is cut in halves until the record that does it stands alone; one that fails as often as the
mapping allows is kept in a file, and the rest goes on.
"""

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.foundation.manifest import StreamConsumer
from local.event_filters import accepts
from local.gateway import LambdaContext
from local.journal import Journal, Reader, Record

Handler = Callable[[dict[str, Any], Any], Any]

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
_SCAN = 500  # records that are read for one batch

logger = logging.getLogger("valhalla.local")


class Consumer(threading.Thread):
    """One function on the stream. `done` is the number of the last record that it need not see again."""

    def __init__(
        self, mapping: StreamConsumer, handler: Handler, journal: Journal, dead_letters: Path, on_activity: Callable[[], None]
    ) -> None:
        super().__init__(name=mapping.name, daemon=True)
        self.mapping, self._handler, self._journal = mapping, handler, journal
        self._dead_letters, self._on_activity = dead_letters, on_activity
        self.done = journal.offsets.get(mapping.name, 0)
        self._reader = Reader(journal, self.done)
        self._ending = threading.Event()
        self.failure: Exception | None = None

    @property
    def idle(self) -> bool:
        """Whether it has done everything that the journal holds."""
        return self.done >= self._journal.last

    def run(self) -> None:
        """Work through the journal until `stop`, or until it can't go on (`failure`)."""
        try:
            self._work()
        except Exception as error:  # not the function's, that is dealt with: ours, or the disk's
            logger.exception("%s can't go on", self.mapping.name)
            self.failure = error

    def _work(self) -> None:
        while not self._ending.is_set():
            seen = self._reader.take(_SCAN)
            if not seen:
                with self._journal.grown:
                    self._journal.grown.wait_for(lambda: self._ending.is_set() or self._reader.waiting(), timeout=1.0)
                continue
            matching = [(number, record) for number, record in seen if accepts(self.mapping.filters, record)]
            for first in range(0, len(matching), self.mapping.batch_size):
                if not self._deliver(matching[first : first + self.mapping.batch_size]):
                    return
            self.done = seen[-1][0]
            if matching:
                self._on_activity()

    def _deliver(self, batch: list[tuple[int, Record]]) -> bool:
        """Deliver a batch until each record is handled or kept as a dead letter. False where `stop` came first."""
        attempts = 0
        while not self._ending.is_set():
            failed = self._first_failure(batch)
            if failed is None:
                self.done = batch[-1][0]
                return True
            if failed > 0:  # the ones before it are done
                self.done = batch[failed - 1][0]
                batch = batch[failed:]
            elif len(batch) > 1:  # halving costs no attempt, as with Lambda
                half = len(batch) // 2
                return self._deliver(batch[:half]) and self._deliver(batch[half:])
            else:
                attempts += 1
                if attempts > self.mapping.retries:
                    self._dead_letter(batch[0][1])
                    self.done = batch[0][0]
                    return True
            self._ending.wait(min(_FIRST_WAIT * 2 ** max(0, attempts - 1), _LONGEST_WAIT))
        return False

    def _first_failure(self, batch: list[tuple[int, Record]]) -> int | None:
        """Call the function. The index of the first record that it did not do; None where it did all."""
        try:
            result = self._handler({"Records": [record for _, record in batch]}, LambdaContext(self.mapping.name))
        except Exception:
            logger.exception("%s failed on a batch of %d records", self.mapping.name, len(batch))
            return 0
        failures = result.get("batchItemFailures") if isinstance(result, dict) else None
        if not failures:
            return None
        positions = {record["dynamodb"]["SequenceNumber"]: index for index, (_, record) in enumerate(batch)}
        # As Lambda does: an identifier that is not of this batch means that nothing of it was done.
        return min(positions.get(failure.get("itemIdentifier"), 0) for failure in failures)

    def _dead_letter(self, record: Record) -> None:
        logger.error(
            "%s gave up on a record after %d retries; it is kept in %s", self.mapping.name, self.mapping.retries, self._dead_letters
        )
        self._dead_letters.parent.mkdir(parents=True, exist_ok=True)
        with self._dead_letters.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def stop(self) -> None:
        """Stop after the batch in hand."""
        self._ending.set()
        with self._journal.grown:
            self._journal.grown.notify_all()
        self.join()
