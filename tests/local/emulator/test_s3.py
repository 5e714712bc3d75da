"""The embedded S3: as moto answers where moto answers as AWS does, and by presigned URLs, checksums, versions and locks of its own."""

import base64
import hashlib
import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session
from moto import mock_aws

from chalicelib.foundation.aws_http import ServiceConnection
from chalicelib.foundation.object_storage import ObjectExists, ObjectStorage
from local.emulator.access import SECRET_KEY
from local.engine import REGION, Engine

BUCKET, LOCKED = "things-files", "things-seals"
BODY = b"%PDF-1.7"
UNTIL = datetime.now(UTC) + timedelta(days=30)


def checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    running = Engine(tmp_path_factory.mktemp("s3"))
    make_buckets(running)
    yield running
    running.stop()


def make_buckets(engine: Engine, *origins: str) -> None:
    client = engine.client()
    client.call("LocalStorage.CreateBucket", {"Bucket": BUCKET, "Origins": origins})
    client.call("LocalStorage.CreateBucket", {"Bucket": LOCKED, "LockDays": 3650})
    client.close()


def storage_of(engine: Engine) -> ObjectStorage:
    session = Session()
    session.set_credentials(engine.access_key, SECRET_KEY)
    return ObjectStorage(ServiceConnection("s3", REGION, engine.url, session))


@pytest.fixture
def storage(engine: Engine) -> ObjectStorage:
    return storage_of(engine)


# -- as moto does


def summed(body: bytes) -> dict[str, str]:
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": checksum(body)}


SCENARIO: list[tuple[str, dict[str, Any]]] = [
    ("head_object", {"Key": "a"}),
    ("get_object", {"Key": "a"}),
    ("put_object", {"Key": "a", "Body": BODY, "ContentType": "application/pdf", **summed(BODY)}),
    ("put_object", {"Key": "a", "Body": b"2", "IfNoneMatch": "*"}),
    ("head_object", {"Key": "a", "ChecksumMode": "ENABLED"}),
    ("get_object", {"Key": "a"}),
    ("put_object", {"Key": "a", "Body": b"second", "ContentType": "text/plain"}),
    ("get_object", {"Key": "a"}),
    ("get_object", {"Key": "a", "VersionId": "{2}"}),
    ("head_object", {"Key": "a", "VersionId": "{2}"}),
    ("get_object", {"Key": "a", "ResponseContentType": "text/html", "ResponseContentDisposition": 'attachment; filename="x"'}),
    ("delete_object", {"Key": "a"}),
    ("head_object", {"Key": "a"}),
    ("get_object", {"Key": "a"}),
    ("get_object", {"Key": "a", "VersionId": "{2}"}),
    ("put_object", {"Key": "a", "Body": b"third", "IfNoneMatch": "*"}),
    ("get_object", {"Key": "a"}),
    ("delete_object", {"Key": "a", "VersionId": "{2}"}),
    ("get_object", {"Key": "a"}),
    ("put_object", {"Key": "a b/é+&=~.pdf", "Body": b"odd"}),
    ("get_object", {"Key": "a b/é+&=~.pdf"}),
    ("put_object", {"Key": "empty", "Body": b""}),
    ("head_object", {"Key": "empty"}),
    ("put_object", {"Bucket": "no-such-bucket", "Key": "a", "Body": b"x"}),
    ("get_object", {"Bucket": "no-such-bucket", "Key": "a"}),
    ("put_object", {"Key": "b", "Body": b"x", "ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": UNTIL, **summed(b"x")}),
    ("put_object", {"Bucket": LOCKED, "Key": "s", "Body": b"x", **summed(b"x")}),
    ("delete_object", {"Bucket": LOCKED, "Key": "s", "VersionId": "{26}"}),
    ("delete_object", {"Bucket": LOCKED, "Key": "s"}),
    ("head_object", {"Bucket": LOCKED, "Key": "s", "VersionId": "{26}"}),
    (
        "put_object",
        {"Bucket": LOCKED, "Key": "t", "Body": b"x", "ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": UNTIL, **summed(b"x")},
    ),
    ("head_object", {"Bucket": LOCKED, "Key": "t"}),
    ("delete_object", {"Bucket": LOCKED, "Key": "t", "VersionId": "{30}"}),
]  # fmt: skip
COMPARED = ("ETag", "ContentLength", "ContentType", "ContentDisposition", "ChecksumSHA256", "DeleteMarker", "ObjectLockMode")


def outcomes(client: Any) -> list[Any]:
    found: list[Any] = []
    versions: list[str] = []
    for operation, arguments in SCENARIO:
        asked = {"Bucket": BUCKET, **arguments}
        if str(asked.get("VersionId", "")).startswith("{"):
            asked["VersionId"] = versions[int(asked["VersionId"].strip("{}"))]
        try:
            response = getattr(client, operation)(**asked)
        except ClientError as error:
            found.append((error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]))
            versions.append("")
            continue
        versions.append(response.get("VersionId", ""))
        said = {name: response[name] for name in COMPARED if name in response and (operation != "put_object" or name == "ETag")}
        body = response["Body"].read() if "Body" in response else None
        found.append((response["ResponseMetadata"]["HTTPStatusCode"], said, body, bool(versions[-1])))
    return found


def test_it_answers_as_moto_does(engine: Engine) -> None:
    plain = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    ours = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=engine.url,
        aws_access_key_id=engine.access_key,
        aws_secret_access_key=SECRET_KEY,
        config=plain,
    )
    found = outcomes(ours)
    ours.close()
    with mock_aws():
        theirs = boto3.client("s3", region_name="us-east-1")
        theirs.create_bucket(Bucket=BUCKET)
        theirs.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        theirs.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 3650}}
        theirs.put_object_lock_configuration(Bucket=LOCKED, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
        expected = outcomes(theirs)
    for number, (step, one, other) in enumerate(zip(SCENARIO, found, expected, strict=True)):
        assert one == other, f"{number}: {step}"


# -- by presigned URLs


def send(url: str, method: str, headers: dict[str, str] | None = None, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body or None, headers or {})
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer


def allow(storage: ObjectStorage, key: str, body: bytes = BODY, seconds: int = 60) -> tuple[str, dict[str, str]]:
    headers = {
        "Content-Type": "application/pdf",
        "Content-Length": str(len(body)),
        "x-amz-checksum-sha256": checksum(body),
        "If-None-Match": "*",
    }
    return storage.presigned_put(BUCKET, key, headers=headers, expires_in=seconds), headers


def code(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    return answer[0], answer[2].partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


def test_a_file_goes_up_and_comes_down(storage: ObjectStorage) -> None:
    url, headers = allow(storage, "up/é 1")
    assert send(url, "PUT", headers, BODY)[0] == 200
    assert code(send(url, "PUT", headers, BODY)) == (412, "PreconditionFailed")
    stored = storage.head(BUCKET, "up/é 1")
    assert stored
    assert (stored.size, stored.sha256, stored.content_type) == (len(BODY), hashlib.sha256(BODY).hexdigest(), "application/pdf")
    query = {"versionId": stored.version_id, "response-content-disposition": "attachment; filename=\"a.pdf\"; filename*=UTF-8''a%20b.pdf"}
    status, said, body = send(storage.presigned_get(BUCKET, "up/é 1", query=query, expires_in=60), "GET")
    assert (status, body, said["content-type"]) == (200, BODY, "application/pdf")
    assert said["content-disposition"] == query["response-content-disposition"]


def test_nothing_else_goes_up(storage: ObjectStorage) -> None:
    url, headers = allow(storage, "up/2")
    assert code(send(url, "PUT", headers, BODY[:-1] + b"x")) == (400, "BadDigest")
    for changed in ({"Content-Type": "text/html"}, {"If-None-Match": "x"}, {"x-amz-checksum-sha256": checksum(b"")}):
        assert code(send(url, "PUT", headers | changed, BODY)) == (403, "SignatureDoesNotMatch")
    assert code(send(url, "PUT", headers | {"x-amz-acl": "public-read"}, BODY)) == (403, "AccessDenied")
    assert code(send(url, "PUT", headers | {"Content-Length": str(len(BODY) + 1)}, BODY + b"x")) == (403, "SignatureDoesNotMatch")
    assert code(send(url.replace("up/2", "up/3"), "PUT", headers, BODY)) == (403, "SignatureDoesNotMatch")
    assert code(send(url, "DELETE")) == (403, "SignatureDoesNotMatch")
    assert storage.head(BUCKET, "up/2") is None
    assert send(url, "PUT", headers, BODY)[0] == 200


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        (lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"), 403, "SignatureDoesNotMatch"),
        (lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=604801"), 400, "AuthorizationQueryParametersError"),
        (lambda url: url.replace("X-Amz-Algorithm=AWS4", "X-Amz-Algorithm=AWS3"), 400, "AuthorizationQueryParametersError"),
        (lambda url: url.replace("X-Amz-Credential=", "X-Amz-Credential=x"), 403, "InvalidAccessKeyId"),
        (lambda url: url.replace("X-Amz-Date=20", "X-Amz-Date=x"), 400, "AuthorizationQueryParametersError"),
        (lambda url: url.replace("&X-Amz-SignedHeaders=host", ""), 400, "AuthorizationQueryParametersError"),
        (lambda url: f"{url}x", 403, "SignatureDoesNotMatch"),
        (lambda url: f"{url}&versionId={'0' * 32}", 403, "SignatureDoesNotMatch"),
        (lambda url: url.partition("?")[0], 403, "AccessDenied"),
    ],
)
def test_a_url_that_was_changed_opens_nothing(storage: ObjectStorage, wrong: Any, status: int, said: str) -> None:
    storage.put(BUCKET, "kept", b"secret", content_type="text/plain")
    url = storage.presigned_get(BUCKET, "kept", query={}, expires_in=60)
    assert send(url, "GET")[2] == b"secret"
    assert code(send(wrong(url), "GET")) == (status, said)


def test_a_url_ends(storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.put(BUCKET, "kept", b"secret", content_type="text/plain")

    def at(minutes: int) -> str:
        then = datetime.now(UTC) + timedelta(minutes=minutes)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: then.replace(tzinfo=None))
        url = storage.presigned_get(BUCKET, "kept", query={}, expires_in=60)
        monkeypatch.undo()
        return url

    assert send(at(0), "GET")[0] == 200
    assert b"expired" in send(at(-2), "GET")[2]
    assert b"not valid yet" in send(at(20), "GET")[2]


def test_it_answers_by_names_of_this_machine_only(storage: ObjectStorage, engine: Engine) -> None:
    url = storage.presigned_get(BUCKET, "kept", query={}, expires_in=60)
    assert code(send(url, "GET", {"Host": f"rebound.example:{engine.port}"})) == (403, "AccessDenied")


# -- what is stored


def test_a_locked_version_stays(storage: ObjectStorage, engine: Engine) -> None:
    first = storage.put(LOCKED, "day.json", b"{}", content_type="application/json", only_new=True, locked_until=UNTIL)
    with pytest.raises(ObjectExists):
        storage.put(LOCKED, "day.json", b"{1}", content_type="application/json", only_new=True, locked_until=UNTIL)
    for wrong, said in (
        ({"x-amz-object-lock-mode": "COMPLIANCE"}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "NONE", "x-amz-object-lock-retain-until-date": UNTIL.isoformat()}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "soon"}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "2020-01-01T00:00:00Z"}, "InvalidArgument"),
    ):
        headers = {"x-amz-checksum-sha256": checksum(b""), **wrong}
        url = storage.presigned_put(LOCKED, "other", headers=headers, expires_in=60)
        assert code(send(url, "PUT", headers | {"Content-Length": "0"})) == (400, said)
    url = storage.presigned_put(LOCKED, "other", headers={}, expires_in=60)
    assert code(send(url, "PUT", {"Content-Length": "0"})) == (400, "InvalidRequest")  # no checksum
    assert storage.get(LOCKED, "day.json", first.version_id) == b"{}"


def test_what_is_no_version_or_no_operation_is_refused(engine: Engine, storage: ObjectStorage) -> None:
    url = storage.presigned_get(BUCKET, "kept", query={"versionId": "none"}, expires_in=60)
    assert code(send(url, "GET")) == (400, "InvalidArgument")
    key = {"Authorization": f"AWS4-HMAC-SHA256 Credential={engine.access_key}/x"}
    for method, path in (("POST", f"/{BUCKET}/a"), ("GET", f"/{BUCKET}"), ("PUT", f"/{BUCKET}")):
        assert code(send(f"{engine.url}{path}", method, key)) == (405, "MethodNotAllowed")
    assert code(send(f"{engine.url}/{BUCKET}/a", "PUT", key | {"If-None-Match": '"x"', "Content-Length": "0"})) == (501, "NotImplemented")
    wrong = key | {"x-amz-content-sha256": "0" * 64, "Content-Length": "0"}
    assert code(send(f"{engine.url}/{BUCKET}/a", "PUT", wrong)) == (400, "XAmzContentSHA256Mismatch")
    assert code(send(f"{engine.url}/{BUCKET}/a", "PUT", key | {"x-amz-checksum-sha256": "x", "Content-Length": "0"})) == (
        400,
        "InvalidRequest",
    )


def test_objects_are_files_that_outlive_a_restart(tmp_path: Path) -> None:
    first = Engine(tmp_path)
    make_buckets(first)
    stored = storage_of(first).put(BUCKET, "a", BODY, content_type="text/plain")
    first.stop()
    assert (tmp_path / "objects" / BUCKET / stored.version_id).read_bytes() == BODY
    second = Engine(tmp_path)
    make_buckets(second)  # nothing is made anew
    assert storage_of(second).get(BUCKET, "a", stored.version_id) == BODY
    second.stop()


def test_a_document_of_25_megabytes_fits_though_its_sender_waits_to_be_asked(storage: ObjectStorage, engine: Engine) -> None:
    body = b"x" * 26_214_400
    url, headers = allow(storage, "large", body)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}", skip_accept_encoding=True)
    for name, value in {**headers, "Expect": "100-continue"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(body)
    assert connection.getresponse().status == 200
    connection.close()
    stored = storage.head(BUCKET, "large")
    assert stored is not None
    assert stored.size == len(body)


# -- browsers


def test_a_browser_may_come_from_the_stages_origins_only(tmp_path: Path) -> None:
    running = Engine(tmp_path)
    make_buckets(running, "https://app.example.com", "http://localhost:3000")
    storage = storage_of(running)
    url, headers = allow(storage, "a")
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type,if-none-match,x-amz-checksum-sha256"}
    status, said, _ = send(url, "OPTIONS", {"Origin": "http://localhost:3000", **asked})
    assert (status, said["access-control-allow-origin"]) == (200, "http://localhost:3000")
    assert "PUT" in said["access-control-allow-methods"]
    assert said["access-control-allow-headers"] == asked["Access-Control-Request-Headers"]
    assert send(url, "OPTIONS", {"Origin": "https://elsewhere.example", **asked})[0] == 403
    _, said, _ = send(url, "PUT", headers | {"Origin": "https://app.example.com"}, BODY)
    assert (said["access-control-allow-origin"], "x-amz-version-id" in said["access-control-expose-headers"]) == (
        "https://app.example.com",
        True,
    )
    running.stop()
