"""The library's rule for inputs of which exactly one field is given, which breaks on some documents."""

from __future__ import annotations

from graphql import GraphQLNamedType, ObjectValueNode, ValidationContext, VariableDefinitionNode, VariableNode
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule


class OneOfRule(OneOfInputValidationRule):
    """As the library's, also where it has not seen the definition of a variable.

    One that nothing defines is reported by the rule about that; a fragment may stand before the operation.
    """

    def __init__(self, validation_context: ValidationContext) -> None:
        super().__init__(validation_context)
        self.variable_definitions: dict[str, VariableDefinitionNode] = {}

    def validate_one_of(self, node: ObjectValueNode, type: GraphQLNamedType) -> None:  # noqa: A002 - its name there
        values = [field.value for field in node.fields]
        names = {value.name.value for value in values if isinstance(value, VariableNode)}
        if names <= set(self.variable_definitions):
            super().validate_one_of(node, type)
