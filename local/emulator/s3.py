"""S3, as far as the system uses it: objects with versions, SHA-256 checksums, conditional writes and locks, by header or presigned URL.

An object's bytes are a file of the folder beside the database, named by its version; what is known of it is a row. The file is on the disk before
the row is committed, and removed after: so there is no row without its bytes. Every bucket has versions; one is made with a lock or without.
"""

import base64
import binascii
import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote
from uuid import uuid4
from xml.sax.saxutils import escape

from local.emulator.access import SECRET_KEY, check_access
from local.emulator.database import transaction
from local.emulator.errors import ServiceError, log_error
from local.emulator.http import HttpRequest, HttpResponse
from local.emulator.signature import check_presigned, is_presigned
from local.loopback import is_loopback

_VERSION = re.compile("[0-9a-f]{32}", re.ASCII)
_EXPOSED = "ETag, x-amz-version-id"
_OVERRIDES = {f"response-{name}": name.title() for name in ("content-type", "content-disposition", "cache-control")}


class _Object(NamedTuple):
    """The row of one version of an object; `is_marker`: it says that the object was deleted."""

    version: str
    is_marker: int
    size: int
    etag: str
    sha256: str
    content_type: str
    stored_at: float
    lock_mode: str
    locked_until: float


class S3:
    """The service. `clock` is the system's time, by which locks end; signatures are checked by the real one, as by AWS."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, access_key: str, clock: Callable[[], float]) -> None:
        self._connection, self._folder, self._access_key, self._clock = connection, folder, access_key, clock
        self._origins: dict[str, tuple[str, ...]] = {}  # by bucket

    def create_bucket(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make a bucket where there is none: of `LockDays`, the days for which each of its objects is locked, under object lock.

        From its `Origins` a browser may call, until the next start.
        """
        self._origins[request["Bucket"]] = tuple(request.get("Origins") or ())
        with transaction(self._connection):
            self._connection.execute(
                "INSERT OR IGNORE INTO buckets (name, lock_days) VALUES (?, ?)", (request["Bucket"], request.get("LockDays"))
            )
        return {}

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The response to any request of the REST interface."""
        path, _, query = request.path.partition("?")
        try:
            if request.method == "OPTIONS":
                return self._preflight(request)
            self._check_access(request, path, query)
            response = self._dispatch(request, path, dict(parse_qsl(query, keep_blank_values=True)))
        except ServiceError as error:
            response = _failure(error, path, is_bodiless=request.method == "HEAD")
        except OSError as error:  # the disk is full
            log_error(error)
            response = _failure(ServiceError("InternalError", str(error), 500), path, is_bodiless=request.method == "HEAD")
        return response._replace(headers=(*response.headers, *self._cors(request)))

    def _check_access(self, request: HttpRequest, path: str, query: str) -> None:
        if not is_presigned(query):
            if "authorization" not in request.headers:
                raise ServiceError("AccessDenied", "Access Denied", 403)
            check_access(request.headers, self._access_key)
            return
        if not is_loopback(request.headers.get("host", "")):
            raise ServiceError("AccessDenied", "The engine answers to 127.0.0.1 and localhost only.", 403)
        check_presigned(
            request.method, path, query, request.headers, access_key=self._access_key, secret_key=SECRET_KEY, now=datetime.now(UTC)
        )

    def _dispatch(self, request: HttpRequest, path: str, query: dict[str, str]) -> HttpResponse:
        bucket, _, key = unquote(path.removeprefix("/")).partition("/")
        row = self._connection.execute("SELECT lock_days FROM buckets WHERE name = ?", (bucket,)).fetchone()
        if row is None:
            raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404)
        version = query.get("versionId", "")
        if "versionId" in query and not _VERSION.fullmatch(version):
            raise ServiceError("InvalidArgument", "Invalid version id specified")
        match request.method:
            case "PUT" if key and not version:
                return self._put(bucket, key, request, lock_days=row[0])
            case "GET" | "HEAD" if key:
                return self._get(bucket, key, version, query, request)
            case "DELETE" if key:
                return self._delete(bucket, key, version)
        raise ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)

    # -- operations

    def _put(self, bucket: str, key: str, request: HttpRequest, *, lock_days: int | None) -> HttpResponse:
        headers, body = request.headers, request.body
        digest = _checked_digest(headers, body)
        condition = headers.get("if-none-match")
        if condition not in (None, "*"):
            raise ServiceError("NotImplemented", "A header you provided implies functionality that is not implemented", 501)
        mode, until = self._lock(headers, lock_days)
        version = uuid4().hex
        self._write(bucket, version, body)
        row = (bucket, key, version, 0, len(body), hashlib.md5(body, usedforsecurity=False).hexdigest(), digest)
        with transaction(self._connection):
            if condition and self._find(bucket, key) is not None:
                raise ServiceError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
            self._connection.execute(
                "INSERT INTO objects (bucket, key, version, is_marker, size, etag, sha256, content_type, stored_at, lock_mode, locked_until)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, headers.get("content-type", "binary/octet-stream"), self._clock(), mode, until),
            )
        answer = [("ETag", f'"{row[5]}"'), ("x-amz-version-id", version)]
        answer += [("x-amz-checksum-sha256", _base64(digest))] if digest else []
        return HttpResponse(200, b"", content_type="", headers=tuple(answer))

    def _get(self, bucket: str, key: str, version: str, query: dict[str, str], request: HttpRequest) -> HttpResponse:
        found = self._find(bucket, key, version)
        if found is None:
            raise ServiceError("NoSuchVersion" if version else "NoSuchKey", "The specified key does not exist.", 404)
        if found.is_marker:
            raise ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        headers = {
            "Last-Modified": format_datetime(datetime.fromtimestamp(found.stored_at, UTC), usegmt=True),
            "ETag": f'"{found.etag}"',
            "x-amz-version-id": found.version,
        }
        if found.sha256 and request.headers.get("x-amz-checksum-mode") == "ENABLED":
            headers["x-amz-checksum-sha256"] = _base64(found.sha256)
        if found.lock_mode:
            headers |= {"x-amz-object-lock-mode": found.lock_mode, "x-amz-object-lock-retain-until-date": _instant(found.locked_until)}
        headers |= {_OVERRIDES[name]: value for name, value in query.items() if name in _OVERRIDES}
        content_type = headers.pop("Content-Type", found.content_type)
        if request.method == "HEAD":
            return HttpResponse(200, b"", content_type, tuple(headers.items()), length=found.size)
        return HttpResponse(200, self._path(bucket, found.version).read_bytes(), content_type, tuple(headers.items()))

    def _delete(self, bucket: str, key: str, version: str) -> HttpResponse:
        """Remove one version, for good, or without one say that the object is deleted: its versions stay."""
        if not version:
            marker = uuid4().hex
            with transaction(self._connection):
                self._connection.execute(
                    "INSERT INTO objects (bucket, key, version, is_marker, stored_at) VALUES (?, ?, ?, 1, ?)",
                    (bucket, key, marker, self._clock()),
                )
            return _no_content(("x-amz-delete-marker", "true"), ("x-amz-version-id", marker))
        with transaction(self._connection):
            found = self._find(bucket, key, version)
            if found is not None and found.locked_until > self._clock():
                raise ServiceError("AccessDenied", "Access Denied because object protected by object lock.", 403)
            self._connection.execute("DELETE FROM objects WHERE bucket = ? AND key = ? AND version = ?", (bucket, key, version))
        self._path(bucket, version).unlink(missing_ok=True)
        return _no_content(("x-amz-version-id", version), *([("x-amz-delete-marker", "true")] if found and found.is_marker else []))

    # -- their parts

    def _find(self, bucket: str, key: str, version: str = "") -> _Object | None:
        """A version of an object; without one its current version, None where that says that it is deleted."""
        row = self._connection.execute(
            "SELECT version, is_marker, size, etag, sha256, content_type, stored_at, lock_mode, locked_until FROM objects"
            " WHERE bucket = ? AND key = ? AND (? = '' OR version = ?) ORDER BY number DESC LIMIT 1",
            (bucket, key, version, version),
        ).fetchone()
        found = None if row is None else _Object(*row)
        return None if found is not None and found.is_marker and not version else found

    def _lock(self, headers: Mapping[str, str], lock_days: int | None) -> tuple[str, float]:
        """The mode and the end of an object's lock: its own, else that of its bucket."""
        mode, until = headers.get("x-amz-object-lock-mode", ""), headers.get("x-amz-object-lock-retain-until-date", "")
        if bool(mode) != bool(until):
            raise ServiceError("InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
        if lock_days is None:
            if mode:
                raise ServiceError("InvalidRequest", "Bucket is missing Object Lock Configuration")
            return "", 0
        if not headers.keys() & {"content-md5", "x-amz-checksum-sha256"}:
            raise ServiceError(
                "InvalidRequest",
                "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
            )
        if not mode:
            return "COMPLIANCE", self._clock() + timedelta(days=lock_days).total_seconds()
        try:
            end = datetime.fromisoformat(until)
        except ValueError:
            raise ServiceError("InvalidArgument", "The retain until date must be provided in ISO 8601 format") from None
        if mode not in ("COMPLIANCE", "GOVERNANCE"):
            raise ServiceError("InvalidArgument", "Unknown wormMode directive.")
        if end.timestamp() <= self._clock():
            raise ServiceError("InvalidArgument", "The retain until date must be in the future!")
        return mode, end.timestamp()

    def _write(self, bucket: str, version: str, body: bytes) -> None:
        path = self._path(bucket, version)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())

    def _path(self, bucket: str, version: str) -> Path:
        return self._folder / bucket / version

    # -- browsers

    def _cors(self, request: HttpRequest) -> tuple[tuple[str, str], ...]:
        origin, bucket = request.headers.get("origin", ""), request.path[1:].partition("/")[0]
        if origin not in self._origins.get(bucket, ()):
            return ()
        return (("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", _EXPOSED), ("Vary", "Origin"))

    def _preflight(self, request: HttpRequest) -> HttpResponse:
        if not (allowed := self._cors(request)) or not is_loopback(request.headers.get("host", "")):
            raise ServiceError("AccessForbidden", "CORSResponse: This CORS request is not allowed.", 403)
        asked = request.headers.get("access-control-request-headers", "")
        more = (
            ("Access-Control-Allow-Methods", "GET, HEAD, PUT"),
            ("Access-Control-Allow-Headers", asked),
            ("Access-Control-Max-Age", "3600"),
        )
        return HttpResponse(200, b"", content_type="", headers=(*allowed, *more))


def _checked_digest(headers: Mapping[str, str], body: bytes) -> str:
    """The SHA-256 of a body in hexadecimal where the request says it, as S3 keeps it then. Raises ServiceError where it says another."""
    digest = hashlib.sha256(body).digest()
    if (given := headers.get("x-amz-checksum-sha256")) is not None:
        try:
            expected = base64.b64decode(given, validate=True)
        except binascii.Error:
            expected = b""
        if len(expected) != len(digest):
            raise ServiceError("InvalidRequest", "Value for x-amz-checksum-sha256 header is invalid.")
        if expected != digest:
            raise ServiceError("BadDigest", "The SHA256 you specified did not match the calculated checksum.")
    payload = headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if payload not in ("UNSIGNED-PAYLOAD", digest.hex()):
        raise ServiceError("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
    return "" if given is None else digest.hex()


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


def _instant(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _no_content(*headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(204, b"", content_type="", headers=headers)


def _failure(error: ServiceError, path: str, *, is_bodiless: bool) -> HttpResponse:
    code = {"AccessDeniedException": "AccessDenied", "UnrecognizedClientException": "InvalidAccessKeyId"}.get(error.code, error.code)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(error.message)}</Message><Resource>{escape(path)}</Resource>"
        f"<RequestId>{uuid4().hex}</RequestId></Error>"
    )
    return HttpResponse(error.status, b"" if is_bodiless else text.encode(), "application/xml")
