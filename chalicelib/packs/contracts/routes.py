"""The endpoints of contracts are its use cases; their docstrings describe them in the API's document."""

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

__all__ = [
    "create_contract", "delete_contract", "edit_contract", "get_contract", "list_contracts", "list_contracts_by_status", "list_deal_contracts",
    "list_versions",
]  # fmt: skip
