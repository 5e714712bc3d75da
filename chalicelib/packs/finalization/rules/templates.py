"""The items that a deal gets when it is finalized, by its kind.

Each has a name within all templates, so that a deal gets it once, whatever kinds it has had: the call-back on wire details, for
one, is asked for as soon as the deal is of a kind that pays by wire, also where it was of another one when it was first to be finalized.
"""

from dataclasses import dataclass

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.deals.public import OTHER, PURCHASE, SALE, SERVICE, WHOLESALE
from chalicelib.packs.finalization.rules.items import DOCUMENT, INFORMATION, LEGAL, TASK, TWO_PERSON


@dataclass(frozen=True)
class TemplateItem:
    """An item of a template. `key` tells it from all others."""

    key: str
    kind: str
    title: str
    field: str | None = None
    role: str | None = None
    anchor: str | None = None
    offset_days: int = 0

    @property
    def due(self) -> JsonObject | None:
        """By when: some days after a day of the deal or its pipeline."""
        return None if self.anchor is None else {"anchor": self.anchor, "offset_days": self.offset_days}


def _closing(anchor: str) -> tuple[TemplateItem, ...]:
    """What every deal about a property needs at its closing, counted from that day."""
    return (
        TemplateItem("settlement_statement", DOCUMENT, "Settlement statement", anchor=anchor),
        TemplateItem("title_clear", TASK, "Title is clear", role=LEGAL, anchor=anchor, offset_days=-3),
        TemplateItem("closing_agent", TASK, "Closing agent is named", anchor=anchor, offset_days=-14),
        TemplateItem("wire_call_back", TWO_PERSON, "Wire details confirmed by a call back", anchor=anchor, offset_days=-1),
    )


_PIPELINE_CLOSES, _DEAL_CLOSES = "pipeline.closes_on", "target_close_on"
_REPORT = TemplateItem(
    "real_estate_report", TASK, "Real-estate report is considered", role=LEGAL, anchor=_DEAL_CLOSES
)  # FinCEN's, of residential property sold for cash
_PROPERTY = (*_closing(_DEAL_CLOSES), _REPORT)

TEMPLATES: dict[str, tuple[TemplateItem, ...]] = {
    WHOLESALE: (
        TemplateItem("pipeline_closed", INFORMATION, "Pipeline is closed", field="pipeline.stage", anchor=_PIPELINE_CLOSES),
        TemplateItem(
            "earnest_money_paid",
            INFORMATION,
            "Earnest money is paid",
            field="pipeline.earnest_money_paid_on",
            anchor="pipeline.contract_effective_on",
            offset_days=3,
        ),
        TemplateItem("assignment_agreement", DOCUMENT, "Assignment agreement", anchor=_PIPELINE_CLOSES),
        TemplateItem("buyers_funds", TASK, "Buyer's funds are confirmed", anchor=_PIPELINE_CLOSES, offset_days=-3),
        *_closing(_PIPELINE_CLOSES),
    ),
    PURCHASE: _PROPERTY,
    SALE: _PROPERTY,
    SERVICE: (
        TemplateItem("deliverables", TASK, "Deliverables are accepted", anchor=_DEAL_CLOSES),
        TemplateItem("final_statement", DOCUMENT, "Final statement", anchor=_DEAL_CLOSES),
    ),
    OTHER: (),
}
