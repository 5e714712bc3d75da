"""What the tests of findings share."""

from typing import Any

import pytest

from chalicelib.foundation.pending_changes import remove_pending
from chalicelib.foundation.projections import EntityVersion
from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.findings.findings_client import FindingsClient, all_findings


@pytest.fixture
def findings(client_as: Any) -> FindingsClient:
    """Who opens deals, works on them and scans them."""
    return FindingsClient(client_as("operator"))


@pytest.fixture
def auditor(client_as: Any) -> FindingsClient:
    return FindingsClient(client_as("auditor"))


@pytest.fixture
def as_(client_as: Any) -> Any:
    """`as_("dealmaker")`: another caller."""
    return lambda *roles, **who: FindingsClient(client_as(*roles, **who))


@pytest.fixture
def project(runtime: Any) -> Any:
    def project() -> None:
        """Bring the aggregates up to the table, and take back what said that they weren't, as the stream does."""
        apply_projections(runtime)
        states = [EntityVersion(finding.id, finding.KIND, finding.revision, None) for finding in all_findings(runtime)]
        remove_pending(runtime.store(), states)

    return project
