"""Gaps that the stream's consumers left, in the trail and in the aggregates: found page by page through the table, and closed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.foundation import projection_gaps, streams, telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.projection_gaps import ProjectionGaps
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.packs.audit.recovery import TrailGap, TrailRecovery
from chalicelib.packs.audit.verification import GRACE
from chalicelib.packs.audit.writer import STREAM, EntityResolver, TrailWriter, entity_resolver

T = TypeVar("T")


@dataclass(frozen=True)
class Gap:
    """A gap that was found, and what became of it: open, closed, or why it can't be closed now."""

    where: str  # trail, or aggregates
    entity_id: str
    outcome: str


class GapFinder:
    """Finds gaps in pages of the table's rows, and closes them. `gaps` are those that were found."""

    def __init__(self, ctx: Context, contribute: ContributionRegistry, run: RunStats, kinds: EntityResolver | None = None) -> None:
        self._ctx, self._contribute, self._run = ctx, contribute, run
        self._kinds = kinds or entity_resolver(ctx.packs)
        self._trail = TrailRecovery(ctx, self._kinds)
        self._aggregates = ProjectionGaps(ctx.store, ctx.packs, contribute, ctx.now)
        self._closed: list[TrailGap] = []
        self.gaps: list[Gap] = []

    def parked_entities(self) -> list[tuple[str, str]]:
        """The entities with parked records, each with the stream. Two round trips."""
        return [(stream, id) for stream in (STREAM, streams.AGGREGATES) for id in streams.parked_entities(self._ctx.store, stream)]

    def find_parked(self, parked: tuple[str, str]) -> None:
        """Name an entity whose trail waits for a change that may never come."""
        if (gap := self._waiting(parked)) is not None:
            self._add([Gap("trail", gap.entity_id, "open")])

    def redrive(self, parked: tuple[str, str]) -> None:
        """Retry an entity's parked records, except those of the trail that can't be processed: an operator redrives these.

        Where they wait for a change that can't come any more, the gap before them is closed.
        """
        stream, entity = parked
        if stream == streams.AGGREGATES:
            self._run.done += projection_gaps.redrive(self._ctx.store, self._contribute, self._ctx.now, entity)
            return
        self._run.done += TrailWriter(self._ctx, self._kinds, workers=1).redrive(entity, waiting_only=True)
        if (gap := self._waiting(parked)) is not None:
            self._add([Gap("trail", entity, self._outcome(self._close, gap))])

    def _waiting(self, parked: tuple[str, str]) -> TrailGap | None:
        """The gap before an entity's parked records, if they wait for one. An entity that is gone may have no other trace."""
        stream, entity = parked
        if stream == streams.AGGREGATES:
            return None
        records = streams.parked_records(self._ctx.store, stream, entity, self._ctx.now)
        waiting = [streams.parse_record(record.record) for record in records if streams.is_waiting(record.key)]
        return TrailGap(entity, waiting[0].kind, None) if waiting else None

    def find_page(self, rows: list[DynamoItem]) -> None:
        """Find the gaps that a page shows, and leave them open."""
        found = [Gap("trail", gap.entity_id, "open") for gap in self._trail.find(rows)]
        self._add([*found, *(Gap("aggregates", state.id, "open") for state in self._aggregates.find(rows, self._settled))])

    def close_page(self, rows: list[DynamoItem]) -> None:
        """Find the gaps that a page shows, and close them."""
        found = self._trail.find(rows)
        self._add([Gap("trail", gap.entity_id, self._outcome(self._close, gap)) for gap in found])
        self._aggregates.remove_orphans(rows, self._settled)
        behind = self._aggregates.find(rows, self._settled)
        rejected = self._aggregates.close(behind)
        self._add([Gap("aggregates", state.id, rejected.get(state.id, "closed")) for state in behind])

    def notify(self) -> None:
        """Tell auditors of the chains that were completed."""
        self._trail.notify(self._closed)

    @property
    def _settled(self) -> str:
        """What was written before this instant should have been processed."""
        return format_timestamp(self._ctx.now - GRACE)

    def _close(self, gap: TrailGap) -> str:
        if not self._trail.close(gap):
            return "waits: a change may still come, or can't be described"
        self._closed.append(gap)
        return "closed"

    def _outcome(self, close: Callable[[T], str], gap: T) -> str:
        """What became of a gap. An error in one doesn't keep the next from being closed."""
        try:
            return close(gap)
        except Exception as error:
            if streams.is_transient(error):
                raise
            telemetry.log_exception(error, self._ctx.request_id)
            self._run.failed += 1
            return f"{type(error).__name__}: {error}"

    def _add(self, gaps: list[Gap]) -> None:
        known = {(gap.where, gap.entity_id) for gap in self.gaps}
        gaps = [gap for gap in gaps if (gap.where, gap.entity_id) not in known]
        self.gaps += gaps
        self._run.found += len(gaps)
        self._run.done += sum(gap.outcome == "closed" for gap in gaps)
