"""The interface of this pack to other packs: the timeline of roots, e.g. of a deal and its pipeline."""

from collections.abc import Sequence

from chalicelib.foundation.context import Context
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.packs.audit.records import AuditRecord
from chalicelib.packs.audit.schemas import TimelineEntry as TimelineEntry


def timeline(ctx: Context, roots: Sequence[str], query: PageParams) -> PageOf[TimelineEntry]:
    """The changes of everything that lies in the partitions of these roots, newest first. One round trip a root.

    For roots whose subject entry says `timeline`. It shows no values, so it is no reading of the trail and leaves no record.
    """
    ranges = [AuditRecord.BY_ROOT.range(root=root) for root in roots]
    return ctx.paginate(ranges, query, lambda row: present_row(TimelineEntry, row))
