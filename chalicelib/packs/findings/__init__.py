"""Q, findings: what is wrong with deals, found by rules, kept once each, and what people have done about it."""

from chalicelib.foundation.manifest import Pack, PermissionRow, SubjectEntry

PACK = Pack(
    letter="Q",
    name="findings",
    title="Internal Auditor",
    package=__name__,
    permissions=(
        PermissionRow(
            "findings",
            {
                "admin": "rwa all deal rules scan acknowledge resolve",
                "operator": "r all deal scan acknowledge",
                "dealmaker": "r own-deals deal",
                "counsel": "r all deal acknowledge",
                "auditor": "rw all deal scan acknowledge resolve accept export verify",
                "viewer": "r",
            },
            governed=True,
        ),
    ),
    subjects=(SubjectEntry("finding", "find", f"{__name__}.subjects.FINDING"),),
    entities={"finding": f"{__name__}.entities.Finding"},
    rows=(f"{__name__}.entities.LastScan",),
    key_prefixes=("firm",),
)
