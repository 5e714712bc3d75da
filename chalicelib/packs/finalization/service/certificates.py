"""Reading certificates, as JSON, as a page and as a PDF."""

from typing import Annotated

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import CONTENT_SECURITY_POLICY, ApiResponse
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization import repository
from chalicelib.packs.finalization.presenters import certificate_view
from chalicelib.packs.finalization.schemas import CertificateQuery, CertificateView


def get_certificate(ctx: Context, deal_id: str, query: CertificateQuery) -> Annotated[ApiResponse, CertificateView]:
    """That a deal was finalized, by whom, and what was checked: the latest certificate, or the one with that number."""
    certificate, content = repository.find_certificate(ctx, deals.resolve_id(ctx, deal_id), query.number)
    view = certificate_view(certificate, content)
    if query.format == "json":
        return ApiResponse(view)
    from chalicelib.packs.finalization.service import documents

    document = documents.describe(view, ctx.settings.firm_time_zone)
    if query.format == "html":
        from chalicelib.foundation.printing.page import as_html

        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return ApiResponse(as_html(document), headers=headers, content_type="text/html; charset=utf-8", revision=certificate.revision)
    from chalicelib.foundation.printing.pdf import as_pdf

    headers = {"Content-Disposition": f'inline; filename="{certificate.id}.pdf"'}
    pdf = as_pdf(document, certificate.updated_at)
    return ApiResponse(pdf, headers=headers, content_type="application/pdf", revision=certificate.revision)
