"""The rules: one small function each, pure, over what was read of a deal. A scan keeps what they find; finalization asks them anew."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from chalicelib.packs.deals.public import FINALIZED, LIVE
from chalicelib.packs.findings.rules.facts import Part, ScanFacts, Thing, as_day
from chalicelib.packs.findings.rules.issues import CRITICAL, WARNING, Cause, Issue, Rule

STALE_AFTER = timedelta(days=30)

_UNFINISHED_TASKS = ("open", "in_progress", "blocked")
_LIVE_ASSIGNMENTS = ("offered", "assigned")
STALE_HASH = "stale_hash"  # of a document: its contract has another one since
_UNANSWERED_ROUTES = ("sent", "opened", "bounced")
MISSING_SIGNED_CONTRACT, _CHAIN_BROKEN, _SELF_APPROVAL = "MISSING_SIGNED_CONTRACT", "CHAIN_BROKEN", "SELF_APPROVAL"


P = TypeVar("P", bound=Part)

# -- contracts


def signed_contracts(facts: ScanFacts) -> list[Thing]:
    """The contracts that are signed and in force; of a finalized deal those that were signed, since terms end after it, too."""
    is_over = facts.deal.facts["status"] == FINALIZED
    return [one for one in facts.of_type("contract") if one.facts["status"] == "signed" and (is_over or one.facts["in_force"])]


def _missing_signed_contract(facts: ScanFacts, _: date) -> Iterator[Cause]:
    if not signed_contracts(facts):
        yield _of_deal(facts, "Deal has no signed contract.")


def _contract_expired(facts: ScanFacts, today: date) -> Iterator[Cause]:
    for contract in facts.of_type("contract"):
        ended_on = as_day(contract.facts.get("ended_on"))
        if contract.facts["status"] == "signed" and ended_on is not None and ended_on < today:
            yield _of(contract, f"The term of the contract has ended on {ended_on}.", ended_on.isoformat())


def _self_approval(facts: ScanFacts, _: date) -> Iterator[Cause]:
    for contract in facts.of_type("contract"):
        if contract.facts.get("self_approved"):
            yield _of(contract, "Two of drafting, approving and attesting the contract were done by the same person.")


# -- documents, tasks, items


def unacknowledged_routes(facts: ScanFacts) -> list[Thing]:
    """The routes whose document isn't acknowledged as it is now."""
    return [route for route, _ in unacknowledged(facts.of_type("contract"), facts.of_type("route"))]


def unacknowledged(contracts: Iterable[P], routes: Iterable[P]) -> list[tuple[P, str]]:
    """The routes whose document isn't acknowledged as it is now, and why: their status, or `stale_hash` (domain rule D26).

    Those that were recalled are left out; so is one whose contract has another document since, where the same addressee has acknowledged that,
    and what is of an archived contract.
    """
    routes = list(routes)
    current = {one.id: one.facts.get("document_sha256") for one in contracts if one.facts["status"] != "archived"}
    acknowledged = [route for route in routes if route.facts["status"] == "acknowledged"]
    stale = {route.id for route in acknowledged if route.facts.get("contract_id") in current and not _is_current(route.facts, current)}
    renewed = {_for_whom(route.facts) for route in acknowledged if route.id not in stale and route.facts.get("addressed_to")}
    found = [(route, route.facts["status"]) for route in routes if route.facts["status"] in _UNANSWERED_ROUTES]
    return found + [(route, STALE_HASH) for route in acknowledged if route.id in stale and _for_whom(route.facts) not in renewed]


def _is_current(route: Mapping[str, Any], current: Mapping[str, str | None]) -> bool:
    return bool(current[str(route["contract_id"])] == route.get("document_sha256"))


def _for_whom(route: Mapping[str, Any]) -> tuple[object, ...]:
    """What a document is of, what it is, and whom it was sent to."""
    return route.get("contract_id"), route.get("document_type"), route.get("addressed_to")


def unfinished_tasks(facts: ScanFacts) -> list[Thing]:
    """The tasks that there is still work on. Those that were cancelled are left out (domain rule D28)."""
    return [task for task in facts.of_type("task") if task.facts["status"] in _UNFINISHED_TASKS]


def _docs_not_acknowledged(facts: ScanFacts, _: date) -> Iterator[Cause]:
    if unacknowledged_routes(facts):
        yield _of_deal(facts, "Not all routed documents are acknowledged.")


def _open_professional_tasks(facts: ScanFacts, _: date) -> Iterator[Cause]:
    if unfinished_tasks(facts):
        yield _of_deal(facts, "One or more professional tasks are still open.")


def _task_overdue(facts: ScanFacts, today: date) -> Iterator[Cause]:
    for task in unfinished_tasks(facts):
        if (due_on := as_day(task.facts["due_on"])) is not None and due_on < today:
            yield _of(task, f"The task was due on {due_on}.", due_on.isoformat(), professional_id=task.facts["professional_id"])


def _item_overdue(facts: ScanFacts, today: date) -> Iterator[Cause]:
    for item in facts.of_type("item"):
        due_on = as_day(item.facts.get("due_on"))
        if item.facts["status"] == "open" and due_on is not None and due_on < today:
            yield _of(item, f"The item was due on {due_on}.", due_on.isoformat())


# -- the deal, and what it touches


def _stale_deal(facts: ScanFacts, today: date) -> Iterator[Cause]:
    if today - facts.active_on >= STALE_AFTER:
        yield _of_deal(facts, f"Nobody has done anything on the deal since {facts.active_on}.", facts.active_on.isoformat())


def _retainer_overrun(facts: ScanFacts, _: date) -> Iterator[Cause]:
    for retainer in facts.overrun_retainers:
        message = "More hours were used on the retainer than are available."
        yield Cause("retainer", retainer.id, message, professional_id=retainer.professional_id)


def _license_expired(facts: ScanFacts, today: date) -> Iterator[Cause]:
    for professional in facts.professionals:
        latest = professional.facts["licensed_until"]
        if expired := sorted(f"{place} {day}" for place, day in latest.items() if date.fromisoformat(day) < today):
            yield _of(professional, "A licence of the professional has expired.", *expired, professional_id=professional.id)


def _assignment_below_contract(facts: ScanFacts, _: date) -> Iterator[Cause]:
    if facts.pipeline is None or facts.pipeline.facts["value"] is None:
        return
    contract_price = Decimal(facts.pipeline.facts["value"])
    for assignment in facts.assignments:
        price = assignment.facts["value"]
        if assignment.facts["status"] in _LIVE_ASSIGNMENTS and price is not None and price < contract_price:
            currency = assignment.facts["currency"]
            message = f"The assignment is below the contract price: {_plain(price)} of {_plain(contract_price)} {currency}."
            yield _of(assignment, message, _plain(price), _plain(contract_price))


# -- finalization, the trail


def _unapproved_finalization(facts: ScanFacts, _: date) -> Iterator[Cause]:
    decisions = {decision.id: decision.facts for decision in facts.of_type("decision")}
    for certificate in facts.of_type("certificate"):
        named = certificate.facts["decisions"]
        is_met = certificate.facts["policies_met"] and all(_is_as_made(one, decisions.get(one["id"])) for one in named)
        if not is_met and not certificate.facts["superseded"]:
            yield _of(certificate, "The decisions that the certificate names don't meet the policies that it names.")


def _is_as_made(named: Mapping[str, Any], decision: Mapping[str, Any] | None) -> bool:
    """Whether a decision that a certificate names is there, and is what the certificate says."""
    return decision is not None and all(decision[name] == named[name] for name in ("action", "role", "requested_action"))


def _chain_broken(facts: ScanFacts, _: date) -> Iterator[Cause]:
    """What a verification has found stands until another one has found the whole chain sound: nothing that is read here could tell."""
    yield from (Cause(one.subject_type, one.subject_id, one.message) for one in facts.standing if one.code == _CHAIN_BROKEN)


_EVER = (*LIVE, FINALIZED)

RULES: tuple[Rule, ...] = (
    Rule(MISSING_SIGNED_CONTRACT, CRITICAL, "A deal has a contract that is signed and in force.", _missing_signed_contract, _EVER),
    Rule(
        "UNAPPROVED_FINALIZATION",
        CRITICAL,
        "The decisions that a certificate of finalization names meet the policies that it names.",
        _unapproved_finalization,
        _EVER,
    ),
    Rule(_CHAIN_BROKEN, CRITICAL, "The chain of records of every entity is whole.", _chain_broken, (*_EVER, "cancelled")),
    Rule("DOCS_NOT_ACKNOWLEDGED", WARNING, "Each document that was sent is acknowledged as it is now.", _docs_not_acknowledged, LIVE),
    Rule("OPEN_PROFESSIONAL_TASKS", WARNING, "No task of a professional is open.", _open_professional_tasks, LIVE),
    Rule("STALE_DEAL", WARNING, "Somebody has done something on a deal within 30 days.", _stale_deal, LIVE),
    Rule("CONTRACT_EXPIRED", WARNING, "No signed contract of an open deal has come to the end of its term.", _contract_expired, LIVE),
    Rule("TASK_OVERDUE", WARNING, "No unfinished task is past its day.", _task_overdue, LIVE),
    Rule("ITEM_OVERDUE", WARNING, "No open item of finalization is past its day.", _item_overdue, LIVE),
    Rule("RETAINER_OVERRUN", WARNING, "No more is used on a professional's retainer than is available.", _retainer_overrun, LIVE),
    Rule("LICENSE_EXPIRED", WARNING, "The licences of the deal's professionals hold.", _license_expired, LIVE),
    Rule("ASSIGNMENT_BELOW_CONTRACT", WARNING, "No live assignment is below the contract price.", _assignment_below_contract, LIVE),
    Rule(_SELF_APPROVAL, WARNING, "Nobody approves, attests or grants what is their own.", _self_approval, _EVER),
)
BY_CODE = {rule.code: rule for rule in RULES}
OBSERVED = (_CHAIN_BROKEN,)  # what scans keep as it is: whoever verifies a chain raises it and ends it


def live_issues(facts: ScanFacts, today: date) -> list[Issue]:
    """All that the rules find, in their order."""
    return [issue for rule in RULES for issue in rule.issues(facts, today)]


def _of(thing: Thing, message: str, *particulars: str | None, professional_id: str | None = None) -> Cause:
    return Cause(thing.type, thing.id, message, particulars, professional_id)


def _of_deal(facts: ScanFacts, message: str, *particulars: str) -> Cause:
    return Cause("deal", facts.deal.id, message, particulars)


def _plain(amount: Decimal) -> str:
    return format(Decimal(amount).normalize(), "f")
