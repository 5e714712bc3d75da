"""Extracting signals from public text, and keeping them."""

from chalicelib.foundation.auth.rate_limit import consume
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.idempotency import claimed, claimed_transaction
from chalicelib.packs.signals import repository
from chalicelib.packs.signals.entities import Signal
from chalicelib.packs.signals.presenters import extraction_view
from chalicelib.packs.signals.rules.evidence import evidence_of
from chalicelib.packs.signals.rules.summary import METHOD_ID, METHOD_VERSION, summarize
from chalicelib.packs.signals.schemas import ExtractionRequest, ExtractionView
from chalicelib.packs.signals.service.sources import FailedSource, ReadSource, Source, read_sources

_AT_ONCE = 60  # extractions of one caller, then one a second
_MESSAGES = {
    "malformed": "it is no URL that can be fetched",
    "scheme": "its scheme is neither http nor https",
    "port": "its port is neither 80 nor 443",
    "address": "its host is not a public one",
    "dns": "its host has no address",
    "redirects": "it redirects more than three times",
    "timeout": "it was not read in time",
    "too_large": "it has more than 2 MB",
    "content_type": "it is neither text/html nor text/plain",
    "status": "it was not answered with success",
    "robots": "its robots.txt keeps us out",
    "empty": "there is no text in it",
}


def extract(ctx: Context, body: ExtractionRequest, *, explain: bool = False) -> ExtractionView:
    """Read the sources and answer their signals; keep them where a professional is named.

    One round trip; four where they are kept under an Idempotency-Key: limit, claim, professional, transaction.
    """
    sources = _checked(body)
    consume(ctx, "extract-signals", ctx.actor.credential, every=1, burst=_AT_ONCE)
    with claimed(ctx):
        if body.professional_id is not None:
            repository.require_usable_professional(ctx, body.professional_id)
        read, failed = read_sources(sources, ctx.settings.public_url)
        if not read:
            raise ValidationFailed([_failure(source) for source in failed])
        signal = _signal(ctx, body, read, failed)
        view = extraction_view(signal, kept=body.professional_id is not None, explain=explain)
        if body.professional_id is not None:
            repository.create_signal(ctx, signal, view)
        elif len(tx := claimed_transaction(ctx, view)):
            tx.commit()
        return view


def _checked(body: ExtractionRequest) -> list[Source]:
    """The sources, each a URL or a text. Raises ValidationFailed."""
    errors = [
        {"loc": ["sources", str(number)], "message": "either a url or a text is needed", "type": "one_of"}
        for number, source in enumerate(body.sources)
        if (source.url is None) == (source.text is None)
    ]
    if errors:
        raise ValidationFailed(errors)
    return [Source(source.url, source.text) for source in body.sources]


def _failure(source: FailedSource) -> dict[str, object]:
    field = "text" if source.url is None else "url"
    return {"loc": ["sources", str(source.number), field], "message": _MESSAGES[source.why], "type": source.why}


def _signal(ctx: Context, body: ExtractionRequest, read: list[ReadSource], failed: list[FailedSource]) -> Signal:
    summary = summarize([source.scan for source in read])
    evidence, is_cut = evidence_of([(source.number, source.text, source.scan.hits) for source in read])
    parent = body.professional_id
    return Signal.new(
        ctx,
        id=Signal.ID.new(ctx.now, parent=parent) if parent else "unkept",
        professional_id=parent,
        name=body.name,
        signals=summary.signals,
        lead_score=summary.lead_score,
        lead_parts={name: part._asdict() for name, part in summary.lead_parts.items()},
        confidence=summary.confidence,
        reasons=summary.reasons,
        evidence_rows=[list(row) for row in evidence],
        evidence_cut=is_cut,
        sources_scanned=len(read),
        sources_failed=[{"index": source.number, "url": source.url, "why": source.why} for source in failed],
        words=summary.words,
        measures=summary.measures,
        method={"id": METHOD_ID, "version": METHOD_VERSION},
    )
