"""The endpoints of findings are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.findings.service.findings import (
    accept_finding,
    acknowledge_finding,
    get_finding,
    list_deal_findings,
    list_open_findings,
    list_rules,
    resolve_finding,
)
from chalicelib.packs.findings.service.scanning import scan_deal
from chalicelib.packs.findings.service.summary import read_summary

__all__ = [
    "accept_finding", "acknowledge_finding", "get_finding", "list_deal_findings", "list_open_findings", "list_rules", "read_summary",
    "resolve_finding", "scan_deal",
]  # fmt: skip
