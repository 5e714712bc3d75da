"""The rules of retainers, pure: months and terms, minutes and buckets, prices, the life of a retainer, statements, reminders, the forecast.

They do no I/O and read no clock: everything comes in by parameter. Hours are whole minutes, money is Decimal, days are days of the
retainer's own time zone. Callers import single modules, so that the stream consumers load no more than they need.
"""
