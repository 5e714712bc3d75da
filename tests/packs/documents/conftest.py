"""What the tests of documents share."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.packs import PACKS
from tests.conftest import SECRETS
from tests.packs.documents import sample_contracts
from tests.packs.documents.documents_client import DocumentsClient, Recipient, mails, path_in

# Routes know contracts by their facts alone: here those of a sample pack, in place of the pack of contracts.
WITH_CONTRACTS = (*(replace(pack, subjects=()) if pack.name == "contracts" else pack for pack in PACKS), sample_contracts.PACK)


@pytest.fixture
def runtime(settings: Any, dynamodb: Any, clock: Any) -> Runtime:
    return Runtime(
        settings, packs=WITH_CONTRACTS, dynamodb=dynamodb, secrets=SecretStore(settings, lambda: SECRETS), clock=clock, sleep=lambda _: None
    )


@pytest.fixture
def documents(client_as: Any) -> DocumentsClient:
    return DocumentsClient(client_as("operator"))


@pytest.fixture
def as_(client_as: Any) -> Any:
    """`as_("dealmaker")`: another caller, as a client of documents."""
    return lambda *roles, **who: DocumentsClient(client_as(*roles, **who))


@pytest.fixture
def holder(anonymous: Any, runtime: Any) -> Any:
    """`holder(id)`: who has the link of a route's newest mail; `holder(id, 0)`: of its first."""
    return lambda id, number=-1: Recipient(anonymous, path_in(mails(runtime, id)[number]))
