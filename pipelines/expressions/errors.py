"""What can go wrong with an expression. Imports nothing of the project.

ExpressionError
  ExpressionSyntaxError      the text is not an expression; found when it is parsed
  ExpressionUnresolved       it reads a value that does not exist; names the path
  ExpressionEvaluationError  its operands do not fit, or its result is too large
"""


class ExpressionError(Exception):
    """Base of all; the message never contains a value, only what the expression itself says."""


class ExpressionSyntaxError(ExpressionError):
    """The text cannot be parsed. `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1} of the text)")
        self.position = position


class ExpressionUnresolved(ExpressionError):
    """The expression reads `path`, which nothing recorded."""

    def __init__(self, path: str) -> None:
        super().__init__(f"<+{path}> has no value")
        self.path = path


class ExpressionEvaluationError(ExpressionError):
    """The expression cannot be evaluated with the values it reads."""
