"""Interactions: who logs them, and what they measure."""

LOG, TASK, HANDOFF = SOURCES = ("log", "task", "handoff")
MEASURES = ("response_time_hours", "deliverable_quality", "communication_clarity", "met_deadline")
MAX_HOURS = 10_000
