"""Files: URLs that pin exactly one file, versions, checksums, names of downloads, and what nobody can remove."""

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from chalicelib.foundation import aws, files
from chalicelib.foundation.errors import Unavailable
from tests import moto_buckets

PDF = "application/pdf"
BODY = b"%PDF-1.7 a contract"
KEY = "contracts/ctr_1/01K"


def sha256(body):
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def ctx(context):
    return context("operator")


def allow(ctx, body=BODY, key=KEY, **changes):
    return files.presigned_put(ctx, key, **{"content_type": PDF, "size": len(body), "sha256": sha256(body), **changes})


def upload(ctx, body=BODY, sent=None, headers=None, **changes):
    allowed = allow(ctx, body, **changes)
    return moto_buckets.send(allowed["method"], allowed["url"], headers=allowed["headers"] | (headers or {}), body=sent or body)


# -- uploads


def test_what_was_put_is_found_with_its_version_size_checksum_and_type(ctx):
    assert files.head(ctx, KEY) is None
    ctx.store.round_trips = 0
    assert upload(ctx).status == 200
    found = files.head(ctx, KEY)
    assert found
    assert (found.key, found.size, found.sha256, found.content_type) == (KEY, len(BODY), sha256(BODY), PDF)
    assert found.version_id
    assert files.get(ctx, KEY, found.version_id) == BODY
    assert ctx.store.round_trips == 0


def test_how_to_put_it_says_what_to_send(ctx):
    allowed = allow(ctx)
    assert allowed["method"] == "PUT"
    assert allowed["expires_in"] == 900
    assert allowed["headers"] == {
        "Content-Type": PDF,
        "Content-Length": str(len(BODY)),
        "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
        "If-None-Match": "*",
    }
    assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match%3Bx-amz-checksum-sha256" in allowed["url"]
    assert "X-Amz-Expires=900" in allowed["url"]


@pytest.mark.parametrize(
    ("sent", "headers", "status", "code"),
    [
        (BODY[:-1] + b"!", {}, 400, "BadDigest"),
        (BODY + b"!", {}, 403, "SignatureDoesNotMatch"),
        (BODY, {"Content-Type": "text/html"}, 403, "SignatureDoesNotMatch"),
        (BODY, {"If-None-Match": '"x"'}, 403, "SignatureDoesNotMatch"),
        (BODY, {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"x").digest()).decode()}, 403, "SignatureDoesNotMatch"),
        (BODY, {"x-amz-acl": "public-read"}, 403, "AccessDenied"),
    ],
    ids=["bytes", "length", "type", "condition", "checksum", "more"],
)
def test_nothing_else_can_be_put(ctx, sent, headers, status, code):
    refused = upload(ctx, sent=sent, headers=headers)
    assert (refused.status, refused.code) == (status, code)
    assert files.head(ctx, KEY) is None


def test_a_url_is_of_one_key_and_one_verb(ctx):
    allowed = allow(ctx)
    for method, url in (("PUT", allowed["url"].replace("01K", "02K")), ("GET", allowed["url"]), ("DELETE", allowed["url"])):
        assert moto_buckets.send(method, url, headers=allowed["headers"], body=BODY if method == "PUT" else b"").status == 403


def test_what_is_there_already_is_not_replaced(ctx):
    assert upload(ctx).status == 200
    again = upload(ctx)
    assert (again.status, again.code) == (412, "PreconditionFailed")


def test_a_url_ends(ctx, monkeypatch):
    allowed = allow(ctx, expires_in=60)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) + timedelta(seconds=61)

    monkeypatch.setattr(moto_buckets, "datetime", Later)
    refused = moto_buckets.send("PUT", allowed["url"], headers=allowed["headers"], body=BODY)
    assert (refused.status, refused.content) == (403, b"Request has expired")


# -- downloads


def test_a_download_is_of_one_version_and_named(ctx):
    first = files.put(ctx, KEY, BODY, content_type=PDF)
    second = files.put(ctx, KEY, b"another", content_type=PDF)
    assert first.version_id != second.version_id
    assert files.get(ctx, KEY) == b"another"
    url = files.presigned_get(ctx, KEY, version_id=first.version_id, filename='Vertrag "Grüß".pdf', content_type=PDF)
    assert "X-Amz-Expires=300" in url
    found = moto_buckets.send("GET", url)
    assert (found.status, found.content) == (200, BODY)
    assert found.headers["content-type"] == PDF
    assert found.headers["content-disposition"] == (
        "attachment; filename=\"Vertrag _Gr___.pdf\"; filename*=UTF-8''Vertrag%20%22Gr%C3%BC%C3%9F%22.pdf"
    )
    assert moto_buckets.send("GET", url.replace(first.version_id, second.version_id)).status == 403
    assert moto_buckets.send("GET", url.replace("attachment", "inline")).status == 403


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("plain.pdf", "attachment; filename=\"plain.pdf\"; filename*=UTF-8''plain.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "attachment; filename=\"aSet-Cookie: x.pdf\"; filename*=UTF-8''aSet-Cookie%3A%20x.pdf"),
        ("../../etc/pass\\wd", "attachment; filename=\".._.._etc_pass_wd\"; filename*=UTF-8''..%2F..%2Fetc%2Fpass%5Cwd"),
        ("100%25.pdf", "attachment; filename=\"100_25.pdf\"; filename*=UTF-8''100%2525.pdf"),
        ("合同.pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%E5%90%88%E5%90%8C.pdf"),
        ("\x00\x1f", "attachment; filename=\"file\"; filename*=UTF-8''file"),
    ],
)
def test_a_name_of_a_download_is_only_a_name(name, header):
    assert files.content_disposition(name) == header
    assert header.isascii()


# -- what is stored here


def test_a_file_of_ours_has_its_checksum_too(ctx):
    stored = files.put(ctx, KEY, BODY, content_type=PDF)
    assert files.head(ctx, KEY) == stored
    assert stored.sha256 == sha256(BODY)
    assert files.get(ctx, "contracts/none") is None


def test_keys_of_any_characters_are_one_key(ctx):
    key = "contracts/a b+c&d=é/~x"
    stored = files.put(ctx, key, BODY, content_type=PDF)
    assert files.get(ctx, key) == BODY
    url = files.presigned_get(ctx, key, version_id=stored.version_id, filename="a.pdf", content_type=PDF)
    assert moto_buckets.send("GET", url).content == BODY
    assert upload(ctx, key=f"{key}2").status == 200


def test_what_is_under_lock_stays_as_it_was_first(ctx, settings):
    until = datetime.now(UTC) + timedelta(days=400)
    first = files.put_locked(ctx, "seals/2026-11-24.json", b"{}", content_type="application/json", until=until)
    again = files.put_locked(ctx, "seals/2026-11-24.json", b'{"forged": 1}', content_type="application/json", until=until)
    assert again == first
    assert files.get_locked(ctx, "seals/2026-11-24.json") == b"{}"
    assert files.get_locked(ctx, "seals/none") is None
    s3 = aws.client("s3", settings)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=settings.seals_bucket, Key="seals/2026-11-24.json", VersionId=first.version_id)
    assert lock(settings, "seals/2026-11-24.json") == ("COMPLIANCE", f"{until:%Y-%m-%dT%H:%M:%SZ}")


def test_without_an_end_the_bucket_itself_says_how_long(ctx, settings):
    files.put_locked(ctx, "seals/x", b"{}", content_type="application/json")
    mode, end = lock(settings, "seals/x")
    assert (mode, end[:4]) == ("COMPLIANCE", str(datetime.now(UTC).year + 10))


def lock(settings, key):
    stored = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_object(settings.seals_bucket, key)
    return stored.lock_mode, stored.lock_until


# -- failures


class Storage:
    """A connection whose exchanges end as said, one after another."""

    service, region, endpoint = "s3", "us-east-1", None

    def __init__(self, real, *ends):
        self.real, self.ends, self.asked = real, list(ends), 0
        self.credentials = real.credentials

    def send(self, operation, request):
        self.asked += 1
        end = self.ends.pop(0) if self.ends else None
        if isinstance(end, Exception):
            raise end
        return self.real.send(operation, request) if end is None else end


class Says:
    def __init__(self, status, content=b""):
        self.status_code, self.content, self.headers = status, content, {}


@pytest.fixture
def storage(ctx, monkeypatch):
    """`storage(*ends)`: S3 that fails so before it works."""
    real = aws.object_storage(ctx.settings)._connection

    def put(*ends):
        stand_in = Storage(real, *ends)
        monkeypatch.setattr(aws.object_storage(ctx.settings), "_connection", stand_in)
        return stand_in

    return put


GONE = EndpointConnectionError(endpoint_url="https://s3")


def test_a_busy_or_unreachable_moment_is_passed_over(ctx, storage):
    stand_in = storage(Says(503), GONE)
    assert files.put(ctx, KEY, BODY, content_type=PDF).sha256 == sha256(BODY)
    assert stand_in.asked == 3


@pytest.mark.parametrize("end", [Says(500), GONE], ids=["busy", "unreachable"])
def test_what_lasts_is_unavailable(ctx, storage, end):
    stand_in = storage(*[end] * 9)
    with pytest.raises(Unavailable):
        files.head(ctx, KEY)
    assert stand_in.asked == 3


def test_a_refusal_is_no_absence(ctx, storage):
    storage(Says(403, b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(ClientError, match="AccessDenied"):
        files.get(ctx, KEY)
    storage(Says(403))
    with pytest.raises(ClientError, match="403"):
        files.head(ctx, KEY)


def test_an_answer_that_was_lost_leaves_what_was_locked(ctx, storage):
    """S3 stored it, and the answer did not come: the repetition finds it there."""
    real = aws.object_storage(ctx.settings)._connection
    stand_in = storage()

    def lose(operation, request):
        answer = real.send(operation, request)
        if not stand_in.asked:
            stand_in.asked = 1
            raise GONE
        return answer

    stand_in.send = lose
    assert files.put_locked(ctx, "seals/y", b"{}", content_type="application/json").sha256 == sha256(b"{}")


def test_a_stage_without_buckets_says_so(ctx):
    ctx.settings = replace(ctx.settings, files_bucket=None, seals_bucket=None)
    for use in (lambda: files.head(ctx, KEY), lambda: allow(ctx), lambda: files.get_locked(ctx, "x")):
        with pytest.raises(Unavailable, match="no bucket"):
            use()
