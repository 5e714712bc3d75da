"""The rules of finalization, as pure functions: of statuses, templates, items, the checklist and the certificate."""
