"""Z, holdings: what the firm owns, on any day, in one currency."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, Projection, Schedule, SubjectEntry
from chalicelib.packs.holdings.settings import HoldingsSettings

# The firm's day may end at any hour of UTC; where the totals haven't caught up, the next run creates the close.
_HOURLY = "cron(10 * * * ? *)"

_ENDPOINTS = (
    Endpoint("POST", "/holdings", "create_holding", "holdings:write", "Enter a holding", status=201, location="/holdings/{id}"),
    Endpoint("GET", "/holdings", "list_holdings", "holdings:read", "List holdings by type, jurisdiction, entity"),
    Endpoint("GET", "/holdings/summary", "read_summary", "holdings:read", "Read the summary of a day in one currency"),
    Endpoint("GET", "/holdings/performance", "read_performance", "holdings:read", "Read the performance between two days"),
    Endpoint("GET", "/holdings/fx-rates", "read_rates", "holdings:read", "Read a day's exchange rates"),
    Endpoint("PUT", "/holdings/fx-rates", "enter_rates", "holdings:fx", "Enter or correct a day's exchange rates"),
    Endpoint("GET", "/holdings/snapshots", "list_snapshots", "holdings:read", "List snapshots, the latest day first"),
    Endpoint("POST", "/holdings/snapshots", "take_snapshot", "holdings:admin", "Take today's snapshot, or correct a day's close",
             status=201, extra_statuses=(200,), location="/holdings/snapshots/{date}", errors=("conflict",)),
    Endpoint("GET", "/holdings/snapshots/{date}", "read_snapshot", "holdings:read", "Read a day's close", composite=True),
    Endpoint("GET", "/holdings/{id}", "get_holding", "holdings:read", "Read a holding"),
    Endpoint("PATCH", "/holdings/{id}", "edit_holding", "holdings:write", "Change a holding", errors=("conflict",)),
    Endpoint("DELETE", "/holdings/{id}", "delete_holding", "holdings:write", "Delete a holding", status=204, errors=("conflict",)),
    Endpoint("POST", "/holdings/{id}/valuations", "value_holding", "holdings:write", "Enter what a holding is worth on a day",
             status=201, location="/holdings/{holding_id}/valuations", errors=("conflict",)),
    Endpoint("GET", "/holdings/{id}/valuations", "list_valuations", "holdings:read", "List a holding's valuations, newest first"),
    Endpoint("POST", "/holdings/{id}/flows", "record_flow", "holdings:write", "Record money put into a holding, or taken out",
             status=201, location="/holdings/{holding_id}/flows", errors=("conflict",)),
    Endpoint("GET", "/holdings/{id}/flows", "list_flows", "holdings:read", "List a holding's flows, newest first"),
)  # fmt: skip

PACK = Pack(
    letter="Z",
    name="holdings",
    title="Global holdings engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "holdings",
            {"admin": "rwa correct-snapshots fx", "operator": "rw fx", "counsel": "r", "auditor": "r", "viewer": "r"},
            governed=True,
        ),
    ),
    settings=HoldingsSettings,
    endpoints=_ENDPOINTS,
    schedules=(
        Schedule(
            "holdings-close",
            _HOURLY,
            f"{__name__}.schedules.close",
            "Creates the close snapshot of each past day: totals, groups, rates",
        ),
    ),
    projections=(
        Projection("holding_movements", f"{__name__}.projections.contribute", writes=("HOLDINGS",), tracked=True),
        Projection("holding_year", f"{__name__}.projections.contribute", writes=("HOLDINGS",)),
    ),
    subjects=(SubjectEntry("holding", "hold", f"{__name__}.subjects.HOLDING"),),
    entities={
        "holding": f"{__name__}.entities.Holding",
        "valuation": f"{__name__}.entities.Valuation",
        "holding_flow": f"{__name__}.entities.HoldingFlow",
        "holding_movements": f"{__name__}.entities.HoldingMovements",
        "holding_year": f"{__name__}.entities.HoldingYear",
        "fx_day": f"{__name__}.entities.DailyFxRates",
        "holdings_snapshot": f"{__name__}.entities.Snapshot",
    },
    rows=(f"{__name__}.entities.EffectiveChange", f"{__name__}.entities.SnapshotContent"),
    key_prefixes=("FX", "SNAP", "HOLDINGS"),
)
