<%
def without_remarks(text):
    """Alembic frames what it generated with remarks that say nothing."""
    return "\n".join(line for line in text.splitlines() if "# ###" not in line).strip()
%>"""${message}. Forward only: the way back is a backup."""

# ruff: noqa: E501, PLR0915
import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${without_remarks(upgrades) or "pass"}
