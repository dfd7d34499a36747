"""Variables as every document declares them. Imports the shared model base only."""

from enum import StrEnum

from pipelines.documents.base import Description, Model, Text, VariableName


class VariableType(StrEnum):
    """How a variable's value is treated; a Secret is a reference that is resolved at run time and masked."""

    STRING = "String"
    NUMBER = "Number"
    SECRET = "Secret"  # noqa: S105 - a word of the format


class Variable(Model):
    """A named value. `required` (pipelines only): a run must give one when the document does not."""

    name: VariableName
    type: VariableType = VariableType.STRING
    value: Text | None = None
    description: Description | None = None
    required: bool = False
