"""Imports by their names, and taking one back.

Every lead that an import creates has the tag `import-<name>`, and the name begins with the time when the import started. So undoing
it needs no file: the leads that were created since are looked at, and those with the tag are deleted unless somebody worked on them.
"""

import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.cli import StageError
from ops.import_leads.api import Api

_PREFIX = "import-"
_NAME = re.compile(rf"(?:{_PREFIX})?(\d{{8}}-\d{{6}}-[0-9a-f]{{4}})")
_TIME_FORMAT = "%Y%m%d-%H%M%S"
_CLOCK_DIFFERENCE = timedelta(hours=1)  # between the machine that imported and the API, at most
_LONGEST_IMPORT = timedelta(days=2)
_PAGE = 200


@dataclass(frozen=True)
class ImportName:
    """The name of one run of the import, e.g. 20261124-171522-3f9a."""

    text: str

    @classmethod
    def new(cls) -> "ImportName":
        """A name for an import that starts now."""
        return cls(f"{datetime.now(UTC).strftime(_TIME_FORMAT)}-{secrets.token_hex(2)}")

    @classmethod
    def parse(cls, text: str) -> "ImportName":
        """The name in a text or in a tag; raises StageError."""
        match = _NAME.fullmatch(text.strip())
        try:
            datetime.strptime(match[1][:15] if match else "", _TIME_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            match = None
        if not match:
            raise StageError(f"{text!r} is no import: a name looks like 20261124-171522-3f9a; its leads have it as a tag.")
        return cls(match[1])

    @property
    def tag(self) -> str:
        """The tag of the leads that it creates."""
        return f"{_PREFIX}{self.text}"

    @property
    def started_at(self) -> datetime:
        """When it started."""
        return datetime.strptime(self.text[:15], _TIME_FORMAT).replace(tzinfo=UTC)


@dataclass
class UndoReport:
    """How many leads were deleted, and which were kept and why."""

    deleted: int = 0
    kept: dict[str, str] = field(default_factory=dict)


def undo(
    api: Api, name: ImportName, *, dry_run: bool = False, parallel: int = 4, on_progress: Callable[[int, int], None] = lambda *_: None
) -> UndoReport:
    """Delete the leads that an import created and nobody worked on since; safe to repeat. `on_progress` gets how many are looked at, of how many."""
    report = UndoReport()
    ids = list(_created_since(api, name.started_at))
    with ThreadPoolExecutor(parallel) as pool:
        try:
            for done, (id, outcome) in enumerate(
                zip(ids, pool.map(lambda id: _undo_lead(api, id, name.tag, dry_run), ids), strict=True), 1
            ):
                if outcome == "":
                    report.deleted += 1
                elif outcome is not None:
                    report.kept[id] = outcome
                on_progress(done, len(ids))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return report


def _created_since(api: Api, start: datetime) -> Iterator[str]:
    """The ids of the leads that were created in the days of an import. A day more on each side, for any time zone."""
    earliest, latest = start - _CLOCK_DIFFERENCE, start + _LONGEST_IMPORT
    days = {"created_from": earliest.date() - timedelta(days=1), "created_to": latest.date() + timedelta(days=1)}
    params = {name: day.isoformat() for name, day in days.items()} | {"limit": str(_PAGE)}
    while True:
        page: dict[str, Any] = api.request("GET", "/wholesale", params=params).body
        yield from (item["id"] for item in page["items"] if earliest <= datetime.fromisoformat(item["created_at"]) <= latest)
        if page["next_cursor"] is None:
            return
        params["cursor"] = page["next_cursor"]


def _undo_lead(api: Api, id: str, tag: str, dry_run: bool) -> str | None:
    """Delete a lead of the import: "" where that is done, why it is kept, or None where it is no lead of this import (any more)."""
    path = f"/wholesale/{id}"
    found = api.request("GET", path, accept=(404,))
    if found.status == 404 or tag not in found.body["tags"]:
        return None
    lead = found.body
    if lead["revision"] != 1:
        return f"changed since (stage {lead['stage']}, revision {lead['revision']})"
    if lead["activities"]:
        return f"it has activities, the latest a {lead['activities'][0]['event_type']}"
    if dry_run:
        return ""
    deleted = api.request("DELETE", path, if_match=lead["revision"], accept=(403, 404, 409, 412))
    return "" if deleted.status in (204, 404) else deleted.detail
