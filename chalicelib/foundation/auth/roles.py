"""The matrix of roles and packs, as data. Deny by default: what isn't here isn't allowed.

`r` read, `w` write, `a` admin of a pack become the permissions `<pack>:read`, `<pack>:write`, `<pack>:admin`; what a cell
names beyond that (`wholesale:bulk`) is a right of its own. Roles add up. `own` rows are a matter of the pack's rules: the
pair `<pack>:write` without `<pack>:any-owner` means rows of one's own.
"""

from collections.abc import Iterable

ROLES = ("admin", "operator", "dealmaker", "counsel", "auditor", "viewer", "professional")
GOVERNANCE_ROLES = ("King", "Queen", "Odin", "Tyr", "Loki")

_LETTERS = {"r": "read", "w": "write", "a": "admin"}

# pack → role → rights. A cell: the letters, then special rights separated by spaces.
MATRIX: dict[str, dict[str, str]] = {
    "users": {"admin": "rwa", "operator": "r", "auditor": "r"},
    "wholesale": {
        "admin": "rwa any-owner bulk reassign contacts",
        "operator": "rw any-owner bulk reassign contacts",
        "dealmaker": "rw contacts",
        "counsel": "r contacts",
        "auditor": "r contacts",
        "viewer": "r",
    },
    "events": dict.fromkeys(ROLES, "r"),
    "trail": {"admin": "ra", "operator": "r", "dealmaker": "r", "counsel": "r", "auditor": "rwa", "viewer": ""},
    "ops": {"admin": "rwa", "operator": "r", "auditor": "r"},
    "status": {"admin": "rwa", "operator": "r", "auditor": "r", "viewer": "r"},
}


def permissions(roles: Iterable[str]) -> frozenset[str]:
    """Everything that the roles together allow."""
    granted: set[str] = set()
    for role in roles:
        for pack, cells in MATRIX.items():
            letters, *special = (cells.get(role) or "").split(" ")
            granted |= {f"{pack}:{_LETTERS[letter]}" for letter in letters}
            granted |= {f"{pack}:{right}" for right in special}
    return frozenset(granted)
