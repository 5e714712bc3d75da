"""The endpoints of contracts are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.contracts.service.certificates import read_certificate
from chalicelib.packs.contracts.service.contracts import (
    create_contract,
    delete_contract,
    edit_contract,
    get_contract,
    list_contracts,
    list_contracts_by_status,
    list_deal_contracts,
    list_versions,
)
from chalicelib.packs.contracts.service.documents import delete_document, read_document, request_upload
from chalicelib.packs.contracts.service.moves import archive_contract, move_contract
from chalicelib.packs.contracts.service.public_links import (
    decline_contract_link,
    open_contract_copy,
    open_contract_link,
    show_contract_copy,
    show_contract_link,
    sign_contract_link,
)
from chalicelib.packs.contracts.service.signing import create_signature
from chalicelib.packs.contracts.service.templates import (
    create_contract_from_template,
    create_template,
    delete_template,
    edit_template,
    get_template,
    list_templates,
)

__all__ = [
    "archive_contract", "create_contract", "create_contract_from_template", "create_signature", "create_template", "decline_contract_link",
    "delete_contract", "delete_document", "delete_template", "edit_contract", "edit_template", "get_contract", "get_template",
    "list_contracts", "list_contracts_by_status", "list_deal_contracts", "list_templates", "list_versions", "move_contract",
    "open_contract_copy", "open_contract_link", "read_certificate", "read_document", "request_upload", "show_contract_copy",
    "show_contract_link", "sign_contract_link",
]  # fmt: skip
