"""P, deals: the root that tasks, packets, contracts and routes refer to."""

from chalicelib.foundation.manifest import Endpoint, OwnedEntities, Pack, PermissionRow, SubjectEntry

_READ, _WRITE, _ANY_OWNER = "deals:read", "deals:write", "deals:any-owner"
_ONE, _CONFLICT = "/deals/{id}", ("conflict",)

PACK = Pack(
    letter="P",
    name="deals",
    title="Deal Finalization Engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "deals",
            {
                "admin": "rwa any-owner finalize reopen move tick",
                "operator": "rw any-owner finalize reopen move tick",
                "dealmaker": "rw tick",
                "counsel": "r move tick legal-items",
                "auditor": "r",
                "viewer": "r",
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint("POST", "/deals", "create_deal", _WRITE, "Open a deal", 201, _ONE, errors=("not-found", *_CONFLICT)),
        Endpoint("GET", "/deals", "list_deals", _READ, "List deals by status, owner, kind, external reference"),
        Endpoint("GET", _ONE, "get_deal", _READ, "Read a deal", composite=True),
        Endpoint(
            "GET", f"{_ONE}/timeline", "list_changes", _READ, "List the changes of a deal and of all that belongs to it, newest first"
        ),
        Endpoint("PATCH", _ONE, "edit_deal", _WRITE, "Change a deal", composite=True, errors=_CONFLICT),
        Endpoint("DELETE", _ONE, "delete_deal", _WRITE, "Delete a deal", status=204, errors=_CONFLICT),
    ),
    subjects=(
        SubjectEntry(
            "deal", "deal", f"{__name__}.subjects.DEAL", f"{__name__}.public.resolve_id", f"{__name__}.public.require_own", timeline=True
        ),
    ),
    owned=(OwnedEntities("deal", _WRITE, _ANY_OWNER, f"{__name__}.repository.add_update"),),
    entities={"deal": f"{__name__}.entities.Deal"},
    rows=(f"{__name__}.entities.DealGate", f"{__name__}.entities.ProfessionalDeal"),
    holders={"pipeline": f"{__name__}.subjects.holders_of_pipeline", "professional": f"{__name__}.subjects.holders_of_professional"},
    held=f"{__name__}.held.held_deals",
)
