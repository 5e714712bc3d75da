"""A client that may do what a function's role may: IAM's part, as far as it concerns the table."""

from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from chalicelib.foundation.manifest import Pack
from chalicelib.packs import PACKS
from ops.package.build import deployed_functions
from ops.package.policies import policy


class Denied(Exception):
    """The role may not do this: deployed, it would be an AccessDeniedException."""


@cache
def policy_of(name: str, packs: tuple[Pack, ...] = PACKS) -> dict[str, Any]:
    """The policy of a deployed function by its name: that of a schedule, or of a consumer."""
    return policy(next(function for function in deployed_functions() if function.name == name), packs)


def is_allowed(policy: dict[str, Any], action: str, key: str | None) -> bool:
    """Whether a policy allows an action of DynamoDB on a partition; any partition where `key` is None."""
    effects = {entry["Effect"] for entry in policy["Statement"] if _applies(entry, f"dynamodb:{action}", key)}
    return effects == {"Allow"}


def _applies(entry: dict[str, Any], action: str, key: str | None) -> bool:
    if not any(fnmatchcase(action, pattern) for pattern in entry["Action"]):
        return False
    (keys,) = [next(iter(test.values())) for test in entry.get("Condition", {}).values()] or [None]
    return keys is None or (key is not None and any(fnmatchcase(key, pattern) for pattern in keys))


class AsRole:
    """A DynamoDB client that refuses what the policy doesn't allow."""

    def __init__(self, client: Any, policy: dict[str, Any]) -> None:
        self._client, self._policy = client, policy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def _check(self, action: str, key: str | None) -> None:
        if not is_allowed(self._policy, action, key):
            raise Denied(f"{action} of {key}")

    def scan(self, **arguments: Any) -> Any:
        self._check("Scan", None)
        return self._client.scan(**arguments)

    def put_item(self, **arguments: Any) -> Any:
        self._check("PutItem", arguments["Item"]["pk"]["S"])
        return self._client.put_item(**arguments)

    def update_item(self, **arguments: Any) -> Any:
        self._check("UpdateItem", arguments["Key"]["pk"]["S"])
        return self._client.update_item(**arguments)

    def delete_item(self, **arguments: Any) -> Any:
        self._check("DeleteItem", arguments["Key"]["pk"]["S"])
        return self._client.delete_item(**arguments)

    def batch_write_item(self, **arguments: Any) -> Any:
        for requests in arguments["RequestItems"].values():
            for request in requests:
                ((kind, values),) = request.items()
                self._check("BatchWriteItem", (values["Item"] if kind == "PutRequest" else values["Key"])["pk"]["S"])
        return self._client.batch_write_item(**arguments)

    def transact_write_items(self, **arguments: Any) -> Any:
        for action in arguments["TransactItems"]:
            ((kind, values),) = action.items()
            key = values["Item"] if kind == "Put" else values["Key"]
            self._check(f"{kind}Item", key["pk"]["S"])
        return self._client.transact_write_items(**arguments)
