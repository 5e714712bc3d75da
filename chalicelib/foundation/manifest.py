"""Manifests: the declaration of a pack as data.

A manifest imports nothing heavy: handlers, schedules and projections are dotted paths, imported when first used.
Routing, permissions, settings, OpenAPI, the authorisation tests, the functions of the template and the system's status are all derived
from manifests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

PUBLIC = ""  # the permission of endpoints without authentication: health, documentation, login
EVERY_ENTITY = "*"  # in `Schedule.writes`: the partitions of every pack's entities
AGGREGATES = "+"  # in `Schedule.writes`: the partitions of every pack's aggregates
SIGNED_IN = "signed-in"  # any authenticated caller: own profile, sessions, password


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. The handler's type hints say the rest: path parameters, `query`, `body`, the answer.

    `handler` is a function of the pack's `routes` module. `status` is that of success; `location` the path of what was
    created (201), or is being made (202), with `{id}` from the answer. `composite` marks an answer that holds more than the bare resource: its ETag is
    weak and covers the body. `etag=False` is for answers that are no resource (results of a calculation, tokens).
    `errors` names the problem kinds that this endpoint adds to those that every endpoint can answer; `extra_statuses` other statuses
    under which it answers the same body (the 503 of a health check); `formats` the other content types that a caller may ask for.
    `operation_id` is its name in generated clients, where that isn't `<pack>_<handler>`, since another pack had it before.
    `forms`: the body may also be a form of HTML, whose fields are those of the body's model.
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
    extra_statuses: tuple[int, ...] = ()
    cache_control: str = "no-store"
    content_type: str = "application/json"
    formats: tuple[str, ...] = ()
    idempotent: bool = True  # a POST accepts Idempotency-Key; False where a repetition is a new request (login)
    operation_id: str = ""
    forms: bool = False

    @property
    def has_pages(self) -> bool:
        """Whether browsers of people without an account get pages of it (`Accept: text/html`), and its refusals as pages, too."""
        return self.permission == PUBLIC and "text/html" in self.formats


@dataclass(frozen=True)
class Schedule:
    """Scheduled work: an EventBridge expression and its Lambda function.

    `function` is the dotted path of a function `(ctx, run: RunStats) -> None` in the pack's `schedules` module; functions/schedules.py
    makes the Lambda function of it. What its role may do is computed: `writes` are the prefixes of partitions that it writes, where they
    are not those of its pack; `scans` lets it go through the whole table, `queues` put messages on the outbox queue, `seals` write to the
    bucket under object lock.
    """

    name: str
    expression: str
    function: str
    summary: str
    writes: tuple[str, ...] = ()
    scans: bool = False
    queues: bool = False
    seals: bool = False


@dataclass(frozen=True)
class Projection:
    """The contribution of an entity kind to aggregates.

    `contribute` is the dotted path of a pure function `(image: dict) -> Contribution`: from the item as Python values to
    numbers added to fields of aggregate rows, {(pk, sk): {field: number}}. A deleted item contributes nothing. `writes` are the prefixes of
    the partitions of these rows: the only ones that the consumer's role may write. `tracked`: each change leaves a marker until it is
    applied, so that a summary can say that it is behind (foundation.pending_changes).
    """

    kind: str
    contribute: str
    writes: tuple[str, ...]
    tracked: bool = False


@dataclass(frozen=True)
class SubjectEntry:
    """A kind of resource that other packs may refer to: `adapter` is the dotted path of its `subjects.SubjectAdapter`.

    Two more are for packs that can't import the resource's. `resolve` is the dotted path of a function `(ctx, text) -> id`, for resources
    that requests may name by something else than their id; `require_own` of one `(ctx, tx, id, any_permission) -> None`, which lets a
    transaction stand only while the resource exists and, unless the caller has that permission, is one of the caller's own.
    `timeline`: it is the root of a partition, and all changes of what lies there are found by it, newest first.
    """

    type: str
    prefix: str
    adapter: str
    resolve: str = ""
    require_own: str = ""
    timeline: bool = False


@dataclass(frozen=True)
class OwnedEntities:
    """A kind of entity that users own, so that what somebody owned can be handed over to another.

    `field` is the attribute that holds the owner's id, and `pattern` the class's access pattern by it. `own` is the permission that an
    owner needs to work on one, `reassign` that of giving one to somebody else. `add_update` is the dotted path of a function
    `(ctx, tx, before, after) -> None`: it adds a changed entity to a transaction, with the rows that repeat its owner, and with
    `access.require_active_user` for a new owner. It refuses nothing else.
    """

    kind: str
    own: str
    reassign: str
    add_update: str
    field: str = "owner"
    pattern: str = "BY_OWNER"


@dataclass(frozen=True)
class PermissionRow:
    """A row of the matrix of roles: which role has which permissions `<name>:…`.

    A cell of `cells`, by role: letters, `r` read, `w` write, `a` admin, then special permissions separated by spaces. "rw bulk" of
    `wholesale` grants wholesale:read, wholesale:write and wholesale:bulk. `governed`: holders of governance roles read it, too;
    where reading all of it takes special rights, it names these.
    `live`: what it allows to change gives rights (users, roles, keys, settings, policies), so each change reads the caller's own rows
    first, and who lost their rights a moment ago is refused. One round trip more (RoleMatrix.needs_live_caller). Where only some rights
    of the row are so, it names them.
    """

    name: str
    cells: Mapping[str, str]
    governed: bool | tuple[str, ...] = False
    live: bool | tuple[str, ...] = False


@dataclass(frozen=True)
class FileFolder:
    """What a pack keeps in the bucket of files: the objects whose keys begin with `<prefix>/`.

    `written_by` says whose role may write them: the API's, which includes what callers put by URLs that it signed, or the outbox worker's.
    `days`: they are removed that many days after they were written.
    """

    prefix: str
    written_by: Literal["api", "outbox-worker"] = "api"
    days: int | None = None


@dataclass(frozen=True, eq=False)
class Pack:
    """One pack, as data. `package` is the dotted path of its folder.

    `title` names it in OpenAPI. `settings` is its class of settings (foundation.environment). `entities` maps each kind to the dotted
    path of its class; `rows` are the dotted paths of rows that are no entities; `key_prefixes` the first parts of partition keys that
    it writes besides the ids of its entities. `holders` maps each kind of thing that its own refer to, by the dotted path of a function
    `(root_id) -> store.references.Holders`. `cancels` maps each kind of root whose end ends what is unfinished of the pack's by the dotted
    path of a function `(ctx, tx, root_id, limit) -> int`: it adds to the transaction that these things are cancelled, one action each, and
    returns how many they are; of more than `limit` it adds nothing, and need not count on. `mail_events` maps the prefix of each kind of id
    that its mails are about by the dotted path of a function `(ctx, about, purpose, mail_events.MailEvent) -> None`, which is told when one
    bounces or is complained of: maybe twice, maybe late. `files` are the first parts of the keys that it uses in the bucket of files. `work` maps
    each kind of row that it adds to the outbox (`outbox.add_work`) by the dotted path of a function `(ctx, key) -> outbox.DeliveryResult`: what the
    worker behind the queue does for it. `facts` maps
    each list of a handoff packet that the pack looks up, e.g. `contracts`, by the dotted path of a function
    `(ctx, professional_id, deal_id, rows) -> packet_facts.FactList`, `rows` being all that lies in the deal's partition (none without a deal). A `planned` pack is not built yet: it has a title and permissions, but no endpoints.
    """

    letter: str
    name: str
    title: str
    package: str
    endpoints: tuple[Endpoint, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    projections: tuple[Projection, ...] = ()
    subjects: tuple[SubjectEntry, ...] = ()
    owned: tuple[OwnedEntities, ...] = ()
    permissions: tuple[PermissionRow, ...] = ()
    settings: type | None = None
    probe: str = ""  # dotted path of a function `(ctx) -> None` that checks the dependencies of the pack
    facts: Mapping[str, str] = field(default_factory=dict)
    held: str = ""  # dotted path of a function `(HeldReader) -> list[HeldPart]`: what it holds on a professional
    entities: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    key_prefixes: tuple[str, ...] = ()
    holders: Mapping[str, str] = field(default_factory=dict)
    cancels: Mapping[str, str] = field(default_factory=dict)
    observations: str = ""  # dotted path of a function `(ctx, tx, Observation) -> None` that keeps what others observe
    mail_events: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FileFolder, ...] = ()
    work: Mapping[str, str] = field(default_factory=dict)
    planned: bool = False

    @property
    def heading(self) -> str:
        """Its title with each word capitalised, as GET /system/status shows it."""
        return " ".join(f"{word[:1].upper()}{word[1:]}" for word in self.title.split(" "))


@dataclass(frozen=True)
class StreamConsumer:
    """A Lambda function on the table's stream, with the settings of its event source mapping.

    `filters` are Lambda event filter patterns: records that match none of them are not delivered. A record is retried by its age, not by
    a count (-1): 23 hours of the 24 that the stream keeps it.
    """

    name: str
    function: str
    summary: str
    filters: tuple[dict[str, Any], ...]
    batch_size: int = 60
    window_seconds: int = 1
    retries: int = -1
    max_age_seconds: int = 82_800
    parallelization: int = 1


@dataclass(frozen=True)
class QueueConsumer:
    """A Lambda function behind an SQS queue, with the settings of the queue and its event source mapping.

    The queue redelivers a message after `visibility_seconds` unless the function succeeded, and after `max_receives` deliveries moves it
    to its dead-letter queue. The mapping reports partial failures.
    """

    name: str
    function: str
    summary: str
    queue: str
    batch_size: int
    timeout_seconds: int
    visibility_seconds: int
    max_receives: int


def import_string(path: str) -> Any:
    """The object at a dotted path, imported now. Raises ImportError or AttributeError."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
