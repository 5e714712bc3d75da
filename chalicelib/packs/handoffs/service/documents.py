"""A packet as a document that a person hands over."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.printing.document import Block, Document, Grid, Pairs, Prose, Section, Tone
from chalicelib.foundation.printing.texts import NONE, day_text, instant_text, money_text
from chalicelib.packs.handoffs.schemas import PacketDeal, PacketScorecard, PacketView

_RISKS: dict[str, Tone] = {"stable": "calm", "watch": "watch", "urgent": "alarm"}
_LISTS = (
    ("contracts", "Contracts"),
    ("documents", "Documents"),
    ("documents_needed", "Documents still needed"),
    ("risks", "Open risks"),
    ("decisions", "Decisions"),
)
_TASK_WORDS = {"in_progress": "in progress"}


def describe(packet: PacketView, zone: str) -> Document:
    """The document of a packet. Its instants are those of the time zone `zone`."""
    about = packet["deal"]["title"] if packet["deal"] else packet["professional"]["name"]
    risk = packet["risk_status"]
    badges: list[tuple[str, Tone]] = [(f"Risk: {risk}", _RISKS[risk])] if risk else []
    return Document(
        kicker=f"Handoff packet No. {packet['number']}",
        title=about,
        badges=[*badges, (packet["status"].capitalize(), "plain"), (f"{packet['completeness']} % complete", "plain")],
        head=Pairs(_head(packet, zone)),
        sections=[
            Section("Summary", [_prose(packet["summary"], "No summary was given.")]),
            Section("What is to be done", [_actions(packet)]),
            Section("If something happens", _contingencies(packet)),
            *_facts(packet),
            *_context(packet["context"]),
            *_read_back(packet, zone),
        ],
        small_print=[
            f"The facts are those of {instant_text(packet['handoff_timestamp'], zone)}, and don't change. Lacking: "
            f"{', '.join(name.replace('_', ' ') for name in packet['missing']) or 'nothing'}.",
            f"Packet {packet['id']}",
            f"SHA-256 {packet['content_hash']}",
        ],
        running=f"Handoff packet No. {packet['number']} · {about} · for {packet['professional']['name']}",
        author=packet["sent_by_name"] or packet["sent_by"] or packet["created_by"],
    )


def as_html(document: Document) -> str:
    """The document as a page."""
    from chalicelib.foundation.printing import page

    return page.as_html(document)


def as_pdf(document: Document, created: datetime) -> bytes:
    """The document as a PDF that was created then."""
    from chalicelib.foundation.printing import pdf

    return pdf.as_pdf(document, created)


# -- its parts


def _head(packet: PacketView, zone: str) -> list[tuple[str, str]]:
    receiver = packet["professional"]
    sender = packet["sent_by_name"] or packet["sent_by"] or packet["created_by"]
    whom = [receiver["name"], receiver["role"], *([receiver["organization"]] if receiver["organization"] else [])]
    rows = [("For", ", ".join(whom)), ("From", sender)]
    moments = [("Sent", packet["sent_at"]), ("Accept by", packet["accept_by"] if packet["status"] == "sent" else None)]
    moments += [("Accepted", packet["accepted_at"]), ("Returned", packet["returned_at"]), ("Completed", packet["completed_at"])]
    rows += [(label, instant_text(moment, zone)) for label, moment in moments if moment]
    responsible = receiver["name"] if packet["responsible"] == packet["professional_id"] else sender
    return [*rows, ("Responsible", responsible)]


def _actions(packet: PacketView) -> Block:
    rows = [
        [
            str(number),
            action["action"],
            action["owner_name"] or action["owner"] or packet["professional"]["name"],
            day_text(action["due_on"]),
        ]
        for number, action in enumerate(packet["action_list"], 1)
    ]
    return Grid(("", "Action", "Who", "By"), (5, 54, 25, 16), rows) if rows else Prose("No action was given.", quiet=True)


def _contingencies(packet: PacketView) -> list[Block]:
    found: list[Block] = [Pairs([("If", one["if"]), ("then", one["then"])]) for one in packet["contingencies"]]
    return found or [Prose("Nothing was foreseen.", quiet=True)]


def _facts(packet: PacketView) -> Iterable[Section]:
    if packet["deal"]:
        yield Section("The deal", [Pairs(_deal(packet["deal"]))])
    tasks = [
        [task["title"], _TASK_WORDS.get(task["status"], task["status"]), task["priority"], day_text(task["due_on"])]
        for task in packet["tasks_outstanding"]
    ]
    grid = Grid(("Task", "Status", "Priority", "Due"), (56, 14, 14, 16), tasks)
    yield Section("Unfinished tasks", [grid if tasks else Prose("None.", quiet=True), *_cut(packet, "tasks_outstanding")])
    for name, heading in _LISTS:
        rows: list[JsonObject] = packet[name]  # type: ignore[literal-required]
        if rows:
            yield Section(heading, [*(Pairs(list(_lines(row))) for row in rows), *_cut(packet, name)])
    yield Section("How the professional did so far", [_scorecard(packet["scorecard"])])


def _cut(packet: PacketView, name: str) -> list[Block]:
    return [Prose("There are more than are listed here.", quiet=True)] if name in packet["cut"] else []


def _deal(deal: PacketDeal) -> list[tuple[str, str]]:
    rows = [("Title", deal["title"]), ("Kind", deal["kind"]), ("Status", deal["status"])]
    rows += [("Value", money_text(deal["value"], deal["currency"])), ("Opened", day_text(deal["opened_on"]))]
    rows += [("To close by", day_text(deal["target_close_on"]))] if deal["target_close_on"] else []
    if pipeline := deal["pipeline"]:
        rows += [("Property", pipeline["address"]), ("Stage", pipeline["stage"].replace("_", " "))]
        rows += [("Contract price", money_text(pipeline["contract_price"], pipeline["currency"]))]
        rows += [
            (label, day_text(day))
            for label, day in (("Inspection ends", pipeline["inspection_ends_on"]), ("Closes", pipeline["closes_on"]))
            if day
        ]
    return rows


def _scorecard(scorecard: PacketScorecard | None) -> Block:
    if scorecard is None:
        return Prose("Nothing is known yet.", quiet=True)
    names = ("overall", "reliability", "communication", "quality", "responsiveness")
    scores = [_number(scorecard[f"{name}_score"]) for name in names]  # type: ignore[literal-required]
    headings = (*(name.capitalize() for name in names), "Interactions")
    return Grid(headings, (1,) * len(headings), [[*scores, str(scorecard["interactions"])]])


def _context(context: JsonObject) -> list[Section]:
    return [Section("Context", [Pairs(list(_lines(context)))])] if context else []


def _read_back(packet: PacketView, zone: str) -> Iterable[Section]:
    if packet["read_back"] and packet["accepted_at"]:
        attested = " It was attested for the receiver." if packet["attested"] else ""
        remark = Prose(f"Accepted {instant_text(packet['accepted_at'], zone)}.{attested}", quiet=True)
        yield Section("Read back by the receiver", [Prose(packet["read_back"]), remark])
    if packet["returned_at"]:
        reason = (packet["return_reason"] or "").replace("_", " ")
        yield Section(
            "Why it was returned", [Pairs([("Reason", reason), *([("Note", packet["return_note"])] if packet["return_note"] else [])])]
        )


# -- values as people read them


def _lines(value: object, path: str = "") -> Iterable[tuple[str, str]]:
    """An object as labels and texts, one for each value in it."""
    match value:
        case dict() if value:
            for name, one in value.items():
                yield from _lines(one, f"{path} › {name}" if path else str(name))
        case list() if value and all(not isinstance(one, dict | list) for one in value):
            yield path, ", ".join(map(_plain, value))
        case list() if value:
            for number, one in enumerate(value, 1):
                yield from _lines(one, f"{path} {number}".strip())
        case _:
            yield path, _plain(value)


def _plain(value: object) -> str:
    match value:
        case None | {} | []:
            return NONE
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def _prose(text: str | None, otherwise: str) -> Prose:
    return Prose(text) if text else Prose(otherwise, quiet=True)


def _number(value: Decimal | None) -> str:
    return NONE if value is None else f"{value:.2f}"
