"""The stream's Lambda functions, fed from the engine's stream as Lambda's event source mapping would feed them.

Records come in order, in batches, at least once. What a function reports in `batchItemFailures` is tried again from the first
of them on; a batch that raises is cut in halves until the record that does it stands alone; one that fails as often as the
mapping allows is kept in a file, and the rest goes on. Where the stream doesn't hold any more what is to come next, it goes on from the
oldest record, and whoever made the consumer is told.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from chalicelib.foundation.manifest import StreamConsumer
from local.emulator.stream import TRIMMED
from local.engine import EngineClient, EngineError
from local.event_filters import accepts
from local.gateway import LambdaContext

Handler = Callable[[dict[str, Any], Any], Any]
Record = dict[str, Any]
OnLost = Callable[[str, int, int], None]
"""Called with a consumer's name, and the numbers of the first and the last record that the stream doesn't hold any more."""

_STREAM = "LocalStream"
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0
_SILENCE_WAIT = 1.0  # after an engine that doesn't respond
_SCAN = 500  # records that are read for one batch
_READ_INTERVAL = 0.1  # a change after a pause is handled at once; under load, batches are worth more than haste
_POLL_SECONDS = 0.5  # how long the engine waits for a record before it returns none

logger = logging.getLogger("valhalla.local")


def register(client: EngineClient, names: Iterable[str]) -> dict[str, int]:
    """Make known which consumers there are, so that the stream keeps what they have not read. Returns how far each is."""
    offsets: dict[str, int] = client.call(f"{_STREAM}.Register", {"Consumers": list(names)})["Offsets"]
    return offsets


def last_record(client: EngineClient) -> int:
    """The number of the stream's last record."""
    number: int = client.call(f"{_STREAM}.Read", {"After": 2**62, "Limit": 1})["Last"]
    return number


class Consumer(threading.Thread):
    """One function on the stream. `done` is the number of the last record that it need not see again.

    It is stored after the effects of the function, through the same engine: so it never stands ahead of them.
    """

    def __init__(
        self,
        mapping: StreamConsumer,
        handler: Handler,
        client: EngineClient,
        done: int,
        dead_letters: Path,
        on_lost: OnLost = lambda *_: None,
    ) -> None:
        super().__init__(name=mapping.name, daemon=True)
        self._on_lost = on_lost
        self.mapping, self._handler, self._client = mapping, handler, client
        self.done, self._dead_letters = done, dead_letters
        self._stopping = threading.Event()
        self._next_read = 0.0
        self.failure: Exception | None = None

    def run(self) -> None:
        """Work through the stream until `stop`, or until it can't go on (`failure`)."""
        try:
            while not self._stopping.is_set():
                try:
                    self._work()
                except EngineError as error:
                    if error.code == TRIMMED:
                        self._skip_what_is_lost()
                    elif error.code:
                        raise
                    else:  # it stood still; were it gone, the run would be over
                        logger.warning("%s: %s", self.mapping.name, error)
                        self._stopping.wait(_SILENCE_WAIT)
        except Exception as error:  # not the function's, which is retried: the engine's, or the disk's
            logger.exception("%s can't go on", self.mapping.name)
            self.failure = error
        finally:
            self._client.close()

    def _work(self) -> None:
        self._stopping.wait(self._next_read - time.monotonic())
        page = self._client.call(f"{_STREAM}.Read", {"After": self.done, "Limit": _SCAN, "WaitSeconds": _POLL_SECONDS})
        self._next_read = time.monotonic() + _READ_INTERVAL
        records = zip(page["Numbers"], page["Records"], strict=True)
        matching = [(number, record) for number, record in records if accepts(self.mapping.filters, record)]
        for first in range(0, len(matching), self.mapping.batch_size):
            if not self._deliver(matching[first : first + self.mapping.batch_size]):
                return
        if page["UpTo"] > self.done:
            self._advance(page["UpTo"])

    def _skip_what_is_lost(self) -> None:
        first, last = self.done + 1, self._client.call(f"{_STREAM}.Progress", {})["Trimmed"]
        self._on_lost(self.mapping.name, first, last)  # before it counts as done, so that nobody fails to hear of it
        self._advance(last)

    def _advance(self, number: int) -> None:
        self._client.call(f"{_STREAM}.SaveOffset", {"Consumer": self.mapping.name, "Offset": number})
        self.done = number

    def _deliver(self, batch: list[tuple[int, Record]]) -> bool:
        """Deliver a batch until each record is handled or kept as a dead letter. False where `stop` came first."""
        attempts = 0
        while not self._stopping.is_set():
            failed = self._first_failure(batch)
            if failed is None:
                self._advance(batch[-1][0])
                return True
            if failed > 0:  # the ones before it are done
                self._advance(batch[failed - 1][0])
                batch = batch[failed:]
            elif len(batch) > 1:  # halving costs no attempt, as with Lambda
                half = len(batch) // 2
                return self._deliver(batch[:half]) and self._deliver(batch[half:])
            else:
                attempts += 1
                if 0 <= self.mapping.retries < attempts:
                    self._dead_letter(batch[0][1])
                    self._advance(batch[0][0])
                    return True
            self._stopping.wait(min(_FIRST_WAIT * 2 ** max(0, attempts - 1), _LONGEST_WAIT))
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
        """Stop after the current batch, without waiting for that."""
        self._stopping.set()
