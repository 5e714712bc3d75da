"""The signature of a presigned URL (AWS Signature Version 4, in its query), checked as S3 checks it.

Written out from the specification rather than by the library that signs, so that the one tests the other.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from local.emulator.errors import ServiceError

_ALGORITHM = "AWS4-HMAC-SHA256"
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_MAX_SECONDS = 7 * 24 * 3600
_CLOCK_SKEW = timedelta(minutes=15)
_CREDENTIAL = re.compile(r"([^/]+)/([0-9]{8})/([a-z0-9-]+)/s3/aws4_request", re.ASCII)


def is_presigned(query: str) -> bool:
    """Whether a query string holds a signature."""
    return "X-Amz-Signature=" in query


def check_presigned(
    method: str, path: str, query: str, headers: Mapping[str, str], *, access_key: str, secret_key: str, now: datetime
) -> None:
    """Raise ServiceError unless this request is one that the holder of the keys signed, and its time isn't over.

    `path` and `query` are raw, names of headers in lower case. What was signed must be there as it was; of the headers of the service
    (`x-amz-…`) none may be added.
    """
    values = dict(parse_qsl(query, keep_blank_values=True))
    try:
        credential = _CREDENTIAL.fullmatch(values["X-Amz-Credential"])
        signed_at = datetime.strptime(values["X-Amz-Date"], _TIMESTAMP).replace(tzinfo=UTC)
        seconds, signed_headers = int(values["X-Amz-Expires"]), values["X-Amz-SignedHeaders"].split(";")
        given = values["X-Amz-Signature"]
    except (KeyError, ValueError):
        raise _malformed("Query-string authentication requires its six parameters.") from None
    if credential is None or values.get("X-Amz-Algorithm") != _ALGORITHM or credential[2] != values["X-Amz-Date"][:8]:
        raise _malformed("The credential or the algorithm is malformed.")
    if not 0 < seconds <= _MAX_SECONDS:
        raise _malformed("X-Amz-Expires must be at most a week (in seconds).")
    if not hmac.compare_digest(credential[1].encode(), access_key.encode()):
        raise ServiceError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", status=403)
    if now > signed_at + timedelta(seconds=seconds):
        raise ServiceError("AccessDenied", "Request has expired", status=403)
    if signed_at > now + _CLOCK_SKEW:
        raise ServiceError("AccessDenied", "Request is not valid yet", status=403)
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in signed_headers]
    if "host" not in signed_headers or unsigned:
        raise ServiceError("AccessDenied", "There were headers present in the request which were not signed", status=403)
    request = _canonical_request(method, path, query, headers, signed_headers)
    scope = values["X-Amz-Credential"].partition("/")[2]
    text = "\n".join((_ALGORITHM, values["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()))
    if not hmac.compare_digest(given.encode(), _signature(secret_key, scope, text).encode()):
        raise ServiceError("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", 403)


def _canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], signed_headers: list[str]) -> str:
    pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "X-Amz-Signature"]
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed_headers]
    return "\n".join(
        (method, path, "&".join(f"{name}={value}" for name, value in encoded), *lines, "", ";".join(signed_headers), "UNSIGNED-PAYLOAD")
    )


def _signature(secret_key: str, scope: str, text: str) -> str:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _malformed(message: str) -> ServiceError:
    return ServiceError("AuthorizationQueryParametersError", message)
