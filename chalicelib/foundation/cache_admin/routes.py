"""Handlers of the cache's endpoints."""

from typing import cast

from typing_extensions import TypedDict

from chalicelib.foundation.cache import GENERATION_TTL
from chalicelib.foundation.context import Context


class CacheStats(TypedDict):
    """The cached values of one policy. Ages are in seconds; null where it is empty."""

    name: str
    size: int
    max_size: int
    life_seconds: int
    oldest_age: int | None
    newest_age: int | None
    generations: list[int]


class CacheView(TypedDict):
    """The cache of the process that answers. Each process has its own."""

    generation: int
    caches: list[CacheStats]


class CacheInvalidationView(TypedDict):
    """The new generation, and within how many seconds every process uses it."""

    generation: int
    effective_within_seconds: int


def get_cache(ctx: Context) -> CacheView:
    """Names, sizes, ages and the generation, of this process alone."""
    generation = ctx.cache.generation(ctx)
    return {"generation": generation, "caches": cast("list[CacheStats]", ctx.cache.stats(ctx.now))}


def empty_cache(ctx: Context) -> CacheInvalidationView:
    """Raise the generation. It deletes no resource, so it answers 200 with the new number."""
    return {"generation": ctx.cache.invalidate_all(ctx), "effective_within_seconds": int(GENERATION_TTL.total_seconds())}
