"""What the workflows have done, recorded in the transactions that did it; only the engine reads it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from db.columns import UtcDateTime, now


class Checkpoint(SQLModel, table=True):
    """The result of one transaction or step of a workflow, which is answered from here when the workflow repeats.

    `position` counts the records of a workflow from 1; `name` is what was done, to notice a workflow that repeats
    differently.
    """

    workflow_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    execution_id: str = Field(foreign_key="execution.id", index=True)
    name: str
    result: Any = Field(default=None, sa_type=sa.JSON)
    recorded_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
