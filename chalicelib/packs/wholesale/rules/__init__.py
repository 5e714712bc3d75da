"""The business rules of wholesaling, as pure functions: stages, pricing, exit strategies, deadlines, follow-ups, the funnel.

They do no I/O and read no clock: everything comes in by parameter. Callers import single modules, so that the stream consumers
load no more than they need.
"""
