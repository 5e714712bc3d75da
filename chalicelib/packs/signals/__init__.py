"""H, signals: how a professional's public text is written, by markers that anybody can check."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, SubjectEntry

_READ, _WRITE = "signals:read", "signals:write"
_ONE = "/pros/{id}/signals/{signal_id}"
_LIMITED = ("rate-limited", "not-found", "conflict")

PACK = Pack(
    letter="H",
    name="signals",
    title="Public Behavioral Signal Extractor",
    package=__name__,
    permissions=(
        PermissionRow(
            "signals",
            {
                "admin": "rwa dispute settle data",
                "operator": "rw dispute settle data",
                "dealmaker": "r",
                "counsel": "r",
                "auditor": "r",
                "viewer": "r",
                "professional": "r own dispute data",
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint(
            "POST", "/pros/extract_signals", "extract_signals", _WRITE, "Extract signals from public text",
            location="/pros/{professional_id}/signals/{id}", errors=_LIMITED, extra_statuses=(201,),
        ),
        Endpoint("GET", "/pros/{id}/signals", "list_signals", _READ, "List a professional's signals, newest first"),
        Endpoint("GET", _ONE, "get_signal", _READ, "Read signals with their evidence"),
        Endpoint("POST", f"{_ONE}/dispute", "dispute_signal", "signals:dispute", "Dispute signals", errors=("conflict", "precondition-failed")),
        Endpoint("POST", f"{_ONE}/settle", "settle_signal", "signals:settle", "Settle a dispute of signals", errors=("conflict", "precondition-failed")),
        Endpoint("GET", "/pros/{id}/data", "read_held_data", "signals:data", "Download all that is held on a professional"),
    ),
    subjects=(SubjectEntry("signal", "sig", f"{__name__}.subjects.SIGNAL"),),
    entities={"signal": f"{__name__}.entities.Signal"},
    rows=(f"{__name__}.entities.CurrentSignals",),
    cancels={"professional": f"{__name__}.repository.remove_current"},
    key_prefixes=("CURSIG",),
    held=f"{__name__}.held.held_signals",
)  # fmt: skip
