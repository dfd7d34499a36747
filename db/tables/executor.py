"""The processes that carry executions of one PostgreSQL database; an embedded one has no rows here."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from db.columns import UtcDateTime


class Executor(SQLModel, table=True):
    """One process from its start to its end, for as long as it beats.

    Both moments are of the database's clock. A process that ends in order deletes its row, so a row whose beat is
    old is of a process that died, hangs, or cannot reach the database.
    """

    id: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    beaten_at: datetime = Field(sa_type=UtcDateTime)
