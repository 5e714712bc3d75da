"""The stage's buckets on moto, and the browser's side of a presigned URL.

moto takes a presigned URL for a request like any other. So a test sends one by `send`, which refuses what S3 would refuse before it asks moto:
a wrong or expired signature, other headers than were signed, another length or other bytes than the checksum says.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from chalicelib.foundation import aws
from chalicelib.foundation.settings import Settings
from local.emulator.errors import ServiceError
from local.emulator.signature import check_presigned

_DEFAULT_RETENTION_DAYS = 3650


@dataclass(frozen=True)
class Answer:
    """S3's answer to a presigned request; `code` is that of an error."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    code: str = ""


def create_buckets(settings: Settings) -> None:
    """Both buckets of the stage, as its template makes them; the seals' one locks by itself."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for name in filter(None, (settings.files_bucket, settings.seals_bucket)):
        backend.create_bucket(name, settings.region)
        backend.put_bucket_versioning(name, "Enabled")
    if settings.seals_bucket is not None:
        backend.put_object_lock_configuration(settings.seals_bucket, True, "COMPLIANCE", _DEFAULT_RETENTION_DAYS, 0)


def send(method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
    """A request by a presigned URL, as a browser or a program sends it: without credentials."""
    parts = urlsplit(url)
    sent = {name.lower(): value for name, value in (headers or {}).items()} | {"host": parts.netloc}
    if body or method == "PUT":
        sent["content-length"] = str(len(body))
    try:
        keys = aws._SESSION.get_credentials().get_frozen_credentials()
        known = {"access_key": keys.access_key, "secret_key": keys.secret_key, "now": datetime.now(UTC)}
        check_presigned(method, parts.path, parts.query, sent, **known)
        _check_bytes(sent, body)
    except ServiceError as error:
        return Answer(error.status, {}, error.message.encode(), error.code)
    if "x-amz-checksum-sha256" in sent:
        sent["x-amz-sdk-checksum-algorithm"] = "SHA256"  # by which alone moto keeps the checksum
    answer = requests.request(method, url, headers=sent, data=body or None, timeout=5)
    return Answer(answer.status_code, answer.headers, answer.content, _code(answer))


def _check_bytes(headers: Mapping[str, str], body: bytes) -> None:
    expected = headers.get("x-amz-checksum-sha256")
    if expected is not None and base64.b64encode(hashlib.sha256(body).digest()).decode() != expected:
        raise ServiceError("BadDigest", "The SHA256 you specified did not match the calculated checksum.")


def _code(answer: Any) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0] if answer.status_code >= 300 else ""
