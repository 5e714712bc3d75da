"""Exceptions that the HTTP layer turns into problem responses (RFC 9457).

Every error that a caller may see is a `Problem`. Its kind determines type, title and status; `members` are the extra fields
of the kind, e.g. `allowed` of an invalid transition.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, cast


class ProblemType(NamedTuple):
    """One problem type: its HTTP status, its title, and what a caller can do about it."""

    status: int
    title: str
    advice: str


PROBLEM_TYPES: dict[str, ProblemType] = {
    "malformed-json": ProblemType(
        400, "Malformed JSON", "Send one well-formed JSON object, UTF-8, without duplicate keys, NaN or Infinity."
    ),
    "bad-request": ProblemType(
        400, "Bad request", "A header or a cursor is not one that this endpoint gave or takes; the detail says which."
    ),
    "validation": ProblemType(422, "Validation failed", "Each entry of `errors` names a field and what is wrong with it."),
    "unauthenticated": ProblemType(401, "Authentication needed", "Send a valid bearer token or API key."),
    "forbidden": ProblemType(403, "Forbidden", "Your roles don't allow this. Ask an administrator."),
    "not-found": ProblemType(404, "Not found", "Nothing that you may see is at this address."),
    "method-not-allowed": ProblemType(405, "Method not allowed", "The `Allow` header lists what this address takes."),
    "conflict": ProblemType(409, "Conflict", "The present state doesn't allow it; read the resource again and decide anew."),
    "invalid-transition": ProblemType(409, "Invalid transition", "`allowed` lists the states that can be reached from here."),
    "not-ready": ProblemType(409, "Not ready", "`checklist` says what is missing."),
    "approval-required": ProblemType(
        409, "Approval required", "`approvals` says which are missing; `approval_request_id` names the request that others must decide."
    ),
    "precondition-failed": ProblemType(412, "Precondition failed", "Someone changed it since you read it. Read it again, then repeat."),
    "too-large": ProblemType(413, "Too large", "Send less in one request; the detail says how much is allowed."),
    "unsupported-media-type": ProblemType(415, "Unsupported media type", "Send `Content-Type: application/json`."),
    "rate-limited": ProblemType(429, "Too many requests", "Wait as long as `Retry-After` says."),
    "idempotency-mismatch": ProblemType(422, "Idempotency key reused", "This key was used with another request. Take a new key."),
    "idempotency-in-progress": ProblemType(
        409, "Still in progress", "The first request with this key is still running. Ask again shortly."
    ),
    "unavailable": ProblemType(503, "Temporarily unavailable", "Repeat as `Retry-After` says; with an Idempotency-Key it is safe."),
    "internal": ProblemType(500, "Internal error", "It is our mistake and it is logged under this request id."),
}


class Problem(Exception):
    """An error that is shown to the caller. `detail` is for people; `members` are for programs."""

    kind: ClassVar[str] = "internal"

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None, **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.members: dict[str, Any] = members

    @property
    def status(self) -> int:
        """The HTTP status of this problem's kind."""
        return PROBLEM_TYPES[self.kind].status


class MalformedJson(Problem):
    """The body is not valid JSON."""

    kind = "malformed-json"


class BadRequest(Problem):
    """A header or cursor is invalid."""

    kind = "bad-request"


class ValidationFailed(Problem):
    """One or more fields are wrong; `errors` has one entry a field: {loc, message, type}."""

    kind = "validation"

    def __init__(self, errors: Sequence[Mapping[str, object]], detail: str = "") -> None:
        super().__init__(detail or summarize(errors), errors=errors)

    @classmethod
    def field(cls, loc: str, message: str, type_: str = "value_error") -> "ValidationFailed":
        """A single wrong field. `loc` is its dotted path in the body, e.g. "seller.phone"."""
        return cls([{"loc": loc.split("."), "message": message, "type": type_}])


def summarize(errors: Sequence[Mapping[str, object]]) -> str:
    """One sentence for `detail`: the first wrong field and how many more there are."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{'.'.join(str(part) for part in cast(Iterable[str], first['loc'])) or 'body'}: {first['message']}{more}"


class Unauthenticated(Problem):
    """No credentials, or invalid ones."""

    kind = "unauthenticated"

    def __init__(self, detail: str = "A bearer token or API key is needed.", **members: object) -> None:
        challenge = 'Bearer realm="valhalla"'
        super().__init__(detail, headers={"WWW-Authenticate": challenge}, challenge=challenge, **members)


class Forbidden(Problem):
    """The caller is authenticated but lacks a permission."""

    kind = "forbidden"


class NotFound(Problem):
    """The resource is absent, or not visible to this caller: the two look the same."""

    kind = "not-found"

    def __init__(self, what: str = "resource", **members: object) -> None:
        super().__init__(f"No such {what}.", headers=None, **members)


class MethodNotAllowed(Problem):
    """The path exists, the method does not."""

    kind = "method-not-allowed"


class Conflict(Problem):
    """The current state does not allow the request."""

    kind = "conflict"


class NotReady(Problem):
    """Something is missing before it can be done. Members: `checklist`, what is needed and whether it is there."""

    kind = "not-ready"


class ApprovalRequired(Problem):
    """Others must approve it first. Members: `approvals`, those that are missing, and `approval_request_id`, by which they are asked."""

    kind = "approval-required"


class InvalidTransition(Problem):
    """A state machine has no such transition. Members: `from`, `to`, `allowed`."""

    kind = "invalid-transition"

    def __init__(self, what: str, source: str, target: str, allowed: list[str], hint: str = "") -> None:
        detail = f"The {what} can't go from {source} to {target}." + (f" {hint}" if hint else "")
        super().__init__(detail, allowed=allowed)
        self.members = {"from": source, "to": target, **self.members}  # `from` is a keyword, so no argument can have that name


class PreconditionFailed(Problem):
    """If-Match named an older revision."""

    kind = "precondition-failed"


class TooLarge(Problem):
    """The request exceeds a size limit."""

    kind = "too-large"


class UnsupportedMediaType(Problem):
    """The content type is not JSON."""

    kind = "unsupported-media-type"


class RateLimited(Problem):
    """Too many requests; Retry-After is in seconds."""

    kind = "rate-limited"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, retry_after=retry_after)


class IdempotencyMismatch(Problem):
    """The Idempotency-Key was used with another request."""

    kind = "idempotency-mismatch"


class IdempotencyInProgress(Problem):
    """The first request with this Idempotency-Key is still running."""

    kind = "idempotency-in-progress"


class Unavailable(Problem):
    """The store is throttled or unreachable. Repeating the request is safe with an Idempotency-Key."""

    kind = "unavailable"

    def __init__(self, detail: str = "The store is busy.", retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, retry_after=retry_after)


class VersionConflict(Exception):
    """A row changed between read and write. Never shown to callers: the use case reads again."""
