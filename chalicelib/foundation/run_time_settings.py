"""What is set while a stage runs, by people who may: one entity each, `cfg_<name>`, with a version that others decide on.

    class PolicySettings(RunTimeSettings):
        KIND = "policies"
        ID = SettingsId("policies", "policies")

A value is cached in the process under the stage's generation (foundation.cache), which each change raises: every process has the new one
within two seconds. Who decides on a value makes their transaction depend on its version (`check_version`), so that an old one decides
nothing; a use case that fails by it runs again, with the new one.
"""

from datetime import timedelta
from typing import Protocol, TypeVar

from chalicelib.foundation.cache import Cache, CachePolicy
from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store import keys
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.expressions import ROW_ABSENT, any_of, attribute
from chalicelib.foundation.store.store import StoreStamp, parse_live
from chalicelib.foundation.store.transactions import Transaction

FIRST_VERSION = 1  # of what nobody has set yet: the defaults
_CACHED = CachePolicy("run_time_settings", timedelta(hours=1), 50)


class SettingsId(IdFormat):
    """The id of one kind of settings: `cfg_<name>`, of which there is one a stage."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__(f"cfg_{name}", title, row=name)

    @property
    def example(self) -> str:
        """The only id there is."""
        return self.prefix

    def key(self, id: str) -> ItemKey:
        """The key of the settings; NotFound for every other id."""
        if id != self.prefix:
            raise NotFound(self.name)
        return keys.config_row(self.row)


class RunTimeSettings(Entity):
    """Base of what is set at run time. `version` counts the values that held; a revision may be less than a value, such as a proposal."""

    version = a.integer()


class Caching(StoreStamp, Protocol):
    """Who reads, when, from which store and cache. A Context is one."""

    @property
    def cache(self) -> Cache:
        """The process's cache."""


S = TypeVar("S", bound=RunTimeSettings)


def read(ctx: StoreStamp, kind: type[S]) -> S | None:
    """The settings as they are now, by a consistent read; None where nobody has set them. One round trip."""
    return parse_live(kind, ctx.store.get_item(kind.ID.key(kind.ID.example)))


def cached(ctx: Caching, kind: type[S]) -> S | None:
    """The settings as they were at most two seconds ago. No round trip while they are cached; two where they aren't."""
    return ctx.cache.get(ctx, _CACHED, kind.KIND, lambda: read(ctx, kind)).value


def version_of(settings: RunTimeSettings | None) -> int:
    """The version of settings, set or not."""
    return FIRST_VERSION if settings is None else settings.version


def check_version(ctx: Caching, tx: Transaction, kind: type[RunTimeSettings], version: int) -> None:
    """Let a transaction stand only while the settings have this version: one action. It fails with VersionConflict, and they are read anew."""
    is_same = attribute("version") == version
    when = any_of(ROW_ABSENT, is_same) if version == FIRST_VERSION else is_same

    def outdated(_: DynamoItem) -> VersionConflict:
        ctx.cache.forget(_CACHED, kind.KIND)
        return VersionConflict()

    tx.condition_check(kind.ID.key(kind.ID.example), when, outdated)


def commit_change(ctx: Caching, tx: Transaction, before: S | None, after: S) -> None:
    """Commit a transaction with new settings, which fails with VersionConflict where they were written since; every cache is renewed."""
    if before is None:
        tx.create(after)
    else:
        tx.save(after)
    ctx.cache.add_invalidation(ctx, tx)
    tx.commit()
    ctx.cache.forget(_CACHED, after.KIND)
