"""SES whose mail can be read: a message becomes a file in the mail folder, named so that the newest is last.

Mail to the addresses of SES's mailbox simulator bounces, or is complained of (`ses_events`). What is sent under a configuration set has its events
put on the queue of that name, which stands for a topic and its subscription.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.emulator import ses_events
from local.emulator.errors import ServiceError

Request = dict[str, Any]


class Ses:
    """The second version of the service's REST API, as far as sending goes."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        put_on_queue: Callable[[str, str], None] = lambda queue, message: None,  # noqa: ARG005
    ) -> None:
        self._folder, self._clock, self._put_on_queue = folder, clock, put_on_queue

    def handle(self, method: str, path: str, request: Request) -> Request:
        """A request's response. Raises ServiceError."""
        match method, path:
            case "POST", "/v2/email/identities":
                return {"VerifiedForSendingStatus": True, "IdentityType": "EMAIL_ADDRESS"}
            case "POST", "/v2/email/outbound-emails":
                return {"MessageId": self._send(request)}
        raise ServiceError("NotFoundException", f"{method} {path} is not supported here.", status=404)

    def _send(self, request: Request) -> str:
        content = (request.get("Content") or {}).get("Simple")
        if content is None:
            raise ServiceError("BadRequestException", "Only simple messages are supported here.")
        message_id = uuid4().hex
        destination = request["Destination"]
        receivers = [address for kind in ("ToAddresses", "CcAddresses", "BccAddresses") for address in destination.get(kind) or ()]
        head = f"From: {request['FromEmailAddress']}\nTo: {', '.join(receivers)}\nSubject: {content['Subject']['Data']}\n"
        body = content["Body"].get("Text") or content["Body"]["Html"]
        receiver = re.sub(r"[^A-Za-z0-9@._+-]", "_", receivers[0] if receivers else "nobody")
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._clock():%Y-%m-%dT%H%M%SZ} {receiver} {message_id}.txt"
        (self._folder / name).write_text(f"{head}\n{body['Data']}\n")
        if configuration := request.get("ConfigurationSetName"):
            tags = {tag["Name"]: tag["Value"] for tag in request.get("EmailTags") or ()}
            mail = ses_events.mail_object(message_id, request["FromEmailAddress"], receivers, tags, configuration, self._clock())
            for event in ses_events.events_of(mail):
                self._put_on_queue(configuration, ses_events.in_envelope(event, configuration, self._clock()))
        return message_id
