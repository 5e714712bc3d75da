"""Mail that the system sent, readable: one file a message in `.local/mail`, newest last."""

import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.engine import EngineClient, EngineError

_POLL_SECONDS = 0.5
_PAGE = "/_ministack/ses/messages"


class Mailbox(threading.Thread):
    """Writes each message that the engine accepted for sending into a file."""

    def __init__(self, client: EngineClient, directory: Path) -> None:
        super().__init__(name="mailbox", daemon=True)
        self._client, self._directory = client, directory
        self._ending = threading.Event()
        directory.mkdir(parents=True, exist_ok=True)
        self._written = {path.stem.rsplit(" ", 1)[-1] for path in directory.glob("*.txt")}

    def run(self) -> None:
        """Poll for new messages until `stop`, or until the engine is gone."""
        try:
            while not self._ending.wait(_POLL_SECONDS):
                self.poll()
        except EngineError:
            return
        finally:
            self._client.close()

    def poll(self) -> None:
        """Write what is new."""
        for messages in self._client.get(_PAGE)["messages"].values():
            for message in messages:
                key = re.sub(r"[^A-Za-z0-9]", "", message["MessageId"])
                if key not in self._written:
                    self._write(message, key)
                    self._written.add(key)

    def _write(self, message: dict[str, Any], key: str) -> None:
        when = datetime.fromtimestamp(float(message["Timestamp"]), UTC).strftime("%Y-%m-%dT%H%M%SZ")
        receivers = [*message["To"], *message["CC"], *message["BCC"]]
        head = f"From: {message['Source']}\nTo: {', '.join(receivers)}\nSubject: {message['Subject']}\n"
        body = message["BodyText"] or message["BodyHtml"] or ""
        receiver = re.sub(r"[^A-Za-z0-9@._+-]", "_", receivers[0] if receivers else "nobody")
        (self._directory / f"{when} {receiver} {key}.txt").write_text(f"{head}\n{body}\n")

    def stop(self) -> None:
        """Stop polling."""
        self._ending.set()
        self.join()
