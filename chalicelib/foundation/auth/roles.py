"""The matrix of roles and packs, as data. Deny by default: what is not listed is not allowed.

`r` read, `w` write, `a` admin of a pack become the permissions `<pack>:read`, `<pack>:write`, `<pack>:admin`; what a cell
names beyond that (`wholesale:bulk`) is a special permission. Roles add up. Ownership is checked by the pack: `<pack>:write`
without `<pack>:any-owner` means the caller's own rows; `<pack>:own-deals` rows of the caller's own deals; `<pack>:own` means that
reading, too, is limited to the caller's own.
"""

from collections.abc import Iterable

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

_LETTERS = {"r": "read", "w": "write", "a": "admin"}

# pack → role → permissions. A cell: the letters, then special permissions separated by spaces.
MATRIX: dict[str, dict[str, str]] = {
    # C: the caller's own profile, sessions and keys need no permission, only a sign-in.
    "users": {"admin": "rwa", "operator": "r", "auditor": "r"},
    # H, I
    "signals": {
        "admin": "rwa settle",
        "operator": "rw settle",
        "dealmaker": "r",
        "counsel": "r",
        "auditor": "r",
        "viewer": "r",
        "professional": "r own dispute",
    },
    "alignment": {
        "admin": "rwa match conflict-check",
        "operator": "rw match conflict-check",
        "dealmaker": "r match",
        "counsel": "r conflict-check",
        "auditor": "r",
        "viewer": "r",
        "professional": "r own",
    },
    # J
    "scorecards": {
        "admin": "rwa log any-deal settle",
        "operator": "rw log any-deal settle",
        "dealmaker": "r log",  # on their own deals
        "counsel": "r log any-deal",
        "auditor": "r",
        "viewer": "r",
        "professional": "r own dispute",
    },
    # K
    "retainers": {
        "admin": "rwa log any-deal activate cancel renew reverse short-notice",
        "operator": "rw log any-deal activate cancel renew reverse",
        "dealmaker": "r log",  # on their own deals
        "counsel": "r",
        "auditor": "r",
        "viewer": "r",
        "professional": "r own log",  # marked unapproved
    },
    # L, M
    "handoffs": {
        "admin": "rwa any-deal attest",
        "operator": "rw any-deal attest",
        "dealmaker": "rw own-deals",
        "counsel": "rw own-deals",
        "auditor": "r",
        "viewer": "r",
        "professional": "r own accept return",
    },
    "tasks": {
        "admin": "rwa any-deal attest",
        "operator": "rw any-deal attest",
        "dealmaker": "rw own-deals",
        "counsel": "rw own-deals",
        "auditor": "r",
        "viewer": "r",
        "professional": "r own status",
    },
    # N: a professional who is a party signs by the party's own link.
    "contracts": {
        "admin": "rwa any-deal send recall",
        "operator": "rw any-deal send recall",
        "dealmaker": "rw own-deals drafts",
        "counsel": "rw any-deal send approve attest terminate templates",
        "auditor": "r",
        "viewer": "r",
    },
    # O
    "documents": {
        "admin": "rwa any-deal bulk attest",
        "operator": "rw any-deal bulk attest",
        "dealmaker": "rw own-deals",
        "counsel": "rw any-deal",
        "auditor": "r",
        "viewer": "r",
        "professional": "r own acknowledge",
    },
    # P
    "deals": {
        "admin": "rwa any-owner finalize reopen",
        "operator": "rw any-owner finalize reopen",
        "dealmaker": "rw",
        "counsel": "r legal-items",
        "auditor": "r",
        "viewer": "r",
    },
    # Q. The trail itself is written by nobody; its `write` is export and verification.
    "findings": {
        "admin": "rwa rules scan acknowledge resolve",
        "operator": "r scan acknowledge",
        "dealmaker": "r own-deals",
        "counsel": "r acknowledge",
        "auditor": "rw scan acknowledge resolve accept export verify",
        "viewer": "r summary-only",
    },
    "trail": {"admin": "ra", "operator": "r", "dealmaker": "r", "counsel": "r", "auditor": "rwa", "viewer": ""},
    # R. To decide takes a governance role; these are for asking, reading and naming holders.
    "governance": {
        "admin": "rwa ask holders",
        "operator": "r ask",
        "dealmaker": "r own-deals ask",
        "counsel": "r ask",
        "auditor": "r",
        "viewer": "r",
    },
    # S, T, V, W
    "ops": {"admin": "rwa", "operator": "r", "auditor": "r"},
    "status": {"admin": "rwa", "operator": "r", "auditor": "r", "viewer": "r"},
    "events": dict.fromkeys(ROLES, "r"),
    # X, Y
    "wholesale": {
        "admin": "rwa any-owner bulk reassign contacts",
        "operator": "rw any-owner bulk reassign contacts",
        "dealmaker": "rw contacts",
        "counsel": "r contacts",
        "auditor": "r contacts",
        "viewer": "r",
    },
    "dispositions": {
        "admin": "rwa any-owner bulk close override contacts",
        "operator": "rw any-owner bulk close override contacts",
        "dealmaker": "rw contacts",
        "counsel": "r contacts",
        "auditor": "r contacts",
        "viewer": "r",
    },
    # Z
    "holdings": {
        "admin": "rwa correct-snapshots fx",
        "operator": "rw fx",
        "counsel": "r",
        "auditor": "r",
        "viewer": "r",
    },
}

# Holders of a governance role read what they may be asked to decide on: H to R, X to Z.
GOVERNED = (
    "signals", "alignment", "scorecards", "retainers", "handoffs", "tasks", "contracts", "documents", "deals", "findings", "trail",
    "governance", "wholesale", "dispositions", "holdings",
)  # fmt: skip

# The actions of a governance role and the subject types that they apply to; None means all.
GOVERNANCE: dict[str, tuple[frozenset[str], frozenset[str] | None]] = {
    "King": (frozenset({"approve", "deny", "flag", "override", "final", "policies"}), None),
    "Queen": (frozenset({"approve", "deny", "flag", "override", "final", "policies"}), None),  # not over the King's final
    "Odin": (frozenset({"approve", "deny", "flag", "policies"}), frozenset({"professional", "retainer", "holding"})),
    "Tyr": (frozenset({"approve", "deny", "final-denial", "flag"}), frozenset({"contract", "deal"})),
    "Loki": (frozenset({"flag"}), None),
}


def permissions(roles: Iterable[str]) -> frozenset[str]:
    """The permissions of the roles together, governance roles included. An unknown role allows nothing."""
    granted: set[str] = set()
    for role in roles:
        if role in GOVERNANCE:
            granted |= {f"{pack}:read" for pack in GOVERNED}
        for pack, cells in MATRIX.items():
            letters, *special = (cells.get(role) or "").split(" ")
            granted |= {f"{pack}:{_LETTERS[letter]}" for letter in letters}
            granted |= {f"{pack}:{name}" for name in special}
    return frozenset(granted)
