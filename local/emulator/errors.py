"""Errors as AWS reports them: a type and a message."""

import sys


def log_error(error: Exception) -> None:
    """Write an unexpected error to the log, which standard error is."""
    sys.excepthook(type(error), error, error.__traceback__)


class ServiceError(Exception):
    """An error that a service returns to its client; `details` are further fields of its body."""

    def __init__(self, code: str, message: str, status: int = 400, **details: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.details = code, message, status, details


class ValidationError(ServiceError):
    """A request that DynamoDB would not accept."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class InvalidUpdate(ValidationError):
    """An update that does not fit the item that it is applied to."""


class ConditionFailed(ServiceError):
    """A write whose condition does not hold; `item` is the item as it is, where the request asked for it."""

    def __init__(self, item: object = None) -> None:
        super().__init__("ConditionalCheckFailedException", "The conditional request failed")
        if item:
            self.details["Item"] = item
