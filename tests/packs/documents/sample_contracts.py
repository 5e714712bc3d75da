"""A pack that stands for that of contracts: contracts of which nothing is known but the facts that they show as subjects."""

from typing import Any

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.manifest import Pack, SubjectEntry
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.subjects import SubjectAdapter


class SampleContract(Entity):
    """A contract, as far as routes know it."""

    KIND = "sample-contract"
    ID = IdFormat("sctr", "contract", parents={"d": "deal"}, row="C")

    deal_id = a.string()
    status = a.string()
    document_sha256 = a.optional_string()
    document = a.optional_map()


def _facts(contract: SampleContract) -> dict[str, Any]:
    return {
        "deal_id": contract.deal_id,
        "status": contract.status,
        "document_sha256": contract.document_sha256,
        "document": contract.document,
    }


ADAPTER = SubjectAdapter(entity=SampleContract, facts=_facts, hash_fields=("document_sha256",))
PACK = Pack(
    letter="#",
    name="sample_contracts",
    title="Sample contracts",
    package=__name__,
    subjects=(SubjectEntry("contract", "sctr", f"{__name__}.ADAPTER"),),
    entities={"sample-contract": f"{__name__}.SampleContract"},
)
