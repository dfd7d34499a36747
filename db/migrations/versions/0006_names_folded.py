"""Services by name, capitals and small letters alike. Forward only: the way back is a backup."""

import sqlalchemy as sa
from alembic import op

from db.folding import Folded

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.drop_index("ix_service_name", table_name="service")
    name, id_ = sa.column("name", sa.String()), sa.column("id", sa.String())
    op.create_index("ix_service_folded_name", "service", [Folded(name), id_])
