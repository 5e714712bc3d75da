"""What tests of governance share: an office whose people ask and decide, by the API alone."""

from datetime import timedelta
from typing import Any

from chalicelib.foundation.access import user_key
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.store import encode_key
from tests.packs.tasks.tasks_client import TasksClient

G = "/governance"
D = f"{G}/decisions"


class GovernanceClient(TasksClient):
    """Somebody who asks and decides. What is refused fails the test; `expect_error` expects it."""

    def decide(self, subject: str, role: str = "King", action: str = "approve", **body: Any) -> Any:
        return self.ok("POST", D, self.decision(subject, role, action, **body))

    def refused(self, status: int, subject: str, role: str = "King", action: str = "approve", **body: Any) -> Any:
        return self.expect_error(status, "POST", D, self.decision(subject, role, action, **body))

    @staticmethod
    def decision(subject: str, role: str = "King", action: str = "approve", **body: Any) -> dict[str, Any]:
        types = {"pro": "professional", "ret": "retainer", "pipe": "pipeline", "asgn": "assignment", "hold": "holding"}
        prefix = subject.partition("_")[0]
        more = {} if action == "approve" else {"reason": "It is so"}
        if action == "override":
            more["review_date"] = "2026-12-01"
        return {"subject_type": types.get(prefix, prefix), "subject_id": subject, "role": role, "action": action, **more, **body}

    def standing(self, subject: str, act: str = "finalize", type: str = "deal") -> Any:
        return self.ok("GET", f"{D}/subject/{type}/{subject}/standing", query={"requested_action": act})

    def decisions(self, subject: str, type: str = "deal") -> list[Any]:
        return self.list(f"{D}/subject/{type}/{subject}")

    def states(self, subject: str, type: str = "deal") -> list[str]:
        return [one["state"] for one in self.decisions(subject, type)]

    def ask(self, subject: str, act: str = "finalize", **body: Any) -> Any:
        given = {"subject_type": self.decision(subject)["subject_type"], "subject_id": subject, "requested_action": act, **body}
        return self.ok("POST", f"{G}/requests", given)


class Office:
    """The people of a firm, each with the rows that say what they hold now; a token says viewer, whatever they hold."""

    def __init__(self, runtime: Runtime, client_as: Any) -> None:
        self.runtime, self.client_as = runtime, client_as
        self.operator = self.somebody("operator")

    def somebody(self, *roles: str, **who: Any) -> GovernanceClient:
        return GovernanceClient(self.client_as(*roles, **who))

    def holder(self, *held: str, user: str | None = None, roles: tuple[str, ...] = ("viewer",), **more: Any) -> GovernanceClient:
        user = user or f"user_{'-'.join(held).lower()}"
        self.set_user(user, governance_roles=list(held), roles=list(roles), **more)
        return self.somebody(*roles, user=user, professional_id=more.get("professional_id"))

    def set_user(self, user: str, **values: Any) -> None:
        """Write the user's row as it is from now on."""
        ctx = self.runtime.context(request_id="people")
        defaults = {"is_active": True, "password_is_initial": False, "epoch": 0, "email": f"{user}@example.com", "name": user, "roles": []}
        row = User.new(ctx, id=user, **{**defaults, "governance_roles": [], **values})
        item = {**encode_key(user_key(user)), **row._encoded(), "sv": {"N": "1"}, "t": {"S": "made-up"}}  # in no index, on no trail
        self.runtime.dynamodb.put_item(TableName=self.runtime.settings.table, Item=item)

    def deal(self, **body: Any) -> str:
        return self.operator.deal(**body)


def tomorrow(clock: Any, days: int = 1) -> None:
    clock.now += timedelta(days=days)
