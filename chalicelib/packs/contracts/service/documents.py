"""The document of a contract: where it is uploaded and downloaded, and whether it has arrived.

Its bytes lie under the contract and their hash, so that a key never holds anything else. A draft says which document is to come; what is
submitted keeps the version of the object that was there then, and later uploads change nothing.
"""

from chalicelib.foundation import files
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound, TooLarge
from chalicelib.foundation.files import StoredFile
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.contracts import repository
from chalicelib.packs.contracts.entities import Contract
from chalicelib.packs.contracts.permissions import require_own
from chalicelib.packs.contracts.rules.statuses import require_draft
from chalicelib.packs.contracts.schemas import (
    MAX_FILE,
    ContractDocumentRequest,
    ContractDownloadView,
    ContractOpenedView,
    ContractUploadView,
)

FOLDER = "contracts"  # the first part of the keys

# -- uploading and reading


@retry_on_conflict
def request_upload(ctx: Context, id: str, body: ContractDocumentRequest) -> ContractUploadView:
    """Where to upload the document of a draft: a URL that takes exactly this file, for 15 minutes. The latest call says which document it is.

    The upload is answered 412 where the file is there already. A contract with a document is submitted once that has arrived.
    """
    Contract.ID.key(id)  # an id of another form is not found, whatever the request says
    if body.size > MAX_FILE:
        raise TooLarge(f"A document may have {MAX_FILE:,} bytes.", limit=MAX_FILE)
    before = _find_draft(ctx, id)
    document = {**body.model_dump(), "key": key_of(id, body.sha256)}
    upload = files.presigned_put(ctx, document["key"], content_type=body.content_type, size=body.size, sha256=body.sha256)
    view: ContractUploadView = {**upload}
    tx = idempotent_transaction(ctx, view)
    repository.add_edit(ctx, tx, before, before.with_changes(ctx, document=document))
    tx.commit()
    return view


def read_document(ctx: Context, id: str) -> ContractDownloadView:
    """Where the document is read, for 5 minutes."""
    contract = ctx.store.require(Contract, id)
    opened = download(ctx, contract)
    document = contract.document or {}
    return {
        **opened,
        "filename": document["filename"],
        "content_type": document["content_type"],
        "size": document["size"],
        "sha256": document["sha256"],
    }


@retry_on_conflict
def delete_document(ctx: Context, id: str) -> None:
    """Take its document from a draft."""
    before = _find_draft(ctx, id)
    if before.document is None:
        raise NotFound("document")
    tx = Transaction(ctx.store)
    repository.add_edit(ctx, tx, before, before.with_changes(ctx, document=None))
    tx.commit()


def _find_draft(ctx: Context, id: str) -> Contract:
    snapshot = repository.read(ctx, id)
    require_own(ctx, snapshot.gate)
    ctx.check_if_match(snapshot.contract.revision)
    require_draft(snapshot.contract.status)
    return snapshot.contract


# -- for other use cases


def key_of(contract_id: str, sha256: str) -> str:
    """Where a file of a contract lies."""
    return f"{FOLDER}/{contract_id}/{sha256}"


def has_arrived(ctx: Context, contract: Contract) -> bool:
    """Whether the document's bytes are there. One exchange with S3 for a document that isn't fixed yet, else none."""
    return contract.document is not None and _version_of(ctx, contract.document) is not None


def with_fixed_document(ctx: Context, contract: Contract) -> tuple[str, JsonObject | None]:
    """How far the document has come (none, promised, arrived), and the document with the version of the object that is there."""
    document = contract.document
    if document is None:
        return "none", None
    version_id = _version_of(ctx, document)
    return ("promised", document) if version_id is None else ("arrived", {**document, "version_id": version_id})


def download(ctx: Context, contract: Contract) -> ContractOpenedView:
    """The URL of the document. Raises NotFound where none has arrived."""
    document = contract.document
    version_id = None if document is None else _version_of(ctx, document)
    if document is None or version_id is None:
        raise NotFound("document")
    url = files.presigned_get(
        ctx, document["key"], version_id=version_id, filename=document["filename"], content_type=document["content_type"]
    )
    return {"url": url, "expires_in": files.GET_SECONDS}


def _version_of(ctx: Context, document: JsonObject) -> str | None:
    """The version of the object that is fixed or, before that, the one that is there, if it is what was announced."""
    if "version_id" in document:
        return str(document["version_id"])
    stored = files.head(ctx, document["key"])
    return stored.version_id if stored is not None and _is_announced(stored, document) else None


def _is_announced(stored: StoredFile, document: JsonObject) -> bool:
    return (stored.sha256, stored.size) == (document["sha256"], document["size"])


def probe(ctx: Context) -> None:
    """That the bucket of files is reached: a HEAD of a key that nothing has. Raises Unavailable."""
    files.head(ctx, f"{FOLDER}/probe")
