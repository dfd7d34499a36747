"""From text to tokens: finds every `<+ >` and reads what is inside. Imports the syntax and the doors.

A `>` with white space on both sides, and any `>` inside round brackets, compares; any other closes the expression.
A dash between two name characters belongs to the name; a minus has a space before or after it.
"""

from dataclasses import dataclass, field

from pipelines.expressions import grammar
from pipelines.expressions.cel_door import CEL_METHODS, FUNCTIONS, Program
from pipelines.expressions.errors import ExpressionSyntaxError
from pipelines.expressions.methods import METHODS
from pipelines.expressions.syntax import Expression, Literal, Parts, Path, Quoted, Secret, Symbol, Token
from pipelines.problems import suggestion


def parse_parts(text: str) -> Parts:
    """The text as literal parts and expressions. Raises ExpressionSyntaxError."""
    if len(text) > grammar.MAX_TEXT:
        raise ExpressionSyntaxError(f"the text is longer than {grammar.MAX_TEXT} characters", grammar.MAX_TEXT)
    parser = _Parser(text)
    parts: list[str | Expression] = []
    while (found := text.find(grammar.OPEN, parser.at)) >= 0:
        if found > parser.at:
            parts.append(text[parser.at : found])
        parser.at = found
        parts.append(parser.expression(0))
    if parser.at < len(text) or not parts:
        parts.append(text[parser.at :])
    return tuple(parts)


def parse_whole(text: str) -> Expression:
    """The whole text as the inside of one expression, as conditions are written. Raises ExpressionSyntaxError."""
    if len(text) > grammar.MAX_EXPRESSION:
        raise ExpressionSyntaxError(
            f"the condition is longer than {grammar.MAX_EXPRESSION} characters", grammar.MAX_EXPRESSION
        )
    return _Parser(text).inside(0, closed=False)


@dataclass(slots=True)
class _Tokens:
    """The tokens of one expression, and how many round and square brackets are open."""

    found: list[Token] = field(default_factory=list[Token])
    brackets: int = 0


class _Parser:
    """A cursor over the text. Every method leaves it behind what it has read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._count = 0
        self._tokens = 0

    def expression(self, depth: int) -> Expression:
        """A whole `<+ >`; the cursor is at its beginning."""
        start = self.at
        self._count += 1
        if self._count > grammar.MAX_EXPRESSIONS:
            raise self._error(f"more than {grammar.MAX_EXPRESSIONS} expressions")
        if depth > grammar.MAX_DEPTH:
            raise self._error(f"expressions are nested more than {grammar.MAX_DEPTH} deep")
        self.at += len(grammar.OPEN)
        found = self.inside(depth, closed=True)
        if self.at - start > grammar.MAX_EXPRESSION:
            raise self._error(f"the expression is longer than {grammar.MAX_EXPRESSION} characters", start)
        return found

    def inside(self, depth: int, *, closed: bool) -> Expression:
        """The tokens up to the closing mark, or to the end of the text when there is none to come."""
        start = self.at
        tokens = _Tokens()
        while not self._ended(tokens, start, closed=closed):
            self._token(tokens, depth)
            if len(tokens.found) > grammar.MAX_TOKENS:
                raise self._error(f"an expression has more than {grammar.MAX_TOKENS} parts", start)
        self._tokens += len(tokens.found)
        if self._tokens > grammar.MAX_ALL_TOKENS:
            raise self._error(f"the expressions have more than {grammar.MAX_ALL_TOKENS} parts together", start)
        source = self.text[start : self.at].strip()
        if closed:
            self.at += 1
        return _compiled(source, tuple(tokens.found), start)

    def _ended(self, tokens: _Tokens, start: int, *, closed: bool) -> bool:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        if self.at >= len(self.text):
            if not closed:
                return True
            hint = "; write <+name> with nothing between the name and the >" if "> " in self.text[start:] else ""
            raise self._error(f"an expression is never closed{hint}", start - len(grammar.OPEN))
        if self.at - start > grammar.MAX_EXPRESSION:
            raise self._error(
                f"the expression is longer than {grammar.MAX_EXPRESSION} characters, or never closed", start
            )
        return closed and self.text[self.at] == ">" and not self._compares(tokens)

    def _compares(self, tokens: _Tokens) -> bool:
        before, after = self.text[self.at - 1], self.text[self.at + 1 : self.at + 2]
        return tokens.brackets > 0 or (before.isspace() and (after.isspace() or after == "="))

    def _token(self, tokens: _Tokens, depth: int) -> None:
        text = self.text
        if text.startswith(grammar.OPEN, self.at):
            inner = self.expression(depth + 1)
            segments = self._segments(depth)
            tokens.found += self._called(Path(segments, inner)) if segments else (inner,)
        elif text[self.at] in "\"'":
            tokens.found.append(self._quoted(depth))
        elif (number := grammar.NUMBER.match(text, self.at)) is not None:
            self.at = number.end()
            tokens.found.append(Literal(float(number[0]) if number[1] else int(number[0])))
        elif (name := grammar.NAME.match(text, self.at)) is not None:
            self.at = name.end()
            tokens.found += self._named(name[0], name.start(), depth)
        elif (method := grammar.METHOD.match(text, self.at)) is not None:
            self.at = method.end()
            tokens.found.append(self._method(method[1], method.start(1)))
        else:
            self._symbol(tokens)

    def _symbol(self, tokens: _Tokens) -> None:
        symbol = next((symbol for symbol in grammar.SYMBOLS if self.text.startswith(symbol, self.at)), None)
        if symbol is None:
            raise self._error(f"unexpected {self.text[self.at]!a}")
        tokens.brackets += (symbol in "([") - (symbol in ")]")
        if not 0 <= tokens.brackets <= grammar.MAX_BRACKETS:
            raise self._error("brackets do not match, or are nested too deep")
        self.at += len(symbol)
        tokens.found.append(Symbol(symbol))

    def _named(self, name: str, start: int, depth: int) -> tuple[Token, ...]:
        segments = (name, *self._segments(depth))
        follows = self.text.startswith("(", self.at)
        if segments == ("secrets", "getValue") and follows:
            return (self._secret(depth),)
        if len(segments) == 1 and follows:
            if name not in FUNCTIONS:
                raise self._error(f'there is no function "{name}"{suggestion(name, FUNCTIONS)}', start)
            return (Symbol(name),)
        if len(segments) == 1 and name in grammar.WORDS:
            return (grammar.WORDS[name],)
        return self._called(Path(segments))

    def _called(self, path: Path) -> tuple[Token, ...]:
        """The path; or, when it ends in a method call, what the method is called on and the method."""
        if not self.text.startswith("(", self.at):
            return (path,)
        last, rest = path.segments[-1], path.segments[:-1]
        if not isinstance(last, str):
            raise self._error("only a name can be called")
        method = self._method(last, self.at - len(last))
        if rest:
            return (Path(rest, path.base), method)
        assert path.base is not None
        return (path.base, method)

    def _method(self, name: str, position: int) -> Symbol:
        known = METHODS.keys() | CEL_METHODS
        if name not in known:
            raise self._error(f'there is no method "{name}"{suggestion(name, known)}', position)
        return Symbol(f".{name}")

    def _secret(self, depth: int) -> Secret:
        start = self.at
        self.at += 1
        tokens = _Tokens(brackets=1)
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        if self.at < len(self.text):
            self._token(tokens, depth)
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        argument = tokens.found[0] if len(tokens.found) == 1 else None
        if argument is None or isinstance(argument, Symbol) or not self.text.startswith(")", self.at):
            raise self._error('write secrets.getValue("identifier")', start)
        self.at += 1
        return Secret(argument)

    def _segments(self, depth: int) -> tuple[str | int | Parts, ...]:
        """What follows a name: `.key`, `["key"]`, `[0]`, with `<+ >` anywhere inside a key."""
        segments: list[str | int | Parts] = []
        while True:
            if len(segments) > grammar.MAX_SEGMENTS:
                raise self._error(f"a path has more than {grammar.MAX_SEGMENTS} parts")
            if (index := grammar.INDEX.match(self.text, self.at)) is not None:
                self.at = index.end()
                segments.append(int(index[1]))
            elif self.text.startswith("[", self.at):
                segments.append(self._key_in_brackets(depth))
            elif self.text.startswith(".", self.at):
                self.at += 1
                segments.append(self._key(depth))
            else:
                return tuple(segments)

    def _key(self, depth: int) -> str | Parts:
        parts: list[str | Expression] = []
        while True:
            if self.text.startswith(grammar.OPEN, self.at):
                parts.append(self.expression(depth + 1))
            elif (found := grammar.KEY.match(self.text, self.at)) is not None:
                self.at = found.end()
                parts.append(found[0])
            else:
                break
        if not parts:
            raise self._error('a name must follow the "."')
        first = parts[0]
        return first if len(parts) == 1 and isinstance(first, str) else tuple(parts)

    def _key_in_brackets(self, depth: int) -> str | Parts:
        start = self.at
        self.at += 1
        if self.text.startswith(grammar.OPEN, self.at):
            key: str | Parts = (self.expression(depth + 1),)
        elif self.text[self.at : self.at + 1] in {'"', "'"}:
            quoted = self._quoted(depth)
            key = quoted.parts if isinstance(quoted, Quoted) else str(quoted.value)
        else:
            raise self._error('write a key in brackets as ["key"], an index as [0]', start)
        if not self.text.startswith("]", self.at):
            raise self._error("the ] is missing", start)
        self.at += 1
        return key

    def _quoted(self, depth: int) -> Literal | Quoted:
        start, quote = self.at, self.text[self.at]
        self.at += 1
        parts: list[str | Expression] = []
        piece = ""
        while not self.text.startswith(quote, self.at):
            if self.at >= len(self.text) or self.at - start > grammar.MAX_EXPRESSION:
                raise self._error(f"the text that begins with {quote} has no end", start)
            if self.text.startswith(grammar.OPEN, self.at):
                parts += [piece, self.expression(depth + 1)]
                piece = ""
            else:
                piece += self._character()
        self.at += 1
        return Quoted((*parts, piece)) if parts else Literal(piece)

    def _character(self) -> str:
        char = self.text[self.at]
        self.at += 1
        if char != "\\":
            return char
        escaped = self.text[self.at : self.at + 1]
        self.at += 1
        if escaped not in grammar.ESCAPES:
            raise self._error("unknown escape; write a backslash as \\\\", self.at - 2)
        return grammar.ESCAPES[escaped]

    def _error(self, message: str, position: int | None = None) -> ExpressionSyntaxError:
        return ExpressionSyntaxError(message, self.at if position is None else max(position, 0))


def _compiled(source: str, tokens: tuple[Token, ...], position: int) -> Expression:
    if not tokens:
        raise ExpressionSyntaxError("an expression is empty", position)
    if len(tokens) == 1 and not isinstance(tokens[0], Symbol):
        return Expression(source, tokens)
    spelled: list[str] = []
    operands = 0
    for token in tokens:
        spelled.append(token.text if isinstance(token, Symbol) else f"v{operands}")
        operands += not isinstance(token, Symbol)
    return Expression(source, tokens, Program(" ".join(spelled), position))
