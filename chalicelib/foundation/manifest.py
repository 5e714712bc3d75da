"""What a pack says of itself, as data.

A manifest imports nothing heavy: handlers, schedules and contributions are named, and loaded when first asked for.
Routing, OpenAPI, the authorisation tests, the template's functions and the system's status are all read from here;
there is no second list.
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

PUBLIC = ""  # the permission of endpoints that need no caller: health, documentation, login
SIGNED_IN = "signed-in"  # any known caller: one's own profile, sessions, password


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. The handler's type hints say the rest: path parameters, `query`, `body`, the answer.

    `handler` is a function of the pack's `routes` module. `status` is that of success; `location` the path of what was
    created, with `{id}` from the answer. `composite` marks an answer that holds more than the bare resource: its ETag is
    weak and covers the body. `etag=False` is for answers that are no resource (results of a calculation, tokens).
    `errors` names the problem kinds that this endpoint adds to those that every endpoint can answer; `also` other statuses
    under which it answers the same body (the 503 of a health check).
    """

    method: Method
    path: str
    handler: str
    permission: str
    summary: str
    status: int = 200
    location: str = ""
    composite: bool = False
    errors: tuple[str, ...] = ()
    also: tuple[int, ...] = ()
    cache_control: str = "no-store"
    content_type: str = "application/json"
    idempotent: bool = True  # a POST takes Idempotency-Key; False where repeating has its own meaning (login)


@dataclass(frozen=True)
class Schedule:
    """Scheduled work: an EventBridge expression and the Lambda function that does it.

    `function` is the dotted path of a function `(event, context) -> RunRecord dict` in the pack's `schedules` module.
    """

    name: str
    expression: str
    function: str
    summary: str


@dataclass(frozen=True)
class Projection:
    """What an entity kind contributes to aggregates.

    `contribute` is the dotted path of a pure function `(image: dict) -> Contribution`: from the item as plain values to
    numbers added to fields of aggregate rows, {(pk, sk): {field: number}}. A deleted item contributes nothing.
    """

    kind: str
    contribute: str


@dataclass(frozen=True)
class Subject:
    """What others may refer to: `subject` is the dotted path of a `subjects.SubjectType` (how to load it, its facts, its hash)."""

    type: str
    prefix: str
    subject: str


@dataclass(frozen=True)
class Pack:
    """A pack's table of contents. `package` is the dotted path of its folder."""

    letter: str
    name: str
    title: str
    package: str
    endpoints: tuple[Endpoint, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    projections: tuple[Projection, ...] = ()
    subjects: tuple[Subject, ...] = ()
    probe: str = ""  # dotted path of a function `(ctx) -> None` that touches what the pack stands on
    entities: dict[str, str] = field(default_factory=dict)  # kind → dotted path of the entity's class


@dataclass(frozen=True)
class StreamConsumer:
    """A Lambda on the table's stream, with everything that the template must say of its mapping.

    `filters` are Lambda event filter patterns, positive ones only: what a consumer doesn't ask for it never sees.
    """

    name: str
    function: str
    summary: str
    filters: tuple[dict[str, Any], ...]
    batch_size: int = 60
    window_seconds: int = 1
    retries: int = 10
    max_age_seconds: int = 21600
    parallelization: int = 1


@dataclass(frozen=True)
class QueueConsumer:
    """A Lambda behind an SQS queue, with everything that the template must say of queue and mapping.

    The queue brings a message again after `visibility_seconds` unless the function took it, and after `max_receives` times puts
    it into its dead-letter queue. The mapping reports partial failures.
    """

    name: str
    function: str
    summary: str
    queue: str
    batch_size: int
    timeout_seconds: int
    visibility_seconds: int
    max_receives: int


def load(path: str) -> Any:
    """What the dotted path names, imported now."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def installed() -> tuple[Pack, ...]:
    """The packs that this system consists of. The foundation imports none of them: it loads the list by its name."""
    packs: tuple[Pack, ...] = load("chalicelib.packs.PACKS")
    return packs
