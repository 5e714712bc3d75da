"""Who may call the emulator: whoever knows the access key of this run, by a loopback name.

The key is in the Authorization header of every signed AWS request. It is random and new at each start, so a web page that sends requests
here can't name it; the signature over it would prove nothing more, since the secret lies in the same file. A presigned URL is checked in full: what
it allows is in its signature (`signature`).
"""

import hmac
import re

from local.emulator.errors import ServiceError
from local.loopback import is_loopback

SECRET_KEY = "local"  # noqa: S105 - of every local run: what is secret is the access key
_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/")


def authorization(access_key: str) -> str:
    """The header of a call without a signature, for clients that are not AWS's."""
    return f"AWS4-HMAC-SHA256 Credential={access_key}/local"


def check_access(headers: dict[str, str], access_key: str) -> None:
    """Raise ServiceError unless a request came by a loopback name and names the access key."""
    if not is_loopback(headers.get("host", "")):
        raise ServiceError("AccessDeniedException", "The engine answers to 127.0.0.1 and localhost only.", status=403)
    credential = _CREDENTIAL.match(headers.get("authorization", ""))
    if credential is None or not hmac.compare_digest(credential[1].encode("latin-1"), access_key.encode()):
        message = "The engine takes the access key of this run only: AWS_ACCESS_KEY_ID in the run's file `environment`."
        raise ServiceError("UnrecognizedClientException", message, status=403)
