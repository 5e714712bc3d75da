"""The stage's files: documents of packs in a bucket with versions, and what must not change in one under object lock.

Files go past the API: callers put and get them at S3 by URLs that are signed here for a few minutes. A URL to put a file says exactly which:
its type, its length and its SHA-256, and only under a key that is free, so that nobody replaces what somebody else has read. What was put is
found by `head`; its version is the file, whatever is put under that key later.

Each pack names the first parts of the keys that it uses (`Pack.files`): that is what its functions may write.
"""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict, TypeVar
from urllib.parse import quote

from chalicelib.foundation.aws import object_storage
from chalicelib.foundation.errors import Unavailable
from chalicelib.foundation.object_storage import ObjectExists, ObjectStorage, StorageUnavailable, StoredObject

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context

T = TypeVar("T")
StoredFile = StoredObject

PUT_SECONDS, GET_SECONDS = 900, 300


class FileUpload(TypedDict):
    """How to send a file: the URL, the method, the headers to send as they are, and for how many seconds."""

    url: str
    method: str
    headers: dict[str, str]
    expires_in: int


def presigned_put(ctx: "Context", key: str, *, content_type: str, size: int, sha256: str, expires_in: int = PUT_SECONDS) -> FileUpload:
    """How to put exactly this file under this key, for `expires_in` seconds. `size` in bytes, `sha256` in hexadecimal. No round trip.

    S3 refuses another type or length (403), other bytes (400), and a key that is not free (412).
    """
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(size),
        "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode(),
        "If-None-Match": "*",
    }
    url = object_storage(ctx.settings).presigned_put(_files_bucket(ctx), key, headers=headers, expires_in=expires_in)
    return {"url": url, "method": "PUT", "headers": headers, "expires_in": expires_in}


def presigned_get(ctx: "Context", key: str, *, version_id: str, filename: str, content_type: str, expires_in: int = GET_SECONDS) -> str:
    """The URL by which this version of a file can be downloaded under a name, for `expires_in` seconds. No round trip."""
    query = {
        "versionId": version_id,
        "response-content-type": content_type,
        "response-content-disposition": content_disposition(filename),
    }
    return object_storage(ctx.settings).presigned_get(_files_bucket(ctx), key, query=query, expires_in=expires_in)


def content_disposition(filename: str) -> str:
    """The header that gives a download its name (RFC 6266): the name itself in UTF-8, and one of plain ASCII for older programs."""
    name = "".join(char for char in filename if char.isprintable()) or "file"
    plain = "".join(char if char.isascii() and char not in '"\\%/' else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def head(ctx: "Context", key: str) -> StoredFile | None:
    """The current version of a file; None where none has arrived. One exchange with S3."""
    return _at_storage(ctx, lambda storage: storage.head(_files_bucket(ctx), key))


def get(ctx: "Context", key: str, version_id: str = "") -> bytes | None:
    """The bytes of a file, None where there is none. One exchange with S3."""
    return _at_storage(ctx, lambda storage: storage.get(_files_bucket(ctx), key, version_id))


def put(ctx: "Context", key: str, body: bytes, *, content_type: str) -> StoredFile:
    """Store a file, as a new version. One exchange with S3. Objects go before rows: one that no row names harms nothing."""
    return _at_storage(ctx, lambda storage: storage.put(_files_bucket(ctx), key, body, content_type=content_type))


def begin_upload(ctx: "Context", key: str, *, content_type: str) -> str:
    """Begin to store a file in parts; the upload's id. One exchange with S3."""
    return _at_storage(ctx, lambda storage: storage.begin_upload(_files_bucket(ctx), key, content_type=content_type))


def put_part(ctx: "Context", key: str, upload_id: str, number: int, body: bytes) -> str:
    """Store a part of a file, numbered from 1, at least 5 MiB unless it is the last; its tag. One exchange with S3."""
    return _at_storage(ctx, lambda storage: storage.put_part(_files_bucket(ctx), key, upload_id, number, body))


def finish_upload(ctx: "Context", key: str, upload_id: str, tags: Sequence[str]) -> StoredFile | None:
    """Make the file of its parts; None where it isn't there and can't be made any more. Safe to repeat. Two exchanges with S3."""
    _at_storage(ctx, lambda storage: storage.finish_upload(_files_bucket(ctx), key, upload_id, tags))
    return head(ctx, key)


def put_locked(ctx: "Context", name: str, body: bytes, *, content_type: str, until: datetime | None = None) -> StoredFile:
    """Store what nobody can change or remove before `until`, or for as long as the bucket's own retention says.

    What is stored under that name already stays, and is returned: so a repetition is safe, and the caller may compare `sha256`.
    One exchange with S3, or two.
    """
    bucket = _bucket(ctx.settings.seals_bucket)

    def put_once(storage: ObjectStorage) -> StoredFile:
        try:
            return storage.put(bucket, name, body, content_type=content_type, only_new=True, locked_until=until)
        except ObjectExists:
            stored = storage.head(bucket, name)
            assert stored is not None, "a locked object is there to stay"
            return stored

    return _at_storage(ctx, put_once)


def get_locked(ctx: "Context", name: str) -> bytes | None:
    """The bytes of what was stored under lock; None where there is nothing of that name. One exchange with S3."""
    return _at_storage(ctx, lambda storage: storage.get(_bucket(ctx.settings.seals_bucket), name))


def _files_bucket(ctx: "Context") -> str:
    return _bucket(ctx.settings.files_bucket)


def _bucket(name: str | None) -> str:
    if name is None:
        raise Unavailable("This stage has no bucket for files.", retry_after=3600)
    return name


def _at_storage(ctx: "Context", exchange: Callable[[ObjectStorage], T]) -> T:
    try:
        return exchange(object_storage(ctx.settings))
    except StorageUnavailable as error:
        raise Unavailable("The files can't be reached.") from error
