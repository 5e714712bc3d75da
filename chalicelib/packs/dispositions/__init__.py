"""Y, dispositions: buyers, and the assignment of contracts to them."""

from chalicelib.foundation.manifest import PUBLIC, Endpoint, Pack, PermissionRow, Projection, Schedule, SubjectEntry
from chalicelib.packs.dispositions.settings import DispositionsSettings

_READ, _WRITE, _CLOSE, _BULK = "dispositions:read", "dispositions:write", "dispositions:close", "dispositions:bulk"
_TRANSITION_ERRORS = ("conflict", "invalid-transition")
_ACTION_ERRORS = (*_TRANSITION_ERRORS, "precondition-failed")
_OFFER_ERRORS = ("not-found", *_TRANSITION_ERRORS)
_ASSIGNMENT, _BY_PIPELINE = "/dispo/assignments/{id}", "/dispo/assignments/by-pipeline/{pipeline_id}"
_HTML = "text/html"
_EACH_QUARTER = "cron(0/15 * * * ? *)"
_EACH_MORNING = "cron(0 13 * * ? *)"  # before the working day on the American west coast; cron expressions are in UTC

PACK = Pack(
    letter="Y",
    name="dispositions",
    title="Disposition engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "dispositions",
            {
                "admin": "rwa any-owner bulk close override contacts",
                "operator": "rw any-owner bulk close override contacts",
                "dealmaker": "rw contacts",
                "counsel": "r contacts",
                "auditor": "r contacts",
                "viewer": "r",
            },
            governed=True,
        ),
    ),
    settings=DispositionsSettings,
    endpoints=(
        Endpoint("POST", "/dispo/buyers", "create_buyer", _WRITE, "Add a buyer", status=201, location="/dispo/buyers/{id}"),
        Endpoint("GET", "/dispo/buyers", "list_buyers", _READ, "List buyers; search by name or email, or by market"),
        Endpoint("GET", "/dispo/buyers/{id}", "get_buyer", _READ, "Read a buyer with its record", composite=True),
        Endpoint("PATCH", "/dispo/buyers/{id}", "edit_buyer", _WRITE, "Change a buyer", composite=True, errors=("conflict",)),
        Endpoint("DELETE", "/dispo/buyers/{id}", "delete_buyer", _WRITE, "Delete a buyer", status=204, errors=("conflict",)),
        Endpoint("GET", "/dispo/buyers/{id}/assignments", "list_buyer_assignments", _READ, "List a buyer's assignments, newest first"),
        Endpoint("GET", "/dispo/buyers/{id}/stats", "read_buyer_stats", _READ, "Read a buyer's record"),
        Endpoint("GET", "/dispo/buyers/{id}/matches", "list_buyer_matches", _READ, "Find the pipelines that suit a buyer"),
        Endpoint(
            "POST", "/dispo/assignments", "create_assignment", _WRITE, "Offer a pipeline to a buyer", 201, _ASSIGNMENT, errors=_OFFER_ERRORS
        ),
        Endpoint("GET", _BY_PIPELINE, "list_pipeline_assignments", _READ, "List a pipeline's assignments, newest first"),
        Endpoint("GET", _ASSIGNMENT, "get_assignment", _READ, "Read an assignment", composite=True),
        Endpoint("PATCH", _ASSIGNMENT, "edit_assignment", _WRITE, "Change an assignment", composite=True, errors=_TRANSITION_ERRORS),
        Endpoint("POST", "/dispo/assignments/{id}/assign", "assign", _WRITE, "Assign the contract to the buyer", errors=_ACTION_ERRORS),
        Endpoint("POST", "/dispo/assignments/{id}/close", "close", _CLOSE, "Close an assignment and its pipeline", errors=_ACTION_ERRORS),
        Endpoint("POST", "/dispo/assignments/{id}/fallout", "fall_out", _WRITE, "Let an assignment fall out", errors=_ACTION_ERRORS),
        Endpoint("GET", "/dispo/pipelines/{id}/matches", "list_pipeline_matches", _READ, "Find the buyers that a pipeline suits"),
        Endpoint("POST", "/dispo/pipelines/{id}/offers", "make_offers", _BULK, "Offer a pipeline to several buyers", errors=("conflict",)),
        Endpoint("GET", "/dispo/summary", "read_summary", _READ, "Read the summary of fees and rates"),
        Endpoint("GET", "/dispo/opt-out/{token}", "show_opt_out", PUBLIC, "The page to opt out of offers", content_type=_HTML),
        Endpoint("POST", "/dispo/opt-out/{token}", "opt_out_of_offers", PUBLIC, "Opt out of offers", content_type=_HTML, idempotent=False),
    ),
    schedules=(
        Schedule(
            "dispositions-offers",
            _EACH_QUARTER,
            f"{__name__}.schedules.offers",
            "Closes out offers that have expired or whose contract has ended",
        ),
        Schedule(
            "dispositions-proofs-of-funds",
            _EACH_MORNING,
            f"{__name__}.schedules.proofs_of_funds",
            "Notifies of proofs of funds that expire within 14 days",
        ),
        Schedule(
            "dispositions-buyer-records",
            _EACH_QUARTER,
            f"{__name__}.schedules.buyer_records",
            "Copies the records of buyers that changed to their markets, where matching reads them",
        ),
    ),
    projections=(Projection("assignment", f"{__name__}.projections.contribute", writes=("DISPO", "buyer"), tracked=True),),
    subjects=(
        SubjectEntry("buyer", "buyer", f"{__name__}.subjects.BUYER"),
        SubjectEntry("assignment", "asgn", f"{__name__}.subjects.ASSIGNMENT"),
    ),
    entities={"buyer": f"{__name__}.entities.Buyer", "assignment": f"{__name__}.entities.Assignment"},
    rows=(f"{__name__}.entities.BuyerMarket", f"{__name__}.entities.BuyerCounter", f"{__name__}.entities.OfferRoster"),
    key_prefixes=("DISPO", "MKT"),
    holders={"pipeline": f"{__name__}.subjects.holders_of_pipeline", "buyer": f"{__name__}.subjects.holders_of_buyer"},
)
