"""The cost of each operation in round trips, read units and write units: of the request, the trail and the projections."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bench import environments, harness
from bench.environments import BenchEnvironment
from bench.warm import LEAD
from chalicelib.foundation.json_codec import dumps
from tests.callers import sign_in_as

Operation = Callable[[BenchEnvironment, dict[str, str]], Any]


def _key() -> dict[str, str]:
    return {"Idempotency-Key": os.urandom(8).hex()}


BUYER = {
    "name": "Cedar Homes",
    "email": "offers@cedar.example.com",
    "buy_box": {"markets": ["981*"], "price_min": 50000, "price_max": 400000, "bedrooms_min": 2},
    "proof_of_funds": {"amount": 400000, "issued_on": "2026-11-20", "expires_on": "2027-11-20"},
}
HOUSE_AND_PHONE = {
    "property": {"address": {"line1": "77 Pine St", "city": "Seattle", "region": "WA", "postal_code": "98103"}},
    "seller": {"name": "Ada Example", "phone": "(206) 555-0100"},
}
HOLDING = {
    "asset_type": "property",
    "label": "Lake house",
    "jurisdiction": "US-WA",
    "entity_id": "llc-1",
    "value_estimate": 500000,
    "currency": "USD",
    "liability": 300000,
    "ownership_pct": 50,
    "acquired_on": "2026-10-01",
    "cost_basis": 450000,
}


def _offer(env: BenchEnvironment, ids: dict[str, str], buyer: str) -> str:
    body = {"pipeline_id": ids["contract"], "buyer_id": buyer, "assignment_price": 131000}
    return str(env.call("POST", "/dispo/assignments", body, **_key())["id"])


# In this order, each on the result of those before. `ids` collects the ids of created records.
WHOLESALE: list[tuple[str, Operation]] = [
    ("create", lambda env, ids: ids.update(id=env.call("POST", "/wholesale", LEAD, **_key())["id"])),
    ("create, replayed", lambda env, _: env.call("POST", "/wholesale", LEAD, **replayed_key(env))),
    ("read, with 20 activities", lambda env, ids: env.call("GET", f"/wholesale/{ids['busy']}")),
    ("edit of notes", lambda env, ids: env.call("PATCH", f"/wholesale/{ids['id']}", {"notes": "Called again."})),
    ("edit of a price", lambda env, ids: env.call("PATCH", f"/wholesale/{ids['id']}", {"asking_price": 228000})),
    ("activity", lambda env, ids: env.call("POST", f"/wholesale/{ids['id']}/activities", {"event_type": "call"}, **_key())),
    ("list activities", lambda env, ids: env.call("GET", f"/wholesale/{ids['busy']}/activities")),
    (
        "stage: offer",
        lambda env, ids: env.call("POST", f"/wholesale/{ids['id']}/stage", {"stage": "offer_made", "price": 120000}, **_key()),
    ),
    (
        "stage: contract",
        lambda env, ids: env.call("POST", f"/wholesale/{ids['id']}/stage", {"stage": "under_contract", "price": 118000}, **_key()),
    ),
    ("history", lambda env, ids: env.call("GET", f"/wholesale/{ids['id']}/history")),
    ("list of 50, one stage", lambda env, _: env.call("GET", "/wholesale", query={"stage": "lead"})),
    ("list of 50, all stages", lambda env, _: env.call("GET", "/wholesale")),
    ("list of 50, a market", lambda env, _: env.call("GET", "/wholesale", query={"market": "98103"})),
    ("list of 50, a market and a stage", lambda env, _: env.call("GET", "/wholesale", query={"market": "98103", "stage": "lead"})),
    ("list of 50, an owner and a stage", lambda env, _: env.call("GET", "/wholesale", query={"owner": "me", "stage": "lead"})),
    ("next actions", lambda env, _: env.call("GET", "/wholesale/next-actions")),
    ("create, with house and phone", lambda env, _: env.call("POST", "/wholesale", {**LEAD, **HOUSE_AND_PHONE}, **_key())),
    ("edit of the phone", lambda env, ids: env.call("PATCH", f"/wholesale/{ids['id']}", {"seller": {"phone": "+12065550142"}})),
    ("bulk of 10", lambda env, _: env.call("POST", "/wholesale/bulk", {"items": [LEAD] * 10}, **_key())),
    (
        "calculate",
        lambda env, _: env.call(
            "POST", "/wholesale/calculate", {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000}
        ),
    ),
    ("board", lambda env, _: env.call("GET", "/wholesale/board")),
    ("funnel", lambda env, _: env.call("GET", "/wholesale/funnel")),
    ("stale", lambda env, _: env.call("GET", "/wholesale/stale")),
    ("delete", lambda env, ids: env.call("DELETE", f"/wholesale/{ids['id']}")),
]

DISPOSITIONS: list[tuple[str, Operation]] = [
    ("add a buyer", lambda env, ids: ids.update(buyer=env.call("POST", "/dispo/buyers", BUYER, **_key())["id"])),
    ("read a buyer", lambda env, ids: env.call("GET", f"/dispo/buyers/{ids['buyer']}")),
    ("edit a buyer's notes", lambda env, ids: env.call("PATCH", f"/dispo/buyers/{ids['buyer']}", {"notes": "Pays on time."})),
    ("list buyers", lambda env, _: env.call("GET", "/dispo/buyers")),
    ("matches of a pipeline", lambda env, ids: env.call("GET", f"/dispo/pipelines/{ids['contract']}/matches")),
    ("matches of a buyer", lambda env, ids: env.call("GET", f"/dispo/buyers/{ids['buyer']}/matches")),
    ("offer", lambda env, ids: ids.update(offer=_offer(env, ids, ids["buyer"]))),
    ("assign", lambda env, ids: env.call("POST", f"/dispo/assignments/{ids['offer']}/assign", {}, **_key())),
    ("read an assignment", lambda env, ids: env.call("GET", f"/dispo/assignments/{ids['offer']}")),
    (
        "fall out",
        lambda env, ids: env.call(
            "POST", f"/dispo/assignments/{ids['offer']}/fallout", {"reason": "financing", "earnest_money_outcome": "none"}, **_key()
        ),
    ),
    ("offer again", lambda env, ids: ids.update(offer=_offer(env, ids, ids["buyer"]))),
    ("assign again", lambda env, ids: env.call("POST", f"/dispo/assignments/{ids['offer']}/assign", {}, **_key())),
    ("close", lambda env, ids: env.call("POST", f"/dispo/assignments/{ids['offer']}/close", {}, **_key())),
    ("a buyer's assignments", lambda env, ids: env.call("GET", f"/dispo/buyers/{ids['buyer']}/assignments")),
    ("a pipeline's assignments", lambda env, ids: env.call("GET", f"/dispo/assignments/by-pipeline/{ids['contract']}")),
    ("dispositions summary", lambda env, _: env.call("GET", "/dispo/summary")),
]

HOLDINGS: list[tuple[str, Operation]] = [
    ("enter a holding", lambda env, ids: ids.update(holding=env.call("POST", "/holdings", HOLDING, **_key())["id"])),
    ("read a holding", lambda env, ids: env.call("GET", f"/holdings/{ids['holding']}")),
    ("edit its notes", lambda env, ids: env.call("PATCH", f"/holdings/{ids['holding']}", {"notes": "Roof renewed."})),
    ("change its value", lambda env, ids: env.call("PATCH", f"/holdings/{ids['holding']}", {"value_estimate": 520000})),
    (
        "valuation",
        lambda env, ids: env.call("POST", f"/holdings/{ids['holding']}/valuations", {"value": 525000, "method": "appraisal"}, **_key()),
    ),
    (
        "flow",
        lambda env, ids: env.call(
            "POST", f"/holdings/{ids['holding']}/flows", {"amount": 10000, "on": "2026-11-20", "kind": "contribution"}, **_key()
        ),
    ),
    ("list holdings", lambda env, _: env.call("GET", "/holdings")),
    ("enter rates", lambda env, _: env.call("PUT", "/holdings/fx-rates", {"base": "EUR", "date": "2026-11-20", "rates": {"USD": 1.1172}})),
    ("read rates", lambda env, _: env.call("GET", "/holdings/fx-rates", query={"base": "EUR", "date": "2026-11-20"})),
    ("summary", lambda env, _: env.call("GET", "/holdings/summary")),
    ("summary of a past day", lambda env, _: env.call("GET", "/holdings/summary", query={"as_of": "2026-11-01"})),
    ("performance", lambda env, _: env.call("GET", "/holdings/performance", query={"from": "2026-10-15", "to": "2026-11-20"})),
    ("snapshot", lambda env, _: env.call("POST", "/holdings/snapshots", {}, **_key())),
]
RETAINER = {
    "name": "Title work",
    "monthly_hours_included": 40,
    "monthly_fee": 3000,
    "hourly_rate": 187.5,
    "starts_on": "2026-11-01",
    "renewal_date": "2027-11-01",
    "auto_renew": True,
    "rollover": {"mode": "capped", "cap_hours": 15, "expires_after_periods": 2},
    "overage": {"multiplier": 1.5, "hard_cap_pct": 150},
}


def _retainer(env: BenchEnvironment) -> str:
    professional = env.call("POST", "/pros/scorecard/professionals", {"name": "Rita Title", "role": "title"})["id"]
    _streams(env)
    env.runtime.used()
    return str(env.call("POST", "/pros/retainers", {**RETAINER, "professional_id": professional}, **_key())["id"])


def _log(env: BenchEnvironment, ids: dict[str, str], hours: float) -> str:
    body = {"hours": hours, "description": "Title search, first part."}
    return str(env.call("POST", f"/pros/retainers/{ids['retainer']}/log_hours", body, **_key())["entry_id"])


RETAINERS: list[tuple[str, Operation]] = [
    ("agree on a retainer", lambda env, ids: ids.update(retainer=_retainer(env))),
    ("read a retainer", lambda env, ids: env.call("GET", f"/pros/retainers/{ids['retainer']}")),
    ("log hours", lambda env, ids: ids.update(entry=_log(env, ids, 1.5))),
    ("log hours across a threshold", lambda env, ids: _log(env, ids, 34)),
    ("list entries of hours", lambda env, ids: env.call("GET", f"/pros/retainers/{ids['retainer']}/log_hours")),
    (
        "take an entry back",
        lambda env, ids: env.call(
            "POST", f"/pros/retainers/{ids['retainer']}/log_hours/{ids['entry']}/reverse", {"reason": "Entered twice."}, **_key()
        ),
    ),
    ("statement", lambda env, ids: env.call("GET", f"/pros/retainers/{ids['retainer']}/statement")),
    ("edit a retainer's notes", lambda env, ids: env.call("PATCH", f"/pros/retainers/{ids['retainer']}", {"notes": "Prefers mornings."})),
    ("renew a retainer", lambda env, ids: env.call("POST", f"/pros/retainers/{ids['retainer']}/renew", {}, **_key())),
    ("list periods", lambda env, ids: env.call("GET", f"/pros/retainers/{ids['retainer']}/periods")),
    ("pause a retainer", lambda env, ids: env.call("POST", f"/pros/retainers/{ids['retainer']}/pause", {"reason": "budget"}, **_key())),
    ("list retainers of a status", lambda env, _: env.call("GET", "/pros/retainers", query={"status": "paused"})),
    ("forecast", lambda env, _: env.call("GET", "/pros/retainers/forecast")),
    ("cancel a retainer", lambda env, ids: env.call("POST", f"/pros/retainers/{ids['retainer']}/cancel", {"reason": "ended"}, **_key())),
]

PROFESSIONAL = {
    "name": "Grace Hopper",
    "role": "lawyer",
    "organization": "Hopper & Sons",
    "email": "grace@hopper.example.com",
    "phone": "+12065550100",
    "jurisdictions": ["WA", "OR"],
    "specializations": ["real estate", "tax"],
    "hourly_rate": 187.5,
    "licenses": [{"kind": "bar", "number": "12345", "jurisdiction": "WA", "expires_on": "2027-05-31"}],
}
_INTERACTION = {"met_deadline": True, "communication_clarity": 0.8, "deliverable_quality": 0.9, "response_time_hours": 4}
_PROFESSIONALS = "/pros/scorecard/professionals"

SCORECARDS: list[tuple[str, Operation]] = [
    ("add a professional", lambda env, ids: ids.update(pro=env.call("POST", _PROFESSIONALS, PROFESSIONAL, **_key())["id"])),
    ("read a professional", lambda env, ids: env.call("GET", f"{_PROFESSIONALS}/{ids['pro']}")),
    ("edit a professional's notes", lambda env, ids: env.call("PATCH", f"{_PROFESSIONALS}/{ids['pro']}", {"notes": "Answers at once."})),
    ("rename a professional", lambda env, ids: env.call("PATCH", f"{_PROFESSIONALS}/{ids['pro']}", {"name": "Grace M. Hopper"})),
    ("list professionals", lambda env, _: env.call("GET", _PROFESSIONALS)),
    ("list professionals of a jurisdiction", lambda env, _: env.call("GET", _PROFESSIONALS, query={"jurisdiction": "wa"})),
    (
        "log an interaction",
        lambda env, ids: ids.update(interaction=env.call("POST", f"/pros/scorecard/{ids['pro']}/log", _INTERACTION, **_key())["id"]),
    ),
    ("list interactions", lambda env, ids: env.call("GET", f"/pros/scorecard/{ids['pro']}/log")),
    (
        "dispute an interaction",
        lambda env, ids: env.call("POST", f"/pros/scorecard/{ids['pro']}/log/{ids['interaction']}/dispute", {"reason": "Late."}, **_key()),
    ),
    ("scorecard", lambda env, ids: env.call("GET", f"/pros/scorecard/{ids['pro']}/scorecard")),
    ("scores by month", lambda env, ids: env.call("GET", f"/pros/scorecard/{ids['pro']}/history")),
    ("leaderboard", lambda env, _: env.call("GET", "/pros/scorecard/leaderboard")),
    ("delete a professional", lambda env, ids: env.call("DELETE", f"{_PROFESSIONALS}/{ids['pro']}")),
]

TASK = {
    "title": "Order the title report",
    "description": "From the county, with the parcel's history.",
    "due_on": "2026-12-01",
    "estimate_hours": 2,
}


def _first_task(env: BenchEnvironment, ids: dict[str, str]) -> str:
    """A task of a deal that has twenty others, and one of which waits for it."""
    ids["worker"] = env.call("POST", _PROFESSIONALS, PROFESSIONAL)["id"]
    ids["deal"] = env.call("POST", "/deals", {"title": "1201 Pine St"})["id"]
    for _ in range(20):
        _task(env, ids)
    _streams(env)
    env.runtime.used()
    return _task(env, ids)


def _task(env: BenchEnvironment, ids: dict[str, str], **more: object) -> str:
    body = {**TASK, "professional_id": ids["worker"], "deal_id": ids["deal"], **more}
    return str(env.call("POST", "/pros/tasks", body, **_key())["id"])


def _move(env: BenchEnvironment, ids: dict[str, str], status: str, **more: object) -> None:
    env.call("PATCH", f"/pros/tasks/{ids['task']}/status", {"status": status, **more})


TASKS: list[tuple[str, Operation]] = [
    ("give a task", lambda env, ids: ids.update(task=_first_task(env, ids))),
    ("give one that depends on it", lambda env, ids: ids.update(waiting=_task(env, ids, depends_on=[ids["task"]]))),
    ("read a task", lambda env, ids: env.call("GET", f"/pros/tasks/{ids['task']}")),
    ("edit a task's title", lambda env, ids: env.call("PATCH", f"/pros/tasks/{ids['task']}", {"title": "Order the report"})),
    ("change its dependencies", lambda env, ids: env.call("PATCH", f"/pros/tasks/{ids['waiting']}", {"depends_on": []})),
    ("change them back", lambda env, ids: env.call("PATCH", f"/pros/tasks/{ids['waiting']}", {"depends_on": [ids["task"]]})),
    ("start a task", lambda env, ids: _move(env, ids, "in_progress")),
    ("block a task", lambda env, ids: _move(env, ids, "blocked", reason="client")),
    ("go on with a task", lambda env, ids: _move(env, ids, "in_progress")),
    ("finish a task that another waits for", lambda env, ids: _move(env, ids, "done")),
    ("reopen a task", lambda env, ids: _move(env, ids, "in_progress", reason="defect")),
    (
        "comment on a task",
        lambda env, ids: env.call("POST", f"/pros/tasks/{ids['task']}/comments", {"text": "The county is closed."}, **_key()),
    ),
    ("list tasks of a status", lambda env, _: env.call("GET", "/pros/tasks", query={"status": "open"})),
    ("list tasks by day", lambda env, _: env.call("GET", "/pros/tasks", query={"due_before": "2027-01-01"})),
    ("list a deal's tasks", lambda env, ids: env.call("GET", f"/pros/tasks/by-deal/{ids['deal']}")),
    ("list a professional's tasks", lambda env, ids: env.call("GET", f"/pros/tasks/by-professional/{ids['worker']}")),
    ("workload of the firm", lambda env, _: env.call("GET", "/pros/tasks/workload")),
    ("workload of a professional", lambda env, ids: env.call("GET", "/pros/tasks/workload", query={"professional_id": ids["worker"]})),
    ("delete a task", lambda env, ids: env.call("DELETE", f"/pros/tasks/{ids['waiting']}")),
]
BIO = (
    "Ann Adams is a CPA licensed in Washington. She has closed real estate deals since 2004. Her fee is $350 per hour. "
    "We respectfully reply within one business day. The firm handles tax, estate planning and property management. "
    "She is careful and thorough. She never guarantees a result. She formerly did litigation, but now she does insurance. "
)
EXTRACTION = {"name": "Ann Adams", "sources": [{"text": BIO * 4, "category": "bio"}]}
DISPUTED = {"reason": "That is somebody else's site."}


def _professional(env: BenchEnvironment, name: str) -> str:
    return str(env.call("POST", "/pros/scorecard/professionals", {"name": name, "role": "lawyer"}, **_key())["id"])


def _keep_signals(env: BenchEnvironment, ids: dict[str, str]) -> None:
    body = {**EXTRACTION, "professional_id": ids["professional"]}
    ids.update(signal=env.call("POST", "/pros/extract_signals", body, **_key())["id"])


SIGNALS: list[tuple[str, Operation]] = [
    ("extract signals", lambda env, _: env.call("POST", "/pros/extract_signals", EXTRACTION)),
    ("keep signals", _keep_signals),
    ("read signals", lambda env, ids: env.call("GET", f"/pros/{ids['professional']}/signals/{ids['signal']}")),
    ("list signals", lambda env, ids: env.call("GET", f"/pros/{ids['professional']}/signals")),
    (
        "dispute signals",
        lambda env, ids: env.call("POST", f"/pros/{ids['professional']}/signals/{ids['signal']}/dispute", DISPUTED, **_key()),
    ),
    ("all that is held", lambda env, ids: env.call("GET", f"/pros/{ids['professional']}/data")),
]
DEAL = {
    "title": "1201 Pine St",
    "kind": "wholesale",
    "parties": [
        {"name": "Ada Byron", "organization": "Analytical Engines LLC", "role": "seller", "side": "opposing"},
        {"name": "Grace Hopper", "role": "agent", "side": "ours"},
    ],
}


def _deal(env: BenchEnvironment, ids: dict[str, str]) -> str:
    lawyer = env.call("POST", "/pros/scorecard/professionals", {"name": "Lee Lawyer", "role": "lawyer"})["id"]
    _streams(env)
    env.runtime.used()
    return str(env.call("POST", "/deals", {**DEAL, "pipeline_id": ids["contract"], "professional_ids": [lawyer]}, **_key())["id"])


DEALS: list[tuple[str, Operation]] = [
    ("open a deal", lambda env, ids: ids.update(other=env.call("POST", "/deals", DEAL, **_key())["id"])),
    ("open a pipeline's deal, with a professional", lambda env, ids: ids.update(deal=_deal(env, ids))),
    ("read a deal", lambda env, ids: env.call("GET", f"/deals/{ids['other']}")),
    ("read a deal priced by its contract", lambda env, ids: env.call("GET", f"/deals/{ids['deal']}")),
    ("edit a deal's notes", lambda env, ids: env.call("PATCH", f"/deals/{ids['other']}", {"notes": "Closing moved."})),
    ("change a deal's parties", lambda env, ids: env.call("PATCH", f"/deals/{ids['other']}", {"parties": DEAL["parties"][:1]})),
    ("list deals of a status", lambda env, _: env.call("GET", "/deals", query={"status": "open"})),
    ("cancel a deal", lambda env, ids: env.call("PATCH", f"/deals/{ids['other']}/status", {"status": "cancelled", "reason": "title"})),
    ("delete a pipeline's deal", lambda env, ids: env.call("DELETE", f"/deals/{ids['deal']}")),
]
ALIGNMENT: list[tuple[str, Operation]] = [
    ("add a profile", lambda env, ids: ids.update(profile=env.call("POST", "/pros/profiles", {"name": "Title work"}, **_key())["id"])),
    ("align a professional", lambda env, ids: _align(env, ids)),
    ("list alignments", lambda env, ids: env.call("GET", f"/pros/{ids['professional']}/alignments")),
    ("match professionals", lambda env, ids: _match(env, ids, {"hours": 5, "max_rate": 200})),
    ("open a deal to match for", lambda env, ids: ids.update(party=env.call("POST", "/deals", DEAL, **_key())["id"])),
    ("read a match", lambda env, ids: env.call("GET", f"/pros/match/{ids['match']}")),
    ("match for a deal", lambda env, ids: _match(env, ids, {"deal_id": ids["party"]})),
    ("check two names for conflicts", lambda env, _: env.call("POST", "/pros/conflict-check", {"names": ["Grace Hopper", "Ada Byron"]})),
]


def _align(env: BenchEnvironment, ids: dict[str, str]) -> Any:
    _keep_signals(env, ids)  # those from before are disputed, and count no more
    _streams(env)
    env.runtime.used()
    return env.call("POST", f"/pros/{ids['professional']}/align", {"profile_id": ids["profile"]}, **_key())


def _match(env: BenchEnvironment, ids: dict[str, str], body: dict[str, Any]) -> None:
    ids.update(match=env.call("POST", "/pros/match", {"profile_id": ids["profile"], **body}, **_key())["id"])


PACKET = {
    "risk_status": "watch",
    "summary": "The buyer waits for the title report.",
    "contingencies": [{"if": "It shows a lien", "then": "Call the seller the same day."}],
}
_READ_BACK = {"read_back": "I order the title report by the first of December."}


def _draft(env: BenchEnvironment, ids: dict[str, str]) -> str:
    action = {"action": "Order the title report", "owner": ids["receiver"], "due_on": "2026-12-01"}
    body = {**PACKET, "action_list": [action]}
    return str(env.call("POST", f"/pros/handoff/{ids['receiver']}", body, query={"deal_id": ids["handed"]}, **_key())["id"])


def _first_draft(env: BenchEnvironment, ids: dict[str, str]) -> str:
    """A packet of a deal that has ten tasks."""
    ids["receiver"] = env.call("POST", _PROFESSIONALS, PROFESSIONAL)["id"]
    ids["handed"] = env.call("POST", "/deals", {"title": "1201 Pine St"})["id"]
    for _ in range(10):
        env.call("POST", "/pros/tasks", {**TASK, "professional_id": ids["receiver"], "deal_id": ids["handed"]}, **_key())
    _streams(env)
    env.runtime.used()
    return _draft(env, ids)


def _packet(env: BenchEnvironment, ids: dict[str, str], move: str, body: object = None) -> Any:
    return env.call("POST", f"/pros/handoff/packets/{ids['packet']}/{move}", body, **_key())


HANDOFFS: list[tuple[str, Operation]] = [
    ("draft a packet", lambda env, ids: ids.update(packet=_first_draft(env, ids))),
    ("preview a packet", lambda env, ids: env.call("GET", f"/pros/handoff/{ids['receiver']}", query={"deal_id": ids["handed"]})),
    ("read a packet", lambda env, ids: env.call("GET", f"/pros/handoff/packets/{ids['packet']}")),
    ("change a draft", lambda env, ids: env.call("PATCH", f"/pros/handoff/packets/{ids['packet']}", {"risk_status": "urgent"})),
    ("send a packet", lambda env, ids: _packet(env, ids, "send")),
    ("accept a packet of one action", lambda env, ids: _packet(env, ids, "accept", _READ_BACK)),
    ("draft another packet", lambda env, ids: ids.update(packet=_draft(env, ids))),
    ("send it", lambda env, ids: _packet(env, ids, "send")),
    ("return it", lambda env, ids: _packet(env, ids, "return", {"reason": "capacity"})),
    ("list a deal's packets", lambda env, ids: env.call("GET", f"/pros/handoff/by-deal/{ids['handed']}")),
    ("list a professional's packets", lambda env, ids: env.call("GET", f"/pros/handoff/by-professional/{ids['receiver']}")),
]
_DECISIONS = "/governance/decisions"


def _as_holder(env: BenchEnvironment, role: str) -> dict[str, str]:
    """The header of somebody else than the caller, who holds a governance role. Not counted."""
    user = f"user_{role.upper():0<26}"
    sign_in_as(env.runtime, user, ("viewer", role), None)
    env.runtime.used()
    return {"Authorization": f"Bearer {harness.token(env.runtime, 'viewer', role, user=user)}"}


def _ask(env: BenchEnvironment, ids: dict[str, str]) -> None:
    """Ask about a deal that takes two people to finalize."""
    ids["governed"] = env.call("POST", "/deals", {"title": "1201 Pine St", "value": 300_000})["id"]
    _streams(env)
    env.runtime.used()
    body = {"subject_type": "deal", "subject_id": ids["governed"], "requested_action": "finalize"}
    env.call("POST", "/governance/requests", body, **_key())


def _decide(env: BenchEnvironment, ids: dict[str, str], role: str, **more: object) -> None:
    header = _as_holder(env, role)
    given = {"subject_type": "deal", "subject_id": ids["governed"], "role": role, "requested_action": "finalize", **more}
    body = {**given, **({"review_date": _review_date(env)} if more.get("action") == "override" else {})}
    ids["decision"] = env.call("POST", _DECISIONS, body, **_key(), **header)["id"]


def _review_date(env: BenchEnvironment) -> str:
    return (env.runtime.clock() + timedelta(days=7)).date().isoformat()


GOVERNANCE: list[tuple[str, Operation]] = [
    ("ask for a decision", _ask),
    ("deny", lambda env, ids: _decide(env, ids, "Tyr", action="deny", reason="A lien.", requested_action="sign")),
    ("approve, of two", lambda env, ids: _decide(env, ids, "King", action="approve")),
    ("override, which ends the request", lambda env, ids: _decide(env, ids, "Queen", action="override", reason="The lien is paid.")),
    (
        "verdict",
        lambda env, ids: env.call("GET", f"{_DECISIONS}/subject/deal/{ids['governed']}/standing", query={"requested_action": "finalize"}),
    ),
    ("read a decision", lambda env, ids: env.call("GET", f"{_DECISIONS}/{ids['decision']}")),
    ("list a deal's decisions", lambda env, ids: env.call("GET", f"{_DECISIONS}/subject/deal/{ids['governed']}")),
    ("list pending requests", lambda env, _: env.call("GET", "/governance/pending", query={"role": "King"})),
]
CONTRACT = {
    "title": "Purchase agreement, 1201 Pine St",
    "kind": "purchase",
    "value": 210000,
    "parties": [
        {"name": "Ann Seller", "email": "ann@example.com", "role": "seller", "side": "opposing"},
        {"name": "Bob Buyer", "email": "bob@example.com", "role": "buyer", "side": "ours"},
    ],
}
_CONTRACTS = "/contracts/lifecycle"


def _contract(env: BenchEnvironment, **more: object) -> str:
    deal = env.call("POST", "/deals", {"title": "1201 Pine St"})["id"]
    _streams(env)
    env.runtime.used()
    return str(env.call("POST", _CONTRACTS, {**CONTRACT, "deal_id": deal, **more}, **_key())["id"])


def _move_contract(env: BenchEnvironment, ids: dict[str, str], status: str, **more: object) -> None:
    env.call("PATCH", f"{_CONTRACTS}/{ids['ctr']}/status", {"status": status, **more})


# What takes a document is not among them, since there is no bucket here.
CONTRACTS: list[tuple[str, Operation]] = [
    ("draft a contract with two parties", lambda env, ids: ids.update(ctr=_contract(env))),
    ("read a contract", lambda env, ids: env.call("GET", f"{_CONTRACTS}/{ids['ctr']}")),
    ("edit its notes", lambda env, ids: env.call("PATCH", f"{_CONTRACTS}/{ids['ctr']}", {"notes": "Waits for the lender."})),
    ("submit a contract", lambda env, ids: _move_contract(env, ids, "under_review")),
    ("approve a contract", lambda env, ids: _move_contract(env, ids, "approved")),
    ("take a contract back", lambda env, ids: _move_contract(env, ids, "draft", reason="rework")),
    ("versions of a contract", lambda env, ids: env.call("GET", f"{_CONTRACTS}/{ids['ctr']}/versions")),
    ("list a deal's contracts", lambda env, ids: env.call("GET", f"{_CONTRACTS}/by-deal/deal_{ids['ctr'][5:31]}")),
    ("list contracts of a status", lambda env, _: env.call("GET", f"{_CONTRACTS}/by-status", query={"status": "draft"})),
    ("archive a contract", lambda env, ids: env.call("POST", f"{_CONTRACTS}/{ids['ctr']}/archive", None, **_key())),
]


def _first_scan(env: BenchEnvironment, ids: dict[str, str]) -> None:
    """A scan of a deal with a pipeline, a professional and two tasks, one of which is overdue: three findings, one of them critical."""
    pipeline = env.call("POST", "/wholesale", LEAD | {"stage": "under_contract", "contract_price": 118000})["id"]
    worker = env.call("POST", _PROFESSIONALS, PROFESSIONAL)["id"]
    deal = {"title": "1201 Pine St", "kind": "wholesale", "pipeline_id": pipeline, "professional_ids": [worker]}
    ids["scanned"] = env.call("POST", "/deals", deal)["id"]
    for due_on in ("2026-11-20", "2027-06-01"):
        env.call("POST", "/pros/tasks", {**TASK, "professional_id": worker, "deal_id": ids["scanned"], "due_on": due_on}, **_key())
    _streams(env)
    env.runtime.used()
    events = _scan(env, ids)["events"]
    ids["critical"], ids["finding"] = events[0]["id"], events[1]["id"]


def _scan(env: BenchEnvironment, ids: dict[str, str]) -> Any:
    return env.call("POST", f"/audit/scan/deal/{ids['scanned']}", None)


def _on_finding(env: BenchEnvironment, ids: dict[str, str], which: str, move: str, body: object) -> Any:
    return env.call("POST", f"/audit/events/{ids[which]}/{move}", body, **_key())


FINDINGS: list[tuple[str, Operation]] = [
    ("scan a deal: three findings", _first_scan),
    ("scan it again: nothing new", _scan),
    ("acknowledge a finding", lambda env, ids: _on_finding(env, ids, "critical", "acknowledge", {"note": "On Friday."})),
    ("resolve it", lambda env, ids: _on_finding(env, ids, "critical", "resolve", {"note": "Signed on paper."})),
    ("scan: it is opened again", _scan),
    ("read a finding", lambda env, ids: env.call("GET", f"/audit/events/{ids['finding']}")),
    ("list a deal's findings", lambda env, ids: env.call("GET", f"/audit/events/deal/{ids['scanned']}")),
    ("list open findings", lambda env, _: env.call("GET", "/audit/events/open")),
    ("summary of findings", lambda env, _: env.call("GET", "/audit/summary")),
]


_DOCUMENT = {"document_type": "disclosure", "title": "Seller's disclosure", "storage_url": "https://files.example.com/disclosure.pdf"}
_NEIGHBOUR = {"name": "Ann Adams", "email": "ann@example.com"}
_ROUTES = "/documents/routes"


def _route(env: BenchEnvironment, ids: dict[str, str], **to: Any) -> str:
    body = {**_DOCUMENT, "deal_id": ids["routed"], "document_sha256": "1a" * 32, **to}
    return str(env.call("POST", _ROUTES, body, **_key())["id"])


def _first_route(env: BenchEnvironment, ids: dict[str, str]) -> str:
    ids["routed"] = env.call("POST", "/deals", {"title": "Documents"})["id"]
    reader = {"name": "Rita Reader", "role": "lawyer", "email": "rita@example.com"}
    ids["reader"] = env.call("POST", "/pros/scorecard/professionals", reader)["id"]
    _streams(env)
    env.runtime.used()
    return _route(env, ids, recipient=_NEIGHBOUR)


def _many(env: BenchEnvironment, ids: dict[str, str]) -> Any:
    body = {**_DOCUMENT, "deal_id": ids["routed"], "recipients": [_NEIGHBOUR] * 16}
    return env.call("POST", f"{_ROUTES}/bulk", body, **_key())


def _link(env: BenchEnvironment, ids: dict[str, str]) -> str:
    """The path of the link in the route's mail, which is read past the counting."""
    scanned = env.runtime.dynamodb.scan(TableName=harness.TABLE, ConsistentRead=True)["Items"]
    mail = next(item for item in scanned if item.get("about", {}).get("S") == ids["route"])
    return "/d/" + mail["text"]["S"].partition("/d/")[2].split()[0]


def _bounce(env: BenchEnvironment, ids: dict[str, str]) -> None:
    from chalicelib.foundation.mail_events import MailEvent
    from chalicelib.packs.documents.service import bounces

    ids["lost"] = _route(env, ids, professional_id=ids["reader"])
    _streams(env)
    env.runtime.used()
    ctx = env.runtime.context(request_id="bounce")
    bounces.mail_failed(ctx, ids["lost"], "sending-0", MailEvent("hard", ctx.now, "", "rita@example.com"))


_SAID = {"name": "Ann Adams", "document_sha256": "1a" * 32}
DOCUMENTS: list[tuple[str, Operation]] = [
    ("send a document", lambda env, ids: ids.update(route=_first_route(env, ids))),
    ("send one to a professional", lambda env, ids: ids.update(second=_route(env, ids, professional_id=ids["reader"]))),
    ("send one to sixteen", _many),
    ("look at a link", lambda env, ids: env.call("GET", _link(env, ids))),
    ("open its document", lambda env, ids: env.call("POST", f"{_link(env, ids)}/open")),
    ("remind of it", lambda env, ids: env.call("POST", f"{_ROUTES}/{ids['route']}/remind", **_key())),
    ("acknowledge it", lambda env, ids: env.call("POST", f"{_link(env, ids)}/acknowledge", _SAID)),
    ("read a route", lambda env, ids: env.call("GET", f"{_ROUTES}/{ids['route']}")),
    (
        "recall a route",
        lambda env, ids: env.call("PATCH", f"{_ROUTES}/{ids['second']}/status", {"status": "recalled", "reason": "superseded"}),
    ),
    ("a mail comes back", _bounce),
    ("send it again", lambda env, ids: env.call("PATCH", f"{_ROUTES}/{ids['lost']}/status", {"status": "sent"})),
    ("delete a route", lambda env, ids: env.call("DELETE", f"{_ROUTES}/{ids['lost']}")),
    ("list a deal's routes", lambda env, ids: env.call("GET", f"{_ROUTES}/by-deal/{ids['routed']}")),
    ("list a professional's routes", lambda env, ids: env.call("GET", f"{_ROUTES}/by-professional/{ids['reader']}")),
    ("list routes of a status", lambda env, _: env.call("GET", _ROUTES, query={"status": "sent"})),
]


def _finalizing(env: BenchEnvironment, ids: dict[str, str]) -> Any:
    """A deal with ten tasks that are done, and a professional."""
    worker = env.call("POST", _PROFESSIONALS, PROFESSIONAL)["id"]
    ids["closing"] = env.call("POST", "/deals", {"title": "1201 Pine St", "kind": "sale", "value": 210000, "professional_ids": [worker]})[
        "id"
    ]
    for _ in range(10):
        env.call("POST", "/pros/tasks", {**TASK, "professional_id": worker, "deal_id": ids["closing"]})
    _streams(env)
    env.runtime.used()
    return env.call("PATCH", f"/deals/{ids['closing']}/status", {"status": "finalizing"})


def _item(env: BenchEnvironment, ids: dict[str, str]) -> None:
    body = {"kind": "task", "title": "Keys are with the agent", "due": {"anchor": "opened_on", "offset_days": 14}}
    ids["item"] = env.call("POST", f"/deals/finalization/{ids['closing']}/items", body, **_key())["id"]


FINALIZATION: list[tuple[str, Operation]] = [
    ("begin to finalize a sale", _finalizing),
    ("check a deal with ten tasks", lambda env, ids: env.call("GET", f"/deals/finalization/status/{ids['closing']}")),
    ("add an item", _item),
    (
        "settle an item",
        lambda env, ids: env.call("PATCH", f"/deals/finalization/{ids['closing']}/items/{ids['item']}", {"status": "done"}),
    ),
    ("list a deal's items", lambda env, ids: env.call("GET", f"/deals/finalization/{ids['closing']}/items")),
]
OPERATIONS = [
    *WHOLESALE,
    *DISPOSITIONS,
    *HOLDINGS,
    *RETAINERS,
    *SCORECARDS,
    *TASKS,
    *SIGNALS,
    *ALIGNMENT,
    *DEALS,
    *HANDOFFS,
    *GOVERNANCE,
    *FINDINGS,
    *DOCUMENTS,
    *CONTRACTS,
    *FINALIZATION,
]


def replayed_key(environment: BenchEnvironment) -> dict[str, str]:
    """An Idempotency-Key of an earlier creation, which is not counted."""
    key = {"Idempotency-Key": "replayed"}
    environment.call("POST", "/wholesale", LEAD, **key)
    environment.runtime.used()
    return key


def measure() -> list[dict[str, Any]]:
    """A row for each operation: what the request, the trail and the projections use."""
    with harness.capture_stdout():
        with environments.counting_reads() as environment:
            reads = _measure_operations(environment)
        with environments.counting_writes() as environment:
            writes = _measure_operations(environment)
    return [
        {"operation": name} | {part: {**used, "write": write[part]["write"]} for part, used in read.items()}
        for (name, read), (_, write) in zip(reads, writes, strict=True)
    ]


def _measure_operations(environment: BenchEnvironment) -> list[tuple[str, dict[str, dict[str, float]]]]:
    ids = {"busy": environment.call("POST", "/wholesale", LEAD)["id"]}
    for number in range(20):
        environment.call("POST", f"/wholesale/{ids['busy']}/activities", {"event_type": "call", "description": f"Call number {number}."})
    for start in range(0, 60, 20):
        environment.call("POST", "/wholesale/bulk", {"items": [LEAD | {"notes": str(start)}] * 20})
    contract = {"stage": "under_contract", "contract_price": 118000}
    ids["professional"] = _professional(environment, "Ann Adams")
    ids["contract"] = environment.call("POST", "/wholesale", LEAD | contract)["id"]
    _streams(environment)
    environment.runtime.used()
    measured = []
    for name, operation in OPERATIONS:
        operation(environment, ids)
        request = environment.runtime.used()
        measured.append((name, {"request": request, **_streams(environment)}))
    return measured


def _streams(environment: BenchEnvironment) -> dict[str, dict[str, float]]:
    """What the two consumers use for the records since the last call."""
    from chalicelib.functions import streams

    records = environment.records()
    environment.runtime.used()
    for start in range(0, len(records), 60):
        response = streams.audit(environment.runtime, {"Records": records[start : start + 60]})
        assert response == {"batchItemFailures": []}, dumps(response)
    of_trail = environment.runtime.used()
    for start in range(0, len(records), 60):
        streams.project(environment.runtime, {"Records": records[start : start + 60]}, None, streams._CONTRIBUTIONS)
    return {"trail": of_trail, "projection": environment.runtime.used()}


if __name__ == "__main__":
    for row in measure():
        print(row)
