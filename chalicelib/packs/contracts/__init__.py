"""N, contracts: from draft through approval and signature to their end, with evidence that stands up."""

from chalicelib.foundation.manifest import PUBLIC, Endpoint, FileFolder, Pack, PermissionRow, Schedule, SubjectEntry

_READ, _WRITE, _TEMPLATES = "contracts:read", "contracts:write", "contracts:templates"
_ALL, _ONE = "/contracts/lifecycle", "/contracts/lifecycle/{id}"
_DOCUMENT = f"{_ONE}/document"
_TEMPLATE, _TEMPLATES_PATH = "/contracts/templates/{id}", "/contracts/templates"
_LINK, _COPY = "/s/{token}", "/s/copies/{token}"
_HTML, _PDF = "text/html", "application/pdf"
_EACH_MORNING = "cron(0 13 * * ? *)"  # before the working day on the American west coast; cron expressions are in UTC
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
        Endpoint("PATCH", f"{_ONE}/status", "move_contract", _WRITE, "Move a contract", composite=True, errors=_MOVE_ERRORS),
        Endpoint("POST", f"{_ONE}/archive", "archive_contract", _WRITE, "Archive a contract", composite=True, errors=_MOVE_ERRORS),
        Endpoint(
            "POST",
            _DOCUMENT,
            "request_upload",
            _WRITE,
            "Ask where to upload the document of a draft",
            201,
            "/contracts/lifecycle/{id}/document",
            errors=_CONFLICT,
        ),
        Endpoint("GET", _DOCUMENT, "read_document", _READ, "Ask where the document is read"),
        Endpoint("DELETE", _DOCUMENT, "delete_document", _WRITE, "Take its document from a draft", status=204, errors=_CONFLICT),
        Endpoint(
            "POST",
            f"{_ONE}/signatures",
            "create_signature",
            _READ,
            "Sign as a party, or attest that one has signed by hand",
            201,
            "/contracts/lifecycle/{contract_id}",
            errors=_MOVE_ERRORS,
        ),
        Endpoint(
            "GET",
            f"{_ONE}/certificate",
            "read_certificate",
            _READ,
            "Read the certificate of a signed contract as JSON, HTML or PDF",
            formats=(_HTML, _PDF),
        ),
        Endpoint(
            "POST",
            f"{_ALL}/from-template",
            "create_contract_from_template",
            _WRITE,
            "Draft a contract from a template",
            201,
            _ONE,
            composite=True,
            errors=("not-found", *_CONFLICT),
        ),
        Endpoint("POST", _TEMPLATES_PATH, "create_template", _TEMPLATES, "Create a template", 201, _TEMPLATE),
        Endpoint("GET", _TEMPLATES_PATH, "list_templates", _READ, "List templates, newest first"),
        Endpoint("GET", _TEMPLATE, "get_template", _READ, "Read a template"),
        Endpoint("PATCH", _TEMPLATE, "edit_template", _TEMPLATES, "Change a template"),
        Endpoint("DELETE", _TEMPLATE, "delete_template", _TEMPLATES, "Delete a template", status=204),
        Endpoint("GET", _LINK, "show_contract_link", PUBLIC, "See what is to be signed", formats=(_HTML,)),
        Endpoint(
            "POST",
            _LINK,
            "sign_contract_link",
            PUBLIC,
            "Sign by a link",
            formats=(_HTML,),
            forms=True,
            idempotent=False,
            errors=_CONFLICT,
        ),
        Endpoint(
            "POST",
            f"{_LINK}/open",
            "open_contract_link",
            PUBLIC,
            "Open the document that is to be signed",
            formats=(_HTML,),
            forms=True,
            idempotent=False,
        ),
        Endpoint(
            "POST",
            f"{_LINK}/decline",
            "decline_contract_link",
            PUBLIC,
            "Decline by a link",
            formats=(_HTML,),
            forms=True,
            idempotent=False,
            errors=_CONFLICT,
        ),
        Endpoint("GET", _COPY, "show_contract_copy", PUBLIC, "See a copy of what was signed, or its certificate", formats=(_HTML, _PDF)),
        Endpoint(
            "POST",
            f"{_COPY}/open",
            "open_contract_copy",
            PUBLIC,
            "Open the document that was signed",
            formats=(_HTML,),
            forms=True,
            idempotent=False,
        ),
        Endpoint("GET", f"{_ONE}/versions", "list_versions", _READ, "List a contract's versions, newest first"),
    ),
    schedules=(
        Schedule("contracts-terms", _EACH_MORNING, f"{__name__}.schedules.terms", "Expires contracts, and tells of their deadlines"),
    ),
    subjects=(SubjectEntry("contract", "ctr", f"{__name__}.subjects.CONTRACT"),),
    entities={
        "contract": f"{__name__}.entities.Contract",
        "contract-signature": f"{__name__}.entities.Signature",
        "contract-template": f"{__name__}.entities.ContractTemplate",
    },
    rows=(f"{__name__}.entities.ContractVersion",),
    probe=f"{__name__}.service.documents.probe",
    mail_events={"ctr": f"{__name__}.service.notifications.report_mail_event"},
    files=(FileFolder("contracts"),),
    cancels={"deal": f"{__name__}.public.refuse_with_deal"},
    facts={"contracts": f"{__name__}.public.contracts_of_deal"},
    held=f"{__name__}.held.held_contracts",
    holders={"deal": f"{__name__}.subjects.holders_of_deal", "professional": f"{__name__}.subjects.holders_of_professional"},
)
