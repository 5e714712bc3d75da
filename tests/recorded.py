"""What clients hold on to, as files: the names in the API's document, and the permissions of each role.

Tests compare the files with the code, so that neither changes unnoticed. `python -m tests.recorded` writes down what the code has now.
"""

import json
from pathlib import Path
from typing import Any

from chalicelib.foundation.auth.account import list_roles
from chalicelib.foundation.roles import RoleMatrix
from chalicelib.packs import PACKS
from tests.openapi_contract import system_contract

_TESTS = Path(__file__).parent
NAMES, ROLES = _TESTS / "api" / "published_names.json", _TESTS / "packs" / "auth" / "recorded_roles.json"


def names() -> dict[str, list[str]]:
    """The operations, tags and components of the API's document, as it is now."""
    document = system_contract().document
    return {
        "operations": sorted(one["operationId"] for verbs in document["paths"].values() for one in verbs.values()),
        "tags": sorted(tag["name"] for tag in document["tags"]),
        "components": sorted(document["components"]["schemas"]),
    }


def roles() -> Any:
    """The roles and their permissions, as they are now."""
    return list_roles(RoleMatrix(PACKS))


if __name__ == "__main__":
    for path, value in ((NAMES, names()), (ROLES, roles())):
        path.write_text(json.dumps(value, indent=1) + "\n")
