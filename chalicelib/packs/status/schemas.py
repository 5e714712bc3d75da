"""What goes over the wire: the shapes of the older API, with `degraded`, `why`, the revision and the build time added."""

from typing_extensions import TypedDict

from chalicelib.foundation.models import Input, Notes, When


class Completion(Input):
    """What may be said with the mark. The version isn't among it: it has one source, the code."""

    notes: Notes | None = None


class PackStatus(TypedDict):
    """One pack: installed, pending or degraded, and why where it is degraded."""

    id: str
    name: str
    status: str
    why: str | None


class PackList(TypedDict):
    """All packs and how many there are of each status."""

    packs: list[PackStatus]
    total: int
    installed: int
    pending: int
    deprecated: int
    degraded: int


class Summary(TypedDict):
    """The counts, and the same in a sentence."""

    total_packs: int
    installed_packs: int
    pending_packs: int
    deprecated_packs: int
    degraded_packs: int
    summary: str


class Extra(TypedDict):
    """The mark's notes and times; the deployed revision and when it was built."""

    notes: str
    updated_at: When | None
    completed_at: When | None
    git_revision: str
    built_at: str


class SystemStatus(TypedDict):
    """The system as a whole."""

    version: str
    backend_complete: bool
    packs: list[PackStatus]
    summary: str
    extra: Extra
