"""What SES's mailbox simulator does: mail to its addresses bounces or is complained of, and the events say so in SES's documented form.

https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator, and for the form
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from local.emulator import ACCOUNT, REGION

Json = dict[str, Any]

_BOUNCE, _SUPPRESSED = ("Permanent", "General"), ("Permanent", "OnAccountSuppressionList")
# By the part of a simulator's address before @ and +: the type of its bounce. Another two of them succeed or complain.
_BOUNCES = {"bounce": _BOUNCE, "suppressionlist": _SUPPRESSED}
_DOMAIN = "simulator.amazonses.com"


def events_of(mail: Json) -> list[Json]:
    """The events of a mail (the `mail` object of an event): of each receiver at the simulator one, but those that succeed."""
    events = []
    for address in mail["destination"]:
        name, _, domain = str(address).lower().partition("@")
        box = name.partition("+")[0]
        if domain != _DOMAIN:
            continue
        if box in _BOUNCES:
            events.append(bounce(mail, address, *_BOUNCES[box]))
        elif box == "complaint":
            events.append(complaint(mail, address))
    return events


def mail_object(
    message_id: str, source: str, destination: Sequence[str], tags: Mapping[str, str], configuration: str, at: datetime
) -> Json:
    """The `mail` object, which every event of that mail has."""
    return {
        "timestamp": _instant(at),
        "source": source,
        "sourceArn": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{source}",
        "sendingAccountId": ACCOUNT,
        "messageId": message_id,
        "destination": list(destination),
        "headersTruncated": False,
        "headers": [{"name": "From", "value": source}, {"name": "To", "value": ", ".join(destination)}],
        "commonHeaders": {"from": [source], "to": list(destination), "messageId": message_id},
        "tags": {"ses:configuration-set": [configuration], **{name: [value] for name, value in tags.items()}},
    }


def bounce(mail: Json, address: str, kind: str = "Permanent", subtype: str = "General", at: datetime | None = None) -> Json:
    """A bounce of a mail to an address."""
    recipient = {"emailAddress": address, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [recipient],
            "timestamp": _instant(at) if at else mail["timestamp"],
            "feedbackId": f"0100{uuid4().hex}-000000",
            "reportingMTA": "dns; mta.example.com",
        },
        "mail": mail,
    }


def complaint(mail: Json, address: str, at: datetime | None = None) -> Json:
    """A complaint about a mail by who got it."""
    instant = _instant(at) if at else mail["timestamp"]
    return {
        "eventType": "Complaint",
        "complaint": {
            "complainedRecipients": [{"emailAddress": address}],
            "timestamp": instant,
            "feedbackId": f"0100{uuid4().hex}-000000",
            "userAgent": "Amazon SES Mailbox Simulator",
            "complaintFeedbackType": "abuse",
            "arrivalDate": instant,
        },
        "mail": mail,
    }


def in_envelope(event: Json, topic: str, at: datetime) -> str:
    """An event as SNS puts it on a queue, without raw message delivery."""
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}"
    envelope = {
        "Type": "Notification",
        "MessageId": str(uuid4()),
        "TopicArn": arn,
        "Subject": "Amazon SES Email Event Notification",
        "Message": json.dumps(event),
        "Timestamp": _instant(at),
        "SignatureVersion": "1",
        "Signature": "bG9jYWw=",
        "SigningCertURL": f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-local.pem",
        "UnsubscribeURL": f"https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={arn}:{uuid4()}",
    }
    return json.dumps(envelope)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
