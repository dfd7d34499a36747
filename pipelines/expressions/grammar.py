"""The words and the bounds of expressions. Imports the syntax only."""

import re

from pipelines.expressions.syntax import Literal, Symbol, Token

OPEN = "<+"
MAX_EXPRESSION = 4_096
MAX_TEXT = 1_048_576
MAX_EXPRESSIONS = 1_000
MAX_DEPTH = 12
MAX_BRACKETS = 20
MAX_TOKENS = 150
MAX_SEGMENTS = 64
MAX_ALL_TOKENS = 10_000

NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(?:-+[A-Za-z0-9_$]+)*", re.ASCII)
KEY = re.compile(r"-*[A-Za-z0-9_$]+(?:-+[A-Za-z0-9_$]+)*(?:-+(?=<\+))?|-+(?=<\+)", re.ASCII)
NUMBER = re.compile(r"\d{1,15}(\.\d{1,15})?(?![A-Za-z0-9_$.])", re.ASCII)
INDEX = re.compile(r"\[\s*(\d{1,6})\s*\]", re.ASCII)
METHOD = re.compile(r"\.\s*([A-Za-z]+)\s*(?=\()", re.ASCII)
SYMBOLS = (
    "&&",
    "||",
    "==",
    "!=",
    "<=",
    ">=",
    "!",
    "<",
    ">",
    "+",
    "-",
    "*",
    "/",
    "%",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    ",",
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/"}
WORDS: dict[str, Token] = {
    "true": Literal(True),
    "false": Literal(False),
    "null": Literal(None),
    "in": Symbol("in"),
}
