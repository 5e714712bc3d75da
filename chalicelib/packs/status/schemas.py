"""Requests and responses: those of the older API, with `degraded`, `why`, revision and build time added."""

from typing_extensions import TypedDict

from chalicelib.foundation.schema_types import Notes, RequestBody, TimestampText


class CompletionRequest(RequestBody):
    """Notes of the completion. The version can't be set: it comes from the code."""

    notes: Notes | None = None


class PackStatusView(TypedDict):
    """One pack: installed, pending or degraded, and why where it is degraded."""

    id: str
    name: str
    status: str
    why: str | None


class PackCounts(TypedDict):
    """How many packs there are of each status; none is ever deprecated, but clients of the older API read it."""

    total: int
    installed: int
    pending: int
    deprecated: int
    degraded: int


class PackListView(PackCounts):
    """All packs and how many there are of each status."""

    packs: list[PackStatusView]


class StatusSummaryView(TypedDict):
    """The counts, and a sentence with them."""

    total_packs: int
    installed_packs: int
    pending_packs: int
    deprecated_packs: int
    degraded_packs: int
    summary: str


class SystemStatusExtra(TypedDict):
    """Notes and times of the completion; deployed revision and build time."""

    notes: str
    updated_at: TimestampText | None
    completed_at: TimestampText | None
    git_revision: str
    built_at: str


class SystemStatusView(TypedDict):
    """The system as a whole."""

    version: str
    backend_complete: bool
    packs: list[PackStatusView]
    summary: str
    extra: SystemStatusExtra
