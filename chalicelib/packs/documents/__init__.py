"""O, documents: a document on its way to one recipient, with proof of who has opened and acknowledged it."""

from chalicelib.foundation.manifest import PUBLIC, Endpoint, Pack, PermissionRow, Schedule, SubjectEntry
from chalicelib.packs.documents.settings import DocumentsSettings

_READ, _WRITE, _STATUS, _BULK = "documents:read", "documents:write", "documents:status", "documents:bulk"
_ALL, _LINK = "/documents/routes", "/d/{token}"
_ONE = f"{_ALL}/{{id}}"
_HTML = ("text/html",)
_EACH_MORNING = "cron(0 13 * * ? *)"  # before the working day on the American west coast; cron expressions are in UTC

PACK = Pack(
    letter="O",
    name="documents",
    title="Document Routing Engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "documents",
            {
                "admin": "rwa any-deal contacts bulk attest status",
                "operator": "rw any-deal contacts bulk attest status",
                "dealmaker": "rw own-deals contacts status",
                "counsel": "rw any-deal contacts status",
                "auditor": "r contacts",
                "viewer": "r",
                "professional": "r own contacts status",
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint("POST", _ALL, "create_route", _WRITE, "Send a document", 201, _ONE, errors=("not-found", "conflict")),
        Endpoint("GET", _ALL, "list_routes", _READ, "List routes, newest first"),
        Endpoint("POST", f"{_ALL}/bulk", "send_to_many", _BULK, "Send a document to up to 100", errors=("not-found", "conflict")),
        Endpoint("GET", f"{_ALL}/by-deal/{{deal_id}}", "list_deal_routes", _READ, "List a deal's routes, newest first"),
        Endpoint(
            "GET",
            f"{_ALL}/by-professional/{{professional_id}}",
            "list_professional_routes",
            _READ,
            "List the routes to a professional, newest first",
        ),
        Endpoint("GET", f"{_ALL}/by-contract/{{contract_id}}", "list_contract_routes", _READ, "List a contract's routes, newest first"),
        Endpoint("GET", _ONE, "get_route", _READ, "Read a route", composite=True),
        Endpoint("DELETE", _ONE, "delete_route", _WRITE, "Delete a route", status=204, errors=("conflict",)),
        Endpoint(
            "PATCH",
            f"{_ONE}/status",
            "move_route",
            _STATUS,
            "Open, acknowledge, recall a route, or send it again",
            composite=True,
            errors=("conflict", "invalid-transition", "precondition-failed"),
        ),
        Endpoint(
            "POST",
            f"{_ONE}/remind",
            "remind_route",
            _WRITE,
            "Remind who has the document",
            composite=True,
            errors=("conflict", "precondition-failed", "rate-limited"),
        ),
        Endpoint("GET", _LINK, "show_document", PUBLIC, "What a link is about", formats=_HTML, errors=("not-found",)),
        Endpoint(
            "POST",
            f"{_LINK}/open",
            "open_document",
            PUBLIC,
            "Open the document of a link",
            formats=_HTML,
            idempotent=False,
            errors=("not-found", "conflict"),
        ),
        Endpoint(
            "POST",
            f"{_LINK}/acknowledge",
            "acknowledge_document",
            PUBLIC,
            "Acknowledge the document of a link",
            formats=_HTML,
            idempotent=False,
            forms=True,
            errors=("not-found", "conflict"),
        ),
    ),
    schedules=(
        Schedule(
            "documents-reminders",
            _EACH_MORNING,
            f"{__name__}.schedules.reminders",
            "Reminds people of documents, and tells of those that stay unanswered or are overdue",
            writes=("deal", "LINK", "MAIL"),
        ),
    ),
    subjects=(SubjectEntry("route", "doc", f"{__name__}.subjects.ROUTE"),),
    settings=DocumentsSettings,
    entities={"route": f"{__name__}.entities.Route"},
    rows=(f"{__name__}.entities.RouteVisits",),
    cancels={"deal": f"{__name__}.public.cancel_with_deal"},
    facts={"documents": f"{__name__}.public.documents"},
    mail_events={"doc": f"{__name__}.service.bounces.mail_failed"},
    held=f"{__name__}.held.held_routes",
    holders={
        "deal": f"{__name__}.subjects.holders_of_deal",
        "contract": f"{__name__}.subjects.holders_of_contract",
        "professional": f"{__name__}.subjects.holders_of_professional",
    },
)
