"""Files of leads, as the importer reads them."""

from pathlib import Path

from ops.import_leads.file_format import detect
from ops.import_leads.reading import LeadFile, Row

DEFAULTS = {"region": "WA", "country": "US", "lead_source": "import"}


def leads_of(path: Path, *options: str, encoding: str | None = None) -> LeadFile:
    return LeadFile.of(detect(path, encoding), options, DEFAULTS)


def rows_of(path: Path, *options: str) -> list[Row]:
    return list(leads_of(path, *options).rows())
