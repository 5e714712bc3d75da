"""What becomes of a mail after it was sent: SES says so when it bounces, or when who got it complains.

A mail of a thing carries that thing's id and the mail's purpose as SES's message tags, which come back with its events. So an event
needs no row to be understood, weeks after the mail. It goes to the pack of the thing (`Pack.mail_events`).

SES tells an SNS topic, and the topic the outbox queue; so an event may come twice, and late. Its form is that of SES's event publishing
(`eventType`), or of its notifications of an identity (`notificationType`), bare or in SNS's envelope.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.foundation.dates import parse_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.json_codec import JsonObject, loads
from chalicelib.foundation.manifest import Pack, import_string

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

ABOUT, PURPOSE = "about", "purpose"  # the tags of a mail
Kind = Literal["hard", "soft", "complaint"]
_BOUNCES: dict[str, Kind] = {"Permanent": "hard", "Transient": "soft", "Undetermined": "soft"}
_NO_COMPLAINT = "not-spam"  # a report that a mail was taken for spam and is none (RFC 6430)
_MAX_DETAIL = 300  # of the diagnostic text of somebody else's server


@dataclass(frozen=True)
class MailEvent:
    """What became of a mail: a `hard` bounce (there is no such address), a `soft` one (SES has given up for now), or a `complaint`.

    `at` is when it was found out, `detail` what the other server said, `address` whom the mail was for.
    """

    kind: Kind
    at: datetime
    detail: str
    address: str


@dataclass(frozen=True)
class ReportedMail:
    """An event, and of which mail it is; empty where the mail said nothing of it."""

    about: str
    purpose: str
    event: MailEvent


def tags(about: str, purpose: str) -> list[dict[str, str]]:
    """The message tags of a mail. Both are of SES's alphabet: letters, digits, `_` and `-`."""
    return [{"Name": name, "Value": value} for name, value in ((ABOUT, about), (PURPOSE, purpose)) if value]


def is_report(message: Mapping[str, Any]) -> bool:
    """Whether a message of the queue was sent by SES or by SNS, rather than by ourselves."""
    return bool(message.keys() & {"eventType", "notificationType"}) or {"Type", "TopicArn"} <= message.keys()


def parse(message: Mapping[str, Any]) -> list[ReportedMail]:
    """The events in a message, one an address; none where it tells of something else: a delivery, a subscription, a test."""
    if "TopicArn" in message:
        message = _unwrapped(message)
    match message.get("eventType") or message.get("notificationType"):
        case "Bounce":
            bounce = message["bounce"]
            kind = _BOUNCES.get(bounce["bounceType"], "soft")
            return [_reported(message, kind, bounce, one) for one in bounce["bouncedRecipients"]]
        case "Complaint":
            complaint = message["complaint"]
            if complaint.get("complaintFeedbackType") == _NO_COMPLAINT:
                return []
            return [_reported(message, "complaint", complaint, one) for one in complaint["complainedRecipients"]]
    return []


def _unwrapped(envelope: Mapping[str, Any]) -> JsonObject:
    try:
        inner = loads(envelope.get("Message") or "{}")
    except ValueError:  # SES's test of the topic is a sentence
        return {}
    return inner if isinstance(inner, dict) else {}


def _reported(message: Mapping[str, Any], kind: Kind, report: Mapping[str, Any], recipient: Mapping[str, Any]) -> ReportedMail:
    values = message["mail"].get("tags") or {}
    about, purpose = (str(next(iter(values.get(name) or ()), "")) for name in (ABOUT, PURPOSE))
    subtype = report.get("bounceSubType") or report.get("complaintFeedbackType") or report.get("complaintSubType") or ""
    detail = recipient.get("diagnosticCode") or subtype or ""
    at = parse_timestamp(report["timestamp"])
    return ReportedMail(about, purpose, MailEvent(kind, at, str(detail)[:_MAX_DETAIL], str(recipient["emailAddress"])))


def deliver(ctx: "Context", reported: ReportedMail) -> bool:
    """Give an event to the pack of the thing. False where no pack wants it, or the thing is gone. As many round trips as that pack makes."""
    path = _handlers(ctx.packs).get(reported.about.partition("_")[0])
    if path is None:
        return False
    try:
        import_string(path)(ctx, reported.about, reported.purpose, reported.event)
    except NotFound:
        return False
    return True


def _handlers(packs: Iterable[Pack]) -> dict[str, str]:
    return {prefix: path for pack in packs for prefix, path in pack.mail_events.items()}
