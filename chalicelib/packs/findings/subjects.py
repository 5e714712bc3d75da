"""Findings as subjects that other packs refer to."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.findings.entities import Finding


def _facts(finding: Finding) -> JsonObject:
    names = ("deal_id", "code", "severity", "status", "subject_type", "subject_id", "fingerprint", "until")
    return {name: finding.attribute_values.get(name) for name in names}


FINDING = SubjectAdapter(entity=Finding, facts=_facts, hash_fields=("code", "subject_id", "fingerprint", "severity"))
