"""The settings of documents."""

from dataclasses import dataclass

from chalicelib.foundation.environment import flag, setting


@dataclass(frozen=True, kw_only=True)
class DocumentsSettings:
    """What is done about documents that nobody has acknowledged."""

    reminders: bool = setting(
        "VALHALLA_DOCUMENTS_REMINDERS",
        "the flag documents.reminders: remind people of documents that they haven't acknowledged",
        flag,
        True,
    )
