"""The rules of holdings, pure: dated values, what is owned of them, sums, rates, summaries, performance, snapshots.

Nothing here knows the table, the wire or the clock; what a rule needs comes in by parameter. Callers import the module
that they need (`from .rules import fx`), so that a stream reader loads no more than its own part.
"""
