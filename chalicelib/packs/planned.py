"""The packs that are planned but not built: their titles, which GET /system/status lists, and their permissions, which GET /auth/roles shows.

A pack that is built moves its manifest from here to a folder of its own.
"""

from chalicelib.foundation.manifest import Pack, PermissionRow


def _planned(letter: str, name: str, title: str, *permissions: PermissionRow) -> Pack:
    return Pack(letter, name, title, __name__, permissions=permissions, planned=True)


def _governed(name: str, **cells: str) -> PermissionRow:
    return PermissionRow(name, cells, governed=True)


PLANNED: tuple[Pack, ...] = (
    _planned(
        "N",
        "contracts",
        "Contract Lifecycle Engine",
        _governed(
            "contracts",  # a professional who is a party signs by the party's own link
            admin="rwa any-deal contacts send recall",
            operator="rw any-deal contacts send recall",
            dealmaker="rw own-deals drafts contacts",
            counsel="rw any-deal contacts send approve attest terminate templates",
            auditor="r contacts",
            viewer="r",
        ),
    ),
    _planned(
        "Q",
        "findings",
        "Internal Auditor",
        _governed(
            "findings",
            admin="rwa all deal rules scan acknowledge resolve",
            operator="r all deal scan acknowledge",
            dealmaker="r own-deals deal",
            counsel="r all deal acknowledge",
            auditor="rw all deal scan acknowledge resolve accept export verify",
            viewer="r",
        ),
    ),
    _planned("T", "hardening", "Production Hardening"),
    _planned("U", "frontend", "Frontend API Map"),
    _planned("V", "deployment", "Deployment Check / Ops"),
)
