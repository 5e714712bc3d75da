"""S3's REST interface, as far as it is needed: objects whole, with versions, SHA-256 checksums and locks, and URLs signed for others.

botocore's client takes 120 ms to create and would have its model in every deployed zip, of 1.4 MB; a URL signed here takes 0.3 ms. An exchange is
repeated at most twice, where S3 is busy or unreachable; every one of these is safe to repeat.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, unescape

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation.aws_http import USER_AGENT, ServiceConnection

_ATTEMPTS = 3
_CODE = re.compile(rb"<Code>([A-Za-z]+)</Code>")
_NOT_FOUND, _PRECONDITION_FAILED = 404, 412


class StorageUnavailable(Exception):
    """S3 was unreachable or busy, repeatedly."""


class ObjectExists(Exception):
    """There is an object under this key already."""


@dataclass(frozen=True)
class StoredObject:
    """An object as S3 describes it: `sha256` in hexadecimal, empty where it was stored without; `version_id` is empty in a bucket without
    versions.
    """

    key: str
    version_id: str
    size: int
    sha256: str
    content_type: str


class ObjectStorage:
    """Objects of the buckets of one region. Raises StorageUnavailable, and ClientError for what S3 refuses."""

    def __init__(self, connection: ServiceConnection) -> None:
        self._connection = connection

    def presigned_put(self, bucket: str, key: str, *, headers: Mapping[str, str], expires_in: int) -> str:
        """A URL by which its holder may put one object for `expires_in` seconds. They must send these headers as they are."""
        return self._presigned("PUT", self._url(bucket, key), headers, expires_in)

    def presigned_get(self, bucket: str, key: str, *, query: Mapping[str, str], expires_in: int) -> str:
        """A URL by which its holder may read one object for `expires_in` seconds; `query` names the version, and headers of the answer."""
        return self._presigned("GET", self._url(bucket, key, query), {}, expires_in)

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The current version of an object, None where there is none."""
        response = self._call("HeadObject", "HEAD", self._url(bucket, key), {"x-amz-checksum-mode": "ENABLED"}, None, _NOT_FOUND)
        if response.status_code == _NOT_FOUND:
            return None
        headers = response.headers
        return StoredObject(
            key,
            version_id=_version_of(headers),
            size=int(headers.get("Content-Length", 0)),
            sha256=base64.b64decode(headers.get("x-amz-checksum-sha256", "")).hex(),
            content_type=headers.get("Content-Type", ""),
        )

    def get(self, bucket: str, key: str, version_id: str = "") -> bytes | None:
        """The bytes of an object, of its current version unless one is named; None where there is none."""
        query = {"versionId": version_id} if version_id else {}
        response = self._call("GetObject", "GET", self._url(bucket, key, query), {}, None, _NOT_FOUND)
        return None if response.status_code == _NOT_FOUND else response.content

    def put(
        self, bucket: str, key: str, body: bytes, *, content_type: str, only_new: bool = False, locked_until: datetime | None = None
    ) -> StoredObject:
        """Store an object; of a bucket with versions, a new one. `only_new` raises ObjectExists where there is one.

        `locked_until`: this version can't be removed before then, by nobody.
        """
        digest = hashlib.sha256(body).digest()
        headers = {
            "Content-Type": content_type,
            "x-amz-checksum-sha256": base64.b64encode(digest).decode(),
            "x-amz-sdk-checksum-algorithm": "SHA256",
        }
        if only_new:
            headers["If-None-Match"] = "*"
        if locked_until:
            headers |= {"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": f"{locked_until:%Y-%m-%dT%H:%M:%SZ}"}
        response = self._call("PutObject", "PUT", self._url(bucket, key), headers, body, _PRECONDITION_FAILED)
        if response.status_code == _PRECONDITION_FAILED:
            raise ObjectExists(key)
        return StoredObject(key, _version_of(response.headers), len(body), digest.hex(), content_type)

    # -- an object in parts: each of 5 MiB at the least, but the last one

    def begin_upload(self, bucket: str, key: str, *, content_type: str) -> str:
        """Begin to put an object in parts; the upload's id."""
        response = self._call(
            "CreateMultipartUpload", "POST", self._url(bucket, key, {"uploads": ""}), {"Content-Type": content_type}, b"", 200
        )
        return str(_text_of("UploadId", response.content))

    def put_part(self, bucket: str, key: str, upload_id: str, number: int, body: bytes) -> str:
        """Put a part, numbered from 1, or replace it; its tag, by which `finish_upload` names it."""
        url = self._url(bucket, key, {"partNumber": str(number), "uploadId": upload_id})
        return str(self._call("UploadPart", "PUT", url, {}, body, 200).headers["ETag"])

    def finish_upload(self, bucket: str, key: str, upload_id: str, tags: Sequence[str]) -> bool:
        """Make the object of all parts, in order. False where there is no such upload, or no more: it was finished before."""
        parts = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>" for number, tag in enumerate(tags, 1))
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        url = self._url(bucket, key, {"uploadId": upload_id})
        response = self._call("CompleteMultipartUpload", "POST", url, {"Content-Type": "application/xml"}, body, _NOT_FOUND)
        if response.status_code == _NOT_FOUND:
            return False
        if _CODE.search(response.content):  # S3 may answer 200 before it knows
            raise _error("CompleteMultipartUpload", response)
        return True

    def _url(self, bucket: str, key: str, query: Mapping[str, str] | None = None) -> str:
        endpoint = self._connection.endpoint
        host = f"{endpoint}/{bucket}" if endpoint else f"https://{bucket}.s3.{self._connection.region}.amazonaws.com"
        return f"{host}/{quote(key, safe='/~')}{f'?{urlencode(query, quote_via=quote)}' if query else ''}"

    def _presigned(self, method: str, url: str, headers: Mapping[str, str], expires_in: int) -> str:
        request = AWSRequest(method, url, headers=dict(headers))
        S3SigV4QueryAuth(self._connection.credentials, "s3", self._connection.region, expires=expires_in).add_auth(request)
        return str(request.url)

    def _call(self, operation: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None, expected: int) -> Any:
        """The response of an operation: a success, or the `expected` status."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                request = AWSRequest(method, url, headers={**headers, "User-Agent": USER_AGENT}, data=body)
                S3SigV4Auth(self._connection.credentials, "s3", self._connection.region).add_auth(request)
                response = self._connection.send(operation, request.prepare())
            except BotoCoreError as error:
                if attempt == _ATTEMPTS:
                    raise StorageUnavailable(str(error)) from error
                continue
            if response.status_code < 300 or response.status_code == expected:
                return response
            if response.status_code < 500:
                raise _error(operation, response)
        raise StorageUnavailable(f"{operation}: {response.status_code}")


def _text_of(element: str, xml: bytes) -> str:
    """The text of an element of an answer, which is there once."""
    return unescape(xml.decode().partition(f"<{element}>")[2].partition(f"</{element}>")[0])


def _version_of(headers: Mapping[str, str]) -> str:
    return headers.get("x-amz-version-id", "")


def _error(operation: str, response: Any) -> ClientError:
    code = _CODE.search(response.content or b"")  # no body comes with HEAD
    name = code[1].decode() if code else str(response.status_code)
    return ClientError({"Error": {"Code": name, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": response.status_code}}, operation)
