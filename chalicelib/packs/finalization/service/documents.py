"""A certificate as a document that a person hands over."""

from collections.abc import Sequence

from chalicelib.foundation.printing.document import Block, Document, Grid, Pairs, Prose, Section, Tone
from chalicelib.foundation.printing.texts import NONE, instant_text, money_text
from chalicelib.packs.finalization.schemas import FinalizationCertificateView

# The checklist in words.
_CHECKED = {
    "has_signed_contract": "A contract is signed and in force",
    "no_unsigned_contracts": "No contract is still to be signed",
    "all_required_docs_acknowledged": "All documents that were sent are acknowledged",
    "all_professional_tasks_done": "All tasks of professionals are done",
    "no_open_critical_finding": "No critical finding is open",
    "no_governance_denial_or_flag": "Governance has neither denied nor flagged it",
    "items_settled": "All items are settled",
    "approvals": "All approvals that policies ask for are there",
}
_BASES = {"value": "as given", "contract_price": "the contract price of the pipeline"}
_SHORT = 16  # characters of a digest in a table


def describe(certificate: FinalizationCertificateView, zone: str) -> Document:
    """The document of a certificate. Its instants are those of the time zone `zone`."""
    deal, superseded = certificate["deal"], certificate["superseded"]
    badges: list[tuple[str, Tone]] = [("Superseded", "watch")] if superseded else [("Finalized", "calm")]
    return Document(
        kicker=f"Certificate of finalization No. {certificate['number']}",
        title=deal["title"],
        badges=[*badges, (deal["kind"].capitalize(), "plain")],
        head=Pairs(_head(certificate, zone)),
        sections=[
            Section(
                "What was checked", [Grid(("", "Holds"), (82, 18), [[words, _holds(certificate, key)] for key, words in _CHECKED.items()])]
            ),
            Section("Approvals", _approvals(certificate)),
            Section("Contracts", [_parts(certificate["contracts"])]),
            Section("Documents", [_parts(certificate["routes"])]),
            Section("Tasks", [_parts(certificate["tasks"])]),
            Section("Items", [_parts(certificate["items"])]),
        ],
        small_print=[
            "The digest is the SHA-256 of the RFC 8785 form of this certificate's JSON, but for content_hash and superseded.",
            f"Certificate {certificate['id']}",
            f"Deal {deal['id']}",
            f"SHA-256 {certificate['content_hash']}",
        ],
        running=f"Certificate of finalization No. {certificate['number']} · {deal['title']}",
        author=certificate["finalized_by"],
    )


def _head(certificate: FinalizationCertificateView, zone: str) -> list[tuple[str, str]]:
    value, superseded = certificate["effective_value"], certificate["superseded"]
    worth = NONE if value is None else f"{money_text(value['amount'], value['currency'])}, {_BASES[value['basis']]}"
    rows = [
        ("Finalized", instant_text(certificate["finalized_at"], zone)),
        ("By", certificate["finalized_by"]),
        ("Value", worth),
        ("Policies", f"version {certificate['policy_version']}"),
    ]
    if superseded:
        rows += [("Reopened", instant_text(superseded["at"], zone)), ("By", superseded["by"]), ("By decision", superseded["decision_id"])]
    return rows


def _holds(certificate: FinalizationCertificateView, key: str) -> str:
    return "yes" if certificate["checklist"][key] else "no"  # type: ignore[literal-required]


def _approvals(certificate: FinalizationCertificateView) -> list[Block]:
    asked = [
        (f"{policy['people']} of {', '.join(policy['roles'])}", _threshold(policy["above"], policy["currency"]))
        for policy in certificate["approvals"]
    ]
    decisions = [[one["action"], one["requested_action"], one["role"], one["person"], one["id"]] for one in certificate["decisions"]]
    blocks: list[Block] = [Pairs(asked)] if asked else [Prose("No policy asked for any.", quiet=True)]
    if decisions:
        blocks.append(Grid(("Decision", "On", "As", "By", "Id"), (12, 12, 12, 24, 40), decisions))
    return blocks


def _threshold(above: object, currency: str | None) -> str:
    return "of every deal" if above is None else f"of deals above {money_text(above, currency or '')}"  # type: ignore[arg-type]


def _parts(parts: Sequence[object]) -> Block:
    rows = [[one["title"], one["status"].replace("_", " "), one["content_hash"][:_SHORT]] for one in parts]  # type: ignore[index]
    return Grid(("What", "Status", "Digest"), (62, 16, 22), rows) if rows else Prose("None.", quiet=True)
