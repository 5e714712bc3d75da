"""Bringing leads from before up to date: into the lists by two filters and of next actions, and under what duplicates are found by.

They get all of it when they are next edited; this is for those that nobody edits. It changes nothing that people have entered.
"""

from collections.abc import Iterator

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.store.shared_values import NOBODY
from chalicelib.packs.wholesale import repository
from chalicelib.packs.wholesale.entities import Pipeline
from chalicelib.packs.wholesale.rules import stages
from chalicelib.packs.wholesale.service import duplicates

_PAGE = 100


def bring_up_to_date(ctx: Context) -> Iterator[tuple[int, int]]:
    """Write every lead that lacks its listing; yields how many were looked at and written in each page of a hundred.

    Safe to repeat and to interrupt. Two round trips a page, two for each lead that is written.
    """
    for stage in stages.STAGES:
        for rows in ctx.store.query_pages(Pipeline.BY_STAGE.range(stage=stage), page_size=_PAGE):
            pipelines = ctx.store.find_many(Pipeline, [row["pk"]["S"] for row in rows]).values()
            yield len(rows), sum(_bring_up_to_date(ctx, pipeline) for pipeline in pipelines if not pipeline.is_listed)


def _bring_up_to_date(ctx: Context, before: Pipeline) -> bool:
    after, sharing = duplicates.find_for_changed(ctx, before, before.with_changes(ctx).with_next_reminder(ctx.today))
    try:
        repository.save(ctx, before, after, sharing or NOBODY)
    except VersionConflict:  # somebody edits it at this moment, and so brings it up to date
        return False
    return True
