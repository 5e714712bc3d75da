"""The rules of wholesaling, pure: stages, numbers, the nets of the exits, alarms, quiet spells, the funnel.

Nothing here knows the table, the wire or the clock; what a rule needs comes in by parameter. Callers import the module
that they need (`from .rules import stages`), so that a stream reader loads no more than its own part.
"""
