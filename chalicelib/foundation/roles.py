"""Roles, and the matrix of roles and permissions, which is computed from the packs' manifests (`PermissionRow`).

Deny by default: what no row lists is not allowed. `r` read, `w` write, `a` admin become the permissions `<name>:read`, `<name>:write`,
`<name>:admin`; what a cell names beyond that (`wholesale:bulk`) is a special permission. Roles add up. Ownership is checked by the pack: `<pack>:write`
without `<pack>:any-owner` means the caller's own rows; `<pack>:own-deals` rows of the caller's own deals; `<pack>:own` means that
reading, too, is limited to the caller's own. Those that narrow are limits: no right that somebody could lack, and no scope takes them away.

`own` limits what the roles that carry it allow, and nothing that another role of the same person allows without it. Where such a role
lets them read, `<pack>:own` gives way to `<pack>:own-<right>` for each right that only the limited role gives.
"""

from collections.abc import Iterable

from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN, Endpoint, Pack, PermissionRow

ROLES = ("admin", "operator", "dealmaker", "counsel", "auditor", "viewer", "professional")
GOVERNANCE_ROLES = ("King", "Queen", "Odin", "Tyr", "Loki")

ABOUT = {
    "admin": "Runs the stage: users, settings, everything that packs let an administrator do.",
    "operator": "Runs the business from day to day, across all deals.",
    "dealmaker": "Finds and works deals; changes what is their own.",
    "counsel": "Approves contracts and looks after what is legal in a deal.",
    "auditor": "Reads everything, runs the audit and settles its findings.",
    "viewer": "Reads, without contacts and without personal detail.",
    "professional": "An outside professional; sees only their own tasks, documents, retainers and scorecard.",
    "King": "Approves, denies, flags and overrides any subject; may make a decision final.",
    "Queen": "As the King, but not over the King's final decision.",
    "Odin": "Decides on professionals, retainers and holdings, and on policies together with King or Queen.",
    "Tyr": "Decides on contracts and deals; a denial of Tyr's may be final.",
    "Loki": "Raises flags, and nothing else.",
}

_MAX_CACHED = 128  # sets of roles
_LETTERS = {"r": "read", "w": "write", "a": "admin"}
_OWN = "own"
_LIMITS = frozenset({_OWN, "own-deals", "summary-only", "drafts"})  # special permissions that narrow what their row allows

# The actions of a governance role and the subject types that they apply to; None means all.
GOVERNANCE: dict[str, tuple[frozenset[str], frozenset[str] | None]] = {
    "King": (frozenset({"approve", "deny", "flag", "override", "final", "policies"}), None),
    "Queen": (frozenset({"approve", "deny", "flag", "override", "final", "policies"}), None),  # not over the King's final
    "Odin": (frozenset({"approve", "deny", "flag", "policies"}), frozenset({"professional", "retainer", "holding"})),
    "Tyr": (frozenset({"approve", "deny", "final-denial", "flag"}), frozenset({"contract", "deal"})),
    "Loki": (frozenset({"flag"}), None),
}


def is_limit(permission: str) -> bool:
    """Whether a permission narrows what the others of its row allow, e.g. "tasks:own"."""
    right = permission.partition(":")[2]
    return right in _LIMITS or right.startswith(f"{_OWN}-")


class RoleMatrix:
    """Who may do what, by the rows of the given packs. Built once a process; the permissions of a set of roles are computed once."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self.rows: dict[str, PermissionRow] = {}
        for row in (row for pack in packs for row in pack.permissions):
            assert row.name not in self.rows, f"the permissions {row.name} are declared twice"
            self.rows[row.name] = row
        self._computed: dict[tuple[str, ...], frozenset[str]] = {}

    @property
    def governed(self) -> frozenset[str]:
        """The rows that holders of a governance role read."""
        return frozenset(row.name for row in self.rows.values() if row.governed)

    def permissions(self, roles: Iterable[str]) -> frozenset[str]:
        """The permissions of the roles together, governance roles included. An unknown role allows nothing."""
        held = tuple(sorted(roles))
        if held not in self._computed:
            if len(self._computed) >= _MAX_CACHED:
                self._computed.clear()
            self._computed[held] = frozenset(f"{name}:{right}" for name, row in self.rows.items() for right in _rights(row, held))
        return self._computed[held]

    def needs_live_caller(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint reads the caller's rows again (user, session or API key), rather than trust a token or a cached key.

        So does every change of the caller's own account, every change that only administrators may make, and every change under a row
        of permissions that is declared `live`.
        """
        if endpoint.method == "GET" or endpoint.permission == PUBLIC:
            return False
        name, _, permission = endpoint.permission.partition(":")
        live = self.rows[name].live if name in self.rows else False
        return endpoint.permission == SIGNED_IN or permission == "admin" or live is True or (live is not False and permission in live)

    def covered(self, roles: Iterable[str], holder: Iterable[str]) -> frozenset[str]:
        """Those of `roles` that allow nothing that the roles of `holder` don't allow together."""
        held = self.permissions(holder)
        return frozenset(
            role for role in roles if all(permission in held or is_limit(permission) for permission in self.permissions([role]))
        )


def _rights(row: PermissionRow, roles: Iterable[str]) -> frozenset[str]:
    """The rights of the roles together in one row, with the limits that hold for all of them."""
    cells = [_rights_of_role(row, role) for role in roles]
    rights = frozenset[str]().union(*cells)
    if _OWN not in rights:
        return rights
    unlimited = frozenset[str]().union(*(cell for cell in cells if _OWN not in cell))
    if "read" not in unlimited:
        return rights
    return rights - {_OWN} | {f"{_OWN}-{right}" for right in rights - unlimited - {_OWN}}


def _rights_of_role(row: PermissionRow, role: str) -> frozenset[str]:
    """The rights of one role in a row: the letters in words, and the special ones."""
    if role in GOVERNANCE:
        also = row.governed if isinstance(row.governed, tuple) else ()
        return frozenset({"read", *also}) if row.governed else frozenset()
    letters, *special = row.cells.get(role, "").split(" ")
    return frozenset([*(_LETTERS[letter] for letter in letters), *special])
