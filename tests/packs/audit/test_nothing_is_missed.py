"""Five hundred random operations over all packs: each is on the trail, with who made it and the fields that it changed."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.store.codec import decode_item
from chalicelib.packs import PACKS
from chalicelib.packs.audit.records import AuditRecord
from ops.trail import verify_stage
from tests.packs.audit.direct_writes import write_directly
from tests.packs.audit.random_operations import WRITES, RandomUser
from tests.packs.auth.auth_fixtures import quick_hashing  # noqa: F401 - a fixture
from tests.streams.stream_feeder import deliver

OPERATIONS = 500
# What the table has of an entity besides its fields.
_METADATA = {
    "pk",
    "sk",
    "t",
    "kind",
    "sv",
    "view",
    "id",
    "revision",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "request_id",
    "correlation_id",
}


class Written:
    """A client that notes each revision of each entity that is written: what the trail is held to, without the stream."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._images: dict[str, dict[str, Any]] = {}
        self.revisions: dict[tuple[str, int], dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **arguments: Any) -> Any:
        answer = self._client.put_item(**arguments)
        self._note(arguments["Item"])
        return answer

    def transact_write_items(self, **arguments: Any) -> Any:
        answer = self._client.transact_write_items(**arguments)
        for action in arguments["TransactItems"]:
            if "Put" in action:
                self._note(action["Put"]["Item"])
        return answer

    def _note(self, item: dict[str, Any]) -> None:
        if item.get("t") != {"S": "e"}:
            return
        id, values = item["id"]["S"], decode_item(item)  # 3000.00 is 3000
        before = self._images.get(id, {})
        names = {name for name in before.keys() | values.keys() if before.get(name) != values.get(name)}
        fields = {name for name in names - _METADATA if not name.startswith("gsi")}
        self.revisions[id, int(item["revision"]["N"])] = {
            "kind": item["kind"]["S"],
            "actor": item["updated_by"]["S"],
            "request_id": item["request_id"]["S"],
            "fields": fields,
        }
        self._images[id] = values


def recorded_revisions(world: Any) -> dict[tuple[str, int], dict[str, Any]]:
    """What the trail says of each revision."""
    records = (AuditRecord.from_item(row).values for row in world.rows("AUD#"))
    return {
        (record["entity_id"], record["seq"]): {
            "kind": record["kind"],
            "actor": record["actor"],
            "request_id": record["request_id"],
            "fields": {name.partition(".")[0] for name in record["changes"]},
        }
        for record in records
    }


@pytest.mark.slow
def test_random_operations_are_all_on_the_trail(world, runtime, client_as, clock):
    written = runtime.dynamodb = Written(runtime.dynamodb)
    somebody = RandomUser(client_as, seed=20261124)
    pack_of = {kind: pack.name for pack in PACKS for kind in pack.entities}
    operations: list[tuple[str, set[tuple[str, int]]]] = []  # who, and the revisions that it wrote
    done: Counter[str] = Counter()
    for attempts, (pack, endpoint) in enumerate(somebody.choices()):
        if len(operations) >= OPERATIONS:
            break
        assert attempts < 40 * OPERATIONS, f"only {len(operations)} operations succeed: {done}"
        clock.now += timedelta(seconds=2)
        known = set(written.revisions)
        user, answer = somebody.act(pack, endpoint)
        assert answer.status < 500, answer.text
        new = set(written.revisions) - known
        for id, _ in new:
            somebody.know(pack_of[written.revisions[id, _]["kind"]], id)
        if answer.status < 300 and new:
            operations.append((user, new))
            done[pack.name] += 1
        if attempts % 200 == 0:
            deliver(world.audit(), world.feed.entities())
    unreached = {pack for pack, _ in WRITES if pack.name not in done}
    for kind in (kind for pack in unreached for kind in pack.entities):
        write_directly(runtime.dynamodb, world.ctx(), world.kinds(kind))
    assert len(unreached) <= 3, f"of too many packs no operation succeeded: {unreached}"
    deliver(world.audit(), world.feed.entities())
    recorded = recorded_revisions(world)
    assert {place: recorded.get(place) for place in written.revisions} == written.revisions
    for user, places in operations:
        actors = {recorded[place]["actor"] for place in places}
        assert actors <= {
            user,
            *(actor for actor in actors if actor.startswith("system:")),
        }  # a scan that somebody asked for acts by itself
        assert any(recorded[place]["fields"] for place in places)
    assert verify_stage(runtime, world.ctx, workers=1).valid


@pytest.mark.parametrize("kind", sorted(kind for pack in PACKS for kind in pack.entities))
def test_changes_of_every_kind_of_entity_are_on_the_trail(world, runtime, kind):
    written = Written(runtime.dynamodb)
    id = write_directly(written, world.ctx("user_ann"), world.kinds(kind))
    deliver(world.audit(), world.feed.entities())
    assert recorded_revisions(world) == written.revisions
    assert set(written.revisions) == {(id, 1), (id, 2)}
