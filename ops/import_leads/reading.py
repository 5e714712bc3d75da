"""The rows of a file as leads.

A lead's `external_ref` is the digest of its row's cells, unless a column is mapped to it. So an import can be interrupted and repeated
without duplicates, and a row whose columns were mapped otherwise before is recognised as the same lead.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.foundation.json_codec import dumps
from ops.import_leads.columns import FIELDS, Columns, column_mapping, is_identified
from ops.import_leads.estimates import ArvEstimator, with_estimated_arv
from ops.import_leads.file_format import FileFormat
from ops.import_leads.values import is_blank


@dataclass(frozen=True)
class Row:
    """A row of the file: its line, and either its lead or the reason why it is not valid.

    `lead` is the body that creates it; `given` is what of that the file says itself, without defaults, estimates and the reference.
    """

    line: int
    cells: dict[str, str]
    lead: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class LeadFile:
    """A file whose columns are known. `defaults` are values of fields that a row doesn't have."""

    format: FileFormat
    columns: Columns
    defaults: Mapping[str, str]

    @classmethod
    def of(cls, format: FileFormat, options: Sequence[str], defaults: Mapping[str, str]) -> "LeadFile":
        """The file with its columns mapped by their headings and `options`. Raises StageError."""
        return cls(format, column_mapping(format.columns, options), defaults)

    def rows(self, estimator: ArvEstimator | None = None) -> Iterator[Row]:
        """The rows, with estimated ARVs if there is an estimator. Raises StageError."""
        for line, cells in self.format.rows():
            row = self._row(line, cells)
            yield row if row.error or estimator is None else replace(row, lead=estimator.complete(row.lead))

    def scan(self) -> tuple[int, ArvEstimator]:
        """A first pass: the number of rows, and their prices."""
        count, estimator = 0, ArvEstimator()
        for row in self.rows():
            count += 1
            estimator.add(row.lead)
        return count, estimator

    def _row(self, line: int, cells: list[str]) -> Row:
        columns = self.format.columns
        texts_by_column = dict.fromkeys(columns, "") | dict(zip(columns, cells, strict=False))
        if len(cells) != len(columns):
            return Row(
                line, texts_by_column, error=f"it has {'more' if len(cells) > len(columns) else 'fewer'} than {len(columns)} columns"
            )
        texts = {name: texts_by_column[column].strip() for column, name in self.columns.fields.items()}
        texts = {name: text for name, text in texts.items() if not is_blank(text, is_text=FIELDS[name].parse is str)}
        try:
            values = {name: _parse(name, text) for name, text in texts.items()}
        except ValueError as error:
            return Row(line, texts_by_column, error=str(error))
        if not is_identified(values.keys()):
            return Row(line, texts_by_column, error="it has neither an address nor a seller")
        _join_names(values)
        as_is = values.pop("estimated_value", None)
        reference = values.pop("external_ref", f"csv-{_digest(texts_by_column)}")
        lead = _nested({**{name: _parse(name, text) for name, text in self.defaults.items()}, **values, "external_ref": reference})
        if as_is and "arv_estimate" not in values:
            lead = with_estimated_arv(lead, as_is, "ARV estimated at import: the file's estimate of the house's value as it is.")
        return Row(line, texts_by_column, lead, _nested(values))


def _parse(name: str, text: str) -> Any:
    try:
        return FIELDS[name].parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _join_names(values: dict[str, Any]) -> None:
    """Make the seller's name of first and last name, where there is no whole one."""
    parts = [values.pop(name, None) for name in ("seller_first_name", "seller_last_name")]
    if joined := " ".join(part for part in parts if part):
        values.setdefault("seller_name", joined)


def _digest(cells: Mapping[str, str]) -> str:
    return hashlib.sha256(dumps(sorted(cells.items())).encode()).hexdigest()[:24]


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The body with these values, each at its field's path."""
    body: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = str(FIELDS[name].path).split(".")
        inner = body
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return body
