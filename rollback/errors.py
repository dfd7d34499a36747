"""What callers of the rollback floor must handle."""

from __future__ import annotations

from rollback.values import Scope


class ScopeNotFound(Exception):
    """The scope names an execution, stage or instance that does not exist, or stages of several executions."""


def not_found(scope: Scope) -> ScopeNotFound:
    """Nothing is there that the scope names."""
    if scope.execution_id is not None:
        return ScopeNotFound("There is no such execution.")
    if scope.instance_id is not None:
        return ScopeNotFound("There is no such instance, or no execution of Unship put it there.")
    return ScopeNotFound("The stages must exist and belong to one execution.")
