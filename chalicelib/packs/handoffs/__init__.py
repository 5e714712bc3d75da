"""L, handoffs: work is handed to a professional as a frozen, numbered packet, so that nothing of it is lost."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, Schedule, SubjectEntry

_READ, _WRITE, _ACCEPT, _RETURN = "handoffs:read", "handoffs:write", "handoffs:accept", "handoffs:return"
_PROFESSIONAL, _PACKET = "/pros/handoff/{professional_id}", "/pros/handoff/packets/{id}"
_MOVE_ERRORS = ("conflict", "invalid-transition", "precondition-failed")
_HTML, _PDF = "text/html", "application/pdf"

PACK = Pack(
    letter="L",
    name="handoffs",
    title="Professional Handoff Engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "handoffs",
            {
                "admin": "rwa any-deal accept return",
                "operator": "rw any-deal accept return",
                "dealmaker": "rw own-deals",
                "counsel": "rw own-deals",
                "auditor": "r",
                "viewer": "r",
                "professional": "r own accept return",
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint("GET", _PROFESSIONAL, "preview_packet", _READ, "Preview a packet, which is not kept", composite=True),
        Endpoint("POST", _PROFESSIONAL, "create_packet", _WRITE, "Draft a packet", 201, _PACKET, errors=("conflict",)),
        Endpoint("GET", _PACKET, "get_packet", _READ, "Read a packet as JSON, HTML or PDF", formats=(_HTML, _PDF)),
        Endpoint("PATCH", _PACKET, "edit_packet", _WRITE, "Change the parts of a draft", errors=("conflict",)),
        Endpoint(
            "GET",
            "/pros/handoff/by-professional/{professional_id}",
            "list_professional_packets",
            _READ,
            "List a professional's packets, newest first",
        ),
        Endpoint("GET", "/pros/handoff/by-deal/{deal_id}", "list_deal_packets", _READ, "List a deal's packets, newest first"),
        Endpoint("POST", f"{_PACKET}/send", "send_packet", _WRITE, "Send a packet", errors=(*_MOVE_ERRORS, "not-ready")),
        Endpoint("POST", f"{_PACKET}/accept", "accept_packet", _ACCEPT, "Accept a packet", errors=_MOVE_ERRORS),
        Endpoint("POST", f"{_PACKET}/return", "return_packet", _RETURN, "Return a packet", errors=_MOVE_ERRORS),
        Endpoint("POST", f"{_PACKET}/complete", "complete_packet", _ACCEPT, "Complete a packet", errors=_MOVE_ERRORS),
    ),
    schedules=(
        Schedule("handoffs-unaccepted", "rate(1 hour)", f"{__name__}.schedules.unaccepted", "Tells of packets nobody has accepted"),
    ),
    subjects=(SubjectEntry("packet", "hand", f"{__name__}.subjects.PACKET"),),
    entities={"packet": f"{__name__}.entities.Packet"},
    rows=(f"{__name__}.entities.PacketFacts", f"{__name__}.entities.PacketRegister"),
    held=f"{__name__}.held.held_packets",
    holders={"deal": f"{__name__}.subjects.holders_of_deal", "professional": f"{__name__}.subjects.holders_of_professional"},
)
