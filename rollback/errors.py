"""What callers of the rollback floor must handle."""


class ScopeNotFound(Exception):
    """The scope names an execution, stage or instance that does not exist, or stages of several executions."""
