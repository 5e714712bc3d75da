"""The packs that are planned but not built: their titles, which GET /system/status lists, and their permissions, which GET /auth/roles shows.

A pack that is built moves its manifest from here to a folder of its own.
"""

from chalicelib.foundation.manifest import Pack, PermissionRow


def _planned(letter: str, name: str, title: str, *permissions: PermissionRow) -> Pack:
    return Pack(letter, name, title, __name__, permissions=permissions, planned=True)


def _governed(name: str, **cells: str) -> PermissionRow:
    return PermissionRow(name, cells, governed=True)


PLANNED: tuple[Pack, ...] = (
    _planned("T", "hardening", "Production Hardening"),
    _planned("U", "frontend", "Frontend API Map"),
    _planned("V", "deployment", "Deployment Check / Ops"),
)
