"""What a caller can get wrong in an argument. Imports nothing of the project."""

from enum import StrEnum


class RefusalCode(StrEnum):
    INVALID_ID = "INVALID_ID"
    INVALID_CURSOR = "INVALID_CURSOR"
    INVALID_VALUE = "INVALID_VALUE"
    LIMIT_OUT_OF_RANGE = "LIMIT_OUT_OF_RANGE"
    FIRST_OR_LAST_REQUIRED = "FIRST_OR_LAST_REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    PERMISSION_DENIED = "PERMISSION_DENIED"


class InputRefused(Exception):
    """An argument that cannot be used; the message says what would be right."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
