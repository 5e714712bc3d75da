"""What a finding contributes to the summary: it counts while it is open or acknowledged."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.projections import Contribution
from chalicelib.packs.findings.entities import CODE, SUMMARY, Finding


def contribute(image: JsonObject) -> Contribution:
    """The contribution of the finding in this image."""
    finding = Finding.from_image(image)
    return {SUMMARY: {"open": 1, finding.severity: 1, f"{CODE}{finding.code}": 1}} if finding.is_counted else {}
