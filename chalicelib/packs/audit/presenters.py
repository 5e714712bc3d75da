"""Records of the trail as answers show them."""

from dataclasses import asdict
from typing import cast

from cryptography.exceptions import InvalidTag

from chalicelib.foundation import files
from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present, present_row
from chalicelib.foundation.schema_types import PageOf
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.packs.audit.crypto_shredding import ERASED, DataSubjectKeys
from chalicelib.packs.audit.entities import AuditExport
from chalicelib.packs.audit.records import PREFIX, AuditRecord, seal_context
from chalicelib.packs.audit.schemas import (
    AuditExportView,
    DayVerdictView,
    FieldChange,
    SealKeyView,
    SealPage,
    SealView,
    TrailRecordView,
    TrailSummary,
)
from chalicelib.packs.audit.sealing import DayVerdict
from chalicelib.packs.audit.seals import Seal

_UNKNOWN = dict.fromkeys(("kind", "actor", "at", "request_id", "correlation_id", "recorded_at", "code_version"), "")


def change_summary(row: JsonObject) -> TrailSummary:
    """A change of a list."""
    return present_row(TrailSummary, row)


def seal_page(page: PageOf[Seal], keys: list[dict[str, str]]) -> SealPage:
    """A page of seals, and the keys that verify them."""
    items = [cast(SealView, asdict(seal)) for seal in page["items"]]
    return {"items": items, "next_cursor": page["next_cursor"], "keys": cast(list[SealKeyView], keys)}


def day_view(verdict: DayVerdict) -> DayVerdictView:
    """The result of verifying a day."""
    found = verdict.first_break
    return {
        "date": verdict.date.isoformat(),
        "sealed": verdict.sealed,
        "valid": verdict.valid,
        "checked": verdict.checked,
        "first_break": {"entity_id": found.entity_id, "seq": found.seq, "reason": found.reason} if found else None,
        "complete": verdict.complete,
    }


def export_view(export: AuditExport, url: str | None) -> AuditExportView:
    """An export, and where its file is, once there is one."""
    return present(AuditExportView, export, url=url, expires_in=None if url is None else files.GET_SECONDS)


def record_views(ctx: Context, rows: list[DynamoItem], subject: str, sees_personal: bool) -> list[TrailRecordView]:
    """Records with their fields: personal values decrypted where the caller may see them, else digests; "erased" after an erasure.

    One round trip where there are personal values, for the subject's key.
    """
    subject_keys = DataSubjectKeys(ctx.store, lambda: ctx.secrets.personal_key)
    contents = [_content(raw) for raw in rows]
    if any(change.get("personal") for content in contents for change in content["changes"].values()):
        subject_keys.load([subject])

    def value(context: str, sealed: dict[str, str] | None) -> object:
        if sealed is None:
            return None
        if subject_keys.is_erased(subject):
            return ERASED
        if not sees_personal:
            return {"digest": sealed["digest"]}
        try:
            unsealed: object = subject_keys.unseal(subject, context, sealed["sealed"])
        except InvalidTag:
            return "unreadable"  # the verification says which record was tampered with
        return unsealed

    def shown(content: JsonObject, field: str, change: JsonObject) -> FieldChange:
        if not change.get("personal"):
            return cast(FieldChange, change)
        sides = {
            side: value(seal_context(content["entity_id"], content["seq"], field, side), change[side]) if side in change else ERASED
            for side in ("old", "new")
        }
        return {"personal": True, "old": sides["old"], "new": sides["new"]}

    return [
        present_row(
            TrailRecordView,
            content,
            changes={field: shown(content, field, change) for field, change in content["changes"].items()},
            prev_hash=(record := AuditRecord.from_item(raw)).prev_hash,
            hash=record.hash,
        )
        for raw, content in zip(rows, contents, strict=True)
    ]


def _content(raw: DynamoItem) -> JsonObject:
    """The content of a record; a placeholder where its body is not valid JSON (the verification reports that, too)."""
    try:
        return AuditRecord.from_item(raw).values
    except ValueError:
        id, seq = raw["pk"]["S"].removeprefix(PREFIX), int(raw["sk"]["S"])
        return {"entity_id": id, "seq": seq, "action": "unreadable", **_UNKNOWN, "changes": {}}
