"""A holding with all its history: reading it, and writing what a change adds to it.

A change reads the holding's partition in one query, and lands in one transaction with the years whose movements it makes
others. The holding's own revision is the lock of all of it.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.ids import ROOT_SORT_KEY
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.holdings.entities import DATED, FLOWS, VALUATIONS, YEARS, Dated, Flow, Holding, Valuation, Year, packed, unpacked
from chalicelib.packs.holdings.rules import sums, timeline
from chalicelib.packs.holdings.rules.dated import Entry, Series

_MOST_YEARS = 80  # in which one holding moves: with them a change still fits a transaction
_MOST_ROWS = 48  # aggregate rows of one year of one holding: what it moved and what it moves now still fit a transaction


@dataclass
class History:
    """A holding, what is known of its past, and its years as they are kept."""

    holding: Holding
    valuations: list[Valuation] = field(default_factory=list)
    dated: list[Dated] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    years: list[Year] = field(default_factory=list)

    # -- what held on a day

    @property
    def values(self) -> Series[Valuation]:
        """Its valuations, the one of a later revision before one of an earlier for the same day."""
        return Series(Entry(one.as_of, f"{one.recorded:010}", one) for one in self.valuations)

    def series(self, name: str) -> Series[Any]:
        """What is dated by edits: liability, share, active, groups."""
        return Series(Entry(one.on, f"{one.recorded:010}", one.changed[name]) for one in self.dated if name in one.changed)

    def currency_at(self, day: date) -> str:
        """The currency of its value on `day`; before the first value, the first one's."""
        values = self.values
        found = values.at(day) or (values.at(values.days[0]) if values.days else None)
        return found.currency if found else self.holding.currency

    def timeline(self) -> timeline.Holding:
        """The holding through time, as the rules take it."""
        one = self.holding
        values = self.values
        worth = [(day, values.at(day)) for day in values.days]
        groups = self.series("groups")
        return timeline.Holding(
            held_from=one.held_from,
            labels=Series(Entry(day, "", _labels(groups.at(day))) for day in groups.days),
            currency=one.currency,
            values=Series(Entry(day, "", _value(at)) for day, at in worth if at),
            liabilities=_numbers(self.series("liability")),
            shares=_numbers(self.series("share")),
            activity=self.series("active"),
            disposed_on=one.disposed_on,
            cost=one.cost_basis,
            proceeds=one.proceeds,
            flows=tuple(timeline.Flow(flow.on, flow.amount, flow.currency, flow.flow_kind) for flow in self.flows),
        )


def _labels(groups: Any) -> timeline.Labels:
    return timeline.labels(groups["asset_type"], groups.get("jurisdiction"), groups.get("entity_id"), groups.get("entity_name"))


def _value(found: Valuation) -> timeline.Value | None:
    return None if found.value is None else timeline.Value(found.value, found.currency)


def _numbers(series: Series[Any]) -> Series[Decimal]:
    return Series(Entry(day, "", Decimal(series.at(day) or 0)) for day in series.days)


def read(ctx: Context, id: str) -> History:
    """The holding with its history, strongly; one round trip for a MB. NotFound where there is none."""
    key = Holding.ID.key(id)
    rows: list[DynamoItem] = []
    start: dict[str, Any] = {}
    while True:
        answer = ctx.store.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :root",
            ExpressionAttributeValues={":pk": {"S": key.pk}, ":first": {"S": DATED}, ":root": {"S": ROOT_SORT_KEY}},
            ConsistentRead=True,
            **start,
        )
        rows += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            break
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    holding = parse_live(Holding, rows[-1]) if rows and rows[-1]["sk"]["S"] == ROOT_SORT_KEY else None
    if holding is None:
        raise NotFound("holding")

    def under(prefix: str) -> list[DynamoItem]:
        return [raw for raw in rows if raw["sk"]["S"].startswith(prefix)]

    return History(
        holding,
        [Valuation.from_item(raw) for raw in under(VALUATIONS)],
        [Dated.from_item(raw) for raw in under(DATED)],
        [Flow.from_item(raw) for raw in under(FLOWS)],
        [Year.from_item(raw) for raw in under(YEARS)],
    )


def add_years(ctx: Context, tx: Transaction, history: History) -> None:
    """The years whose movements are others than those that are kept."""
    kept = {year.year: year for year in history.years}
    movements = timeline.movements(history.timeline())
    changed = timeline.changed_years((unpacked(row) for year in history.years for row in year.movements), movements)
    if len(kept.keys() | changed.keys()) > _MOST_YEARS:
        raise Conflict(f"A holding moves in at most {_MOST_YEARS} different years.")
    for number, of_year in changed.items():
        if sum(len(rows) for rows in sums.contribution(of_year)) > _MOST_ROWS:
            raise Conflict(f"In {number} it would change its groups or currency too often for one year.")
        rows = [packed(movement) for movement in of_year]
        if year := kept.get(number):
            tx.save(year.with_changes(ctx, movements=rows))
        else:
            id = Year.id_of(history.holding.id, number)
            tx.create(Year.new(ctx, id=id, holding_id=history.holding.id, year=number, movements=rows))


def moved_start(ctx: Context, tx: Transaction, history: History, start: date) -> None:
    """Let what a holding began with hold from `start` on: those entries of its former first day move along."""
    before = history.holding.held_from
    if start == before:
        return
    for place, valuation in enumerate(history.valuations):
        if valuation.as_of == before:
            history.valuations[place] = valuation.with_changes(ctx, as_of=start)
            tx.save(history.valuations[place])
    for place, one in enumerate(history.dated):
        if one.on == before:
            history.dated[place] = Dated(start, one.recorded, one.changed)
            tx.put_values_by_expression(one.key(history.holding.id), history.dated[place].values(ctx.request_id))
