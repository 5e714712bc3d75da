"""P, finalization: a deal closes only when everything that must hold does, and a certificate says so."""

from chalicelib.foundation.manifest import Endpoint, Pack, SubjectEntry

_READ, _WRITE, _TICK = "deals:read", "deals:write", "deals:tick"
_ONE, _ITEMS = "/deals/finalization/{deal_id}", "/deals/finalization/{deal_id}/items"
_CONFLICTS = ("conflict", "invalid-transition")

PACK = Pack(
    letter="P",
    name="finalization",
    title="Deal finalization engine",
    package=__name__,
    endpoints=(
        Endpoint(
            "PATCH",
            "/deals/{id}/status",
            "move_deal",
            "deals:move",
            "Move a deal to another status",
            composite=True,
            errors=_CONFLICTS,
            operation_id="deals_move_deal",
        ),
        Endpoint("GET", "/deals/finalization/requirements", "get_requirements", _READ, "Read what finalizing takes", composite=True),
        Endpoint(
            "GET",
            "/deals/finalization/status/{deal_id}",
            "get_status",
            _READ,
            "Read whether a deal is ready, and what stands in the way",
            composite=True,
        ),
        Endpoint(
            "POST",
            _ONE,
            "finalize_deal",
            "deals:finalize",
            "Finalize a deal",
            composite=True,
            errors=("conflict", "not-ready", "approval-required"),
        ),
        Endpoint("POST", f"{_ONE}/reopen", "reopen_deal", "deals:reopen", "Reopen a finalized deal", composite=True, errors=_CONFLICTS),
        Endpoint("GET", f"{_ONE}/certificate", "get_certificate", _READ, "Read a certificate", formats=("text/html", "application/pdf")),
        Endpoint("GET", _ITEMS, "list_items", _READ, "List a deal's items, the soonest due first"),
        Endpoint("POST", _ITEMS, "create_item", _WRITE, "Add an item to a deal", 201, _ITEMS, composite=True, errors=("conflict",)),
        Endpoint(
            "PATCH",
            f"{_ITEMS}/{{item_id}}",
            "move_item",
            _TICK,
            "Settle an item, or open it again",
            composite=True,
            errors=(*_CONFLICTS, "precondition-failed"),
        ),
    ),
    subjects=(
        SubjectEntry("item", "item", f"{__name__}.subjects.ITEM"),
        SubjectEntry("certificate", "cert", f"{__name__}.subjects.CERTIFICATE"),
    ),
    entities={"item": f"{__name__}.entities.Item", "certificate": f"{__name__}.entities.Certificate"},
    rows=(f"{__name__}.entities.CertificateContent",),
    holders={"deal": f"{__name__}.subjects.holders_of_deal"},
)
