"""The dependencies of a use case: who acts, when, in which request, and the store.

Services take a Context and validated input, so routes, schedules, stream consumers, tests and commands can call them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

from chalicelib.foundation.actor import Actor
from chalicelib.foundation.cache import Cache
from chalicelib.foundation.dates import business_date
from chalicelib.foundation.errors import PreconditionFailed
from chalicelib.foundation.idempotency import IdempotencyRecordKey
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.roles import RoleMatrix
from chalicelib.foundation.secret_store import Secrets, SecretStore
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import CursorSigner, decode_view, paginate
from chalicelib.foundation.store.store import Store

if TYPE_CHECKING:
    from chalicelib.foundation.schema_types import PageOf, PageParams

R = TypeVar("R")
V = TypeVar("V")


@dataclass(kw_only=True)
class Context:
    """The dependencies of one request or run. `now` is its one timestamp."""

    actor: Actor
    now: datetime
    request_id: str
    correlation_id: str
    store: Store
    settings: Settings
    secret_store: SecretStore
    packs: PackRegistry
    source_ip: str = ""
    user_agent: str = ""
    is_visit: bool = True  # of a request: somebody looks at the answer (http.requests)
    endpoint: str = ""  # "GET /wholesale": cursors are bound to it
    base_path: str = ""  # the API's base path on its gateway, e.g. /api: links begin with it
    wants_page: bool = False  # the caller asked for HTML, of an endpoint that has pages
    idempotency: IdempotencyRecordKey | None = None
    if_match: frozenset[int] | None = None
    cache: Cache = field(default_factory=Cache)  # shared by the process
    warnings: list[str] = field(default_factory=list)
    users_who_left: set[str] = field(default_factory=set)  # as far as a failed condition has shown (foundation.events)
    suppressions: dict[ItemKey, bool] = field(default_factory=dict)  # as far as it is known, or assumed (foundation.suppression)

    @property
    def today(self) -> date:
        """The current date in the firm's time zone."""
        return business_date(self.now, self.settings.firm_time_zone)

    @property
    def secrets(self) -> Secrets:
        """The stage's secrets, read only when needed: health and documentation need none."""
        return self.secret_store.get(self.now)

    @property
    def roles(self) -> RoleMatrix:
        """Which role has which permissions."""
        return self.packs.roles

    @overload
    def paginate(
        self,
        ranges: KeyRange | Sequence[KeyRange],
        query: "PageParams",
        present: Callable[[JsonObject], V],
        *,
        predicate: Callable[[JsonObject], bool] | None = None,
        newest_first: bool = True,
    ) -> "PageOf[V]": ...

    @overload
    def paginate(
        self,
        ranges: KeyRange | Sequence[KeyRange],
        query: "PageParams",
        present: Callable[[R], V],
        *,
        decode: Callable[[DynamoItem], R],
        predicate: Callable[[R], bool] | None = None,
        newest_first: bool = True,
    ) -> "PageOf[V]": ...

    def paginate(
        self,
        ranges: KeyRange | Sequence[KeyRange],
        query: "PageParams",
        present: Callable[[Any], V],
        *,
        decode: Callable[[DynamoItem], Any] = decode_view,
        predicate: Callable[[Any], bool] | None = None,
        newest_first: bool = True,
    ) -> "PageOf[V]":
        """A page of a list over one or several ranges, merged by sort key; one round trip a range.

        `decode` makes of a row what `predicate` and `present` take: its list view, unless said otherwise. The cursor holds for this
        endpoint, these ranges, filters and this caller. BadRequest where the cursor is another's.
        """
        ranges = [ranges] if isinstance(ranges, KeyRange) else ranges
        filters = query.model_dump(exclude={"limit", "cursor"})
        page = paginate(
            self.store,
            ranges,
            self.cursor_signer([range.pk for range in ranges], filters),
            limit=query.limit,
            cursor=query.cursor,
            decode=decode,
            predicate=predicate,
            newest_first=newest_first,
        )
        return {"items": [present(row) for row in page.rows], "next_cursor": page.next_cursor}

    def page_of(
        self, items: Sequence[R], sort_key: Callable[[R], tuple[object, ...]], query: "PageParams", *binding: object
    ) -> tuple[list[R], str | None]:
        """A page of a list that was computed and is sorted by `sort_key` (JSON values, unique), and its cursor.

        The cursor holds the sort key of the page's last item, so that items which don't change are listed exactly once. It holds for this
        endpoint, this caller, and what else is given.
        """
        signer = self.cursor_signer(*binding)
        if query.cursor:
            last: Any = tuple(signer.verify(query.cursor))
            items = [item for item in items if sort_key(item) > last]
        page = list(items[: query.limit])
        return page, signer.sign(sort_key(page[-1])) if len(items) > len(page) else None

    def cursor_signer(self, *binding: object) -> CursorSigner:
        """For a list that `paginate` can't serve: signs cursors that hold for this endpoint, this caller, and what else is given."""
        return CursorSigner(self.secrets.cursor_key, self.now, self.endpoint, *binding, self.actor.id)

    def check_if_match(self, revision: int) -> None:
        """Compare the caller's If-Match with the revision that was read. Raises PreconditionFailed."""
        if self.if_match is not None and revision not in self.if_match:
            raise PreconditionFailed(f"It is at revision {revision} by now.", revision=revision)
