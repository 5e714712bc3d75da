"""The table's definition, once: what the template deploys, the local run creates and the tests use."""

from typing import Any

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.row import PROJECTED

TTL_ATTRIBUTE = "ttl"
INDEXES = ("gsi1", "gsi2", "gsi3", "gsi4")


def table_definition(name: str) -> JsonObject:
    """CreateTable's arguments. The indexes are overloaded and sparse; they project what lists show."""
    keys = ["pk", "sk"] + [f"{index}{end}" for index in INDEXES for end in ("pk", "sk")]
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": _key_schema("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": _key_schema(f"{index}pk", f"{index}sk"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": PROJECTED},
            }
            for index in INDEXES
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def _key_schema(pk: str, sk: str) -> list[dict[str, str]]:
    return [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}]


def create(client: Any, name: str) -> None:
    """Create the table with its TTL: for the local run and tests; a stage's table is made by its template."""
    client.create_table(**table_definition(name))
    client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE})
