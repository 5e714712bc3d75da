"""What somebody who signs consents to. A version never changes once it was shown: a new text is a new version."""

CONSENT_VERSION = "2026-11"

CONSENT_TEXTS = {
    "2026-11": (
        "I have read the document, and I intend to sign it. I agree that my typed name is my signature, with the same effect as one by hand, "
        "and that this contract and its records are made, kept and given to me in electronic form. I may have a copy on paper, "
        "and may sign on paper instead: then I don't sign here, and answer whoever sent me this link."
    ),
}

INTENT = "sign"  # what typing the name was meant as
