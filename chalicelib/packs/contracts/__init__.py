"""N, contracts: from draft through approval and signature to their end, with evidence that stands up."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, SubjectEntry

_READ, _WRITE, _TEMPLATES = "contracts:read", "contracts:write", "contracts:templates"
_ALL, _ONE = "/contracts/lifecycle", "/contracts/lifecycle/{id}"
_CONFLICT = ("conflict",)
_MOVE_ERRORS = ("conflict", "invalid-transition", "precondition-failed", "approval-required")

PACK = Pack(
    letter="N",
    name="contracts",
    title="Contract Lifecycle Engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "contracts",  # a professional who is a party signs by the party's own link
            {
                "admin": "rwa any-deal contacts send recall",
                "operator": "rw any-deal contacts send recall",
                "dealmaker": "rw own-deals drafts contacts",
                "counsel": "rw any-deal contacts send approve attest terminate templates",
                "auditor": "r contacts",
                "viewer": "r",
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint("POST", _ALL, "create_contract", _WRITE, "Draft a contract", 201, _ONE, composite=True, errors=("not-found", *_CONFLICT)),
        Endpoint("GET", _ALL, "list_contracts", _READ, "List contracts, newest first"),
        Endpoint("GET", f"{_ALL}/by-status", "list_contracts_by_status", _READ, "List the contracts of a status, newest first"),
        Endpoint("GET", f"{_ALL}/by-deal/{{deal_id}}", "list_deal_contracts", _READ, "List a deal's contracts, newest first"),
        Endpoint("GET", _ONE, "get_contract", _READ, "Read a contract", composite=True),
        Endpoint("PATCH", _ONE, "edit_contract", _WRITE, "Change a draft", composite=True, errors=_CONFLICT),
        Endpoint("DELETE", _ONE, "delete_contract", _WRITE, "Delete a draft", status=204, errors=_CONFLICT),
        Endpoint("GET", f"{_ONE}/versions", "list_versions", _READ, "List a contract's versions, newest first"),
    ),
    subjects=(SubjectEntry("contract", "ctr", f"{__name__}.subjects.CONTRACT"),),
    entities={
        "contract": f"{__name__}.entities.Contract",
        "contract-signature": f"{__name__}.entities.Signature",
        "contract-template": f"{__name__}.entities.ContractTemplate",
    },
    rows=(f"{__name__}.entities.ContractVersion",),
    cancels={"deal": f"{__name__}.public.refuse_with_deal"},
    facts={"contracts": f"{__name__}.public.contracts_of_deal"},
    held=f"{__name__}.held.held_contracts",
    holders={"deal": f"{__name__}.subjects.holders_of_deal", "professional": f"{__name__}.subjects.holders_of_professional"},
)
