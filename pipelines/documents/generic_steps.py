"""The steps that need no platform: shell script, HTTP request and waiting. Imports the shared model base only."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pipelines.documents.base import Content, DurationOrExpression, Model, Text, has_expression
from pipelines.documents.variables import VariableType

SHELL_SCRIPT = "ShellScript"
HTTP = "Http"
WAIT = "Wait"

ShellName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
_RESERVED = "UNSHIP_"


class Shell(StrEnum):
    """The interpreter of a script."""

    BASH = "Bash"
    SH = "Sh"


class ScriptText(Model):
    """The script itself."""

    script: Content


class ScriptSourceType(StrEnum):
    """Where a script is kept."""

    INLINE = "Inline"


class ScriptSource(Model):
    """Where the script comes from."""

    type: ScriptSourceType = ScriptSourceType.INLINE
    spec: ScriptText


class EnvironmentVariable(Model):
    """A variable the script reads. Names that begin with UNSHIP_ are taken."""

    name: ShellName
    type: VariableType = VariableType.STRING
    value: Text = ""

    @model_validator(mode="after")
    def _not_reserved(self) -> Self:
        if self.name.upper().startswith(_RESERVED):
            raise PydanticCustomError("reserved", "names that begin with UNSHIP_ are reserved; choose another")
        return self


class ScriptOutput(Model):
    """A shell variable recorded as `output.outputVariables.<name>`; `value` names it where the name differs."""

    name: ShellName
    type: VariableType = VariableType.STRING
    value: ShellName | None = None

    @property
    def source(self) -> str:
        """The shell variable that is read when the script has ended."""
        return self.value or self.name


class ShellScriptSpec(Model):
    """`spec` of a ShellScript step. `onDelegate` and `delegateSelectors` are accepted and mean nothing here."""

    shell: Shell = Shell.BASH
    source: ScriptSource
    environment_variables: tuple[EnvironmentVariable, ...] = ()
    output_variables: tuple[ScriptOutput, ...] = ()
    on_delegate: bool = True
    delegate_selectors: tuple[Text, ...] = ()


class HttpMethod(StrEnum):
    """The methods of an Http step."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"


class HttpHeader(Model):
    """One request header."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$")]
    value: Text = ""


class HttpOutput(Model):
    """An expression over the response, recorded as `output.outputVariables.<name>`."""

    name: ShellName
    type: VariableType = VariableType.STRING
    value: Text


class HttpSpec(Model):
    """`spec` of an Http step. `assertion` is a condition over the response."""

    url: Annotated[str, Field(min_length=1, max_length=8_192)]
    method: HttpMethod = HttpMethod.GET
    headers: tuple[HttpHeader, ...] = Field(default=(), max_length=100)
    request_body: Content | None = None
    assertion: Text | None = None
    output_variables: tuple[HttpOutput, ...] = ()
    delegate_selectors: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _http_only(self) -> Self:
        if not has_expression(self.url) and not self.url.lower().startswith(("http://", "https://")):
            raise PydanticCustomError("url", "the url begins with http:// or https://")
        return self


class WaitSpec(Model):
    """`spec` of a Wait step; seconds once rendered."""

    duration: DurationOrExpression
