"""The rules of tasks, pure: nothing here knows the table, the wire or the clock; what a rule needs comes in by parameter."""
