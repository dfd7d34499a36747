"""What running executions have done, recorded in the transactions that did it; only the runner reads it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from db.columns import UtcDateTime, now


class Checkpoint(SQLModel, table=True):
    """The result of one transaction or step, which is answered from here when its execution is taken up again.

    `branch` is empty but for what runs beside others; `position` counts the records of a branch from 1; `name` is
    what was done, to notice an execution that repeats differently.
    """

    execution_id: str = Field(primary_key=True, foreign_key="execution.id")
    branch: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    name: str
    result: Any = Field(default=None, sa_type=sa.JSON)
    recorded_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
