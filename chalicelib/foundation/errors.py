"""What can go wrong, as exceptions that know their kind and nothing of HTTP's bytes.

Every refusal that a caller may see is a `Problem`. Its kind decides type, title and status (RFC 9457);
`members` are the extra fields that the kind promises, e.g. `allowed` of an invalid transition.
"""

from typing import Any, ClassVar, NamedTuple


class Kind(NamedTuple):
    """One kind of error: its HTTP status, its title, and what a caller can do about it."""

    status: int
    title: str
    advice: str


KINDS: dict[str, Kind] = {
    "malformed-json": Kind(400, "Malformed JSON", "Send one well-formed JSON object, UTF-8, without duplicate keys, NaN or Infinity."),
    "bad-request": Kind(400, "Bad request", "A header or a cursor is not one that this endpoint gave or takes; the detail says which."),
    "validation": Kind(422, "Validation failed", "Each entry of `errors` names a field and what is wrong with it."),
    "unauthenticated": Kind(401, "Authentication needed", "Send a valid bearer token or API key."),
    "forbidden": Kind(403, "Forbidden", "Your roles don't allow this. Ask an administrator."),
    "not-found": Kind(404, "Not found", "Nothing that you may see is at this address."),
    "method-not-allowed": Kind(405, "Method not allowed", "The `Allow` header lists what this address takes."),
    "conflict": Kind(409, "Conflict", "The present state doesn't allow it; read the resource again and decide anew."),
    "invalid-transition": Kind(409, "Invalid transition", "`allowed` lists the states that can be reached from here."),
    "not-ready": Kind(409, "Not ready", "`checklist` says what is missing."),
    "approval-required": Kind(409, "Approval required", "`request_id` names the request that somebody else must decide."),
    "precondition-failed": Kind(412, "Precondition failed", "Someone changed it since you read it. Read it again, then repeat."),
    "too-large": Kind(413, "Too large", "Send less in one request; the detail says how much is allowed."),
    "unsupported-media-type": Kind(415, "Unsupported media type", "Send `Content-Type: application/json`."),
    "rate-limited": Kind(429, "Too many requests", "Wait as long as `Retry-After` says."),
    "idempotency-mismatch": Kind(422, "Idempotency key reused", "This key was used with another request. Take a new key."),
    "idempotency-in-progress": Kind(409, "Still in progress", "The first request with this key is still running. Ask again shortly."),
    "unavailable": Kind(503, "Temporarily unavailable", "Repeat as `Retry-After` says; with an Idempotency-Key it is safe."),
    "internal": Kind(500, "Internal error", "It is our mistake and it is logged under this request id."),
}


class Problem(Exception):
    """A refusal that the caller is told of. `detail` is for people; `members` are for programs."""

    kind: ClassVar[str] = "internal"

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    @property
    def status(self) -> int:
        """The HTTP status of this problem's kind."""
        return KINDS[self.kind].status


class MalformedJson(Problem):
    """The body isn't JSON."""

    kind = "malformed-json"


class BadRequest(Problem):
    """A header or cursor can't be used."""

    kind = "bad-request"


class Invalid(Problem):
    """One or more fields are wrong; `errors` has one entry a field: {loc, message, type}."""

    kind = "validation"

    def __init__(self, errors: list[dict[str, Any]], detail: str = "") -> None:
        super().__init__(detail or summary(errors), errors=errors)

    @classmethod
    def field(cls, loc: str, message: str, type_: str = "value_error") -> "Invalid":
        """A single wrong field. `loc` is its dotted path in the body, e.g. "seller.phone"."""
        return cls([{"loc": loc.split("."), "message": message, "type": type_}])


def summary(errors: list[dict[str, Any]]) -> str:
    """One sentence for `detail`: the first wrong field and how many more there are."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{'.'.join(str(part) for part in first['loc']) or 'body'}: {first['message']}{more}"


class Unauthenticated(Problem):
    """Nobody we know: no credentials, or ones that don't hold."""

    kind = "unauthenticated"

    def __init__(self, detail: str = "A bearer token or API key is needed.", **members: Any) -> None:
        challenge = 'Bearer realm="valhalla"'
        super().__init__(detail, headers={"WWW-Authenticate": challenge}, challenge=challenge, **members)


class Forbidden(Problem):
    """Known, but not allowed."""

    kind = "forbidden"


class NotFound(Problem):
    """Not there, or not for this caller to see: the two read alike."""

    kind = "not-found"

    def __init__(self, what: str = "resource") -> None:
        super().__init__(f"No such {what}.")


class MethodNotAllowed(Problem):
    """The address exists, the verb doesn't."""

    kind = "method-not-allowed"


class Conflict(Problem):
    """The present state of things forbids it."""

    kind = "conflict"


class InvalidTransition(Problem):
    """A state machine has no such move. Carries `from`, `to`, `allowed`."""

    kind = "invalid-transition"

    def __init__(self, what: str, source: str, target: str, allowed: list[str], hint: str = "") -> None:
        detail = f"The {what} can't go from {source} to {target}." + (f" {hint}" if hint else "")
        super().__init__(detail, allowed=allowed)
        self.members = {"from": source, "to": target, **self.members}  # `from` is no name for an argument


class PreconditionFailed(Problem):
    """If-Match named an older revision."""

    kind = "precondition-failed"


class TooLarge(Problem):
    """More in one request than is allowed."""

    kind = "too-large"


class UnsupportedMediaType(Problem):
    """Not JSON by its content type."""

    kind = "unsupported-media-type"


class RateLimited(Problem):
    """Too often; carries Retry-After in seconds."""

    kind = "rate-limited"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, retry_after=retry_after)


class IdempotencyMismatch(Problem):
    """The key was spent on another request."""

    kind = "idempotency-mismatch"


class IdempotencyInProgress(Problem):
    """The first request with this key hasn't ended."""

    kind = "idempotency-in-progress"


class Unavailable(Problem):
    """The store is throttled or out of reach; nothing was changed, or a replay will tell."""

    kind = "unavailable"

    def __init__(self, detail: str = "The store is busy.", retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, retry_after=retry_after)


class Stale(Exception):
    """A row changed between our read and our write. Never shown: the use case reads again."""
