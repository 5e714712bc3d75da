"""The cache's two endpoints."""

from typing import cast

from typing_extensions import TypedDict

from chalicelib.foundation.cache import RECHECK
from chalicelib.foundation.context import Context


class Kept(TypedDict):
    """One kind of kept values. Ages are in seconds; null where nothing is held."""

    name: str
    size: int
    max_size: int
    life_seconds: int
    oldest_age: int | None
    newest_age: int | None
    generations: list[int]


class CacheView(TypedDict):
    """What the process that answers keeps. Others keep their own."""

    generation: int
    caches: list[Kept]


class NewGeneration(TypedDict):
    """The generation from now on, and within how many seconds every process follows."""

    generation: int
    effective_within_seconds: int


def get_cache(ctx: Context) -> CacheView:
    """Names, sizes, ages and the generation, of this process alone."""
    generation = ctx.cache.generation(ctx)
    return {"generation": generation, "caches": cast("list[Kept]", ctx.cache.contents(ctx.now))}


def empty_cache(ctx: Context) -> NewGeneration:
    """Raise the generation. It deletes no resource, so it answers 200 with the new number."""
    return {"generation": ctx.cache.raise_generation(ctx), "effective_within_seconds": int(RECHECK.total_seconds())}
