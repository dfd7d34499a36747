"""Texts into a step, rendered with their secrets, and out of it, masked and cleaned. Imports the expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from pipelines.expressions import ExpressionError, Scope, mask, parse
from pipelines.secret_marks import reveal
from pipelines.steps.values import StepFailed
from providers.connectors import ConnectorsError

# What a database or a terminal must not get, and the marks that stand for secrets: a script that prints a mark
# would otherwise be handed the secret by the next step that reads its output.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ue000\ue001]")


@dataclass
class Texts:
    """Renders the texts of one step and remembers every secret that went into them."""

    scope: Scope
    secrets: set[str] = field(default_factory=set[str], repr=False)

    def render(self, text: str) -> str:
        """The text with its expressions replaced. Raises StepFailed."""
        try:
            rendered = parse(text).render(self.scope)
        except (ExpressionError, ConnectorsError) as error:
            raise StepFailed(str(error)) from error
        self.secrets |= rendered.secrets
        return self.reveal({"text": rendered.text})["text"]

    def reveal(self, texts: Mapping[str, str]) -> dict[str, str]:
        """The texts with secrets in the place of their marks, which recorded values hold. Raises StepFailed."""
        try:
            return cast("dict[str, str]", reveal(dict(texts), self._secret, self.secrets))
        except ConnectorsError as error:
            raise StepFailed(str(error)) from error

    def _secret(self, identifier: str) -> str:
        resolve = self.scope.resolve_secret
        secret = resolve(identifier) if resolve is not None else None
        if secret is None:
            raise StepFailed(f'There is no secret "{identifier}".')
        return secret

    def show(self, text: str) -> str:
        """Text from outside, fit to be recorded and shown."""
        return mask(cleaned(text), self.secrets)


def cleaned(text: str) -> str:
    """Text from outside without the characters that must not come in."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)
