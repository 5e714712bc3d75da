"""The rules of dispositions, pure: assignments, earnest money, proof of funds, prices, ranks, statistics, markets, matching.

Nothing here knows the table, the wire or the clock; what a rule needs comes in by parameter. Callers import the module
that they need (`from .rules import matching`), so that a stream reader loads no more than its own part.
"""
