"""Which shell commands read their own arguments as code once more. Imports nothing of the project.

Quoting protects a value from the shell that runs the script, not from a command that is a shell itself.
"""

import re

SLOT = "\ue000"  # stands for one expression in the texts that are looked at here

_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"})
_READS_CODE = frozenset(
    {"alias", "eval", "let", "trap", "ssh", "su", "unset", "read", "mapfile", "readarray", "getopts"}
)
_DECLARES = frozenset({"declare", "typeset", "local", "readonly", "export"})
_PREFIXES = frozenset(
    {"!", "builtin", "command", "do", "elif", "else", "env", "exec", "if", "nohup", "sudo", "then", "time"}
)
_PREFIXES_MORE = frozenset({"until", "while", "{"})

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(\[[^\]]*\])?\+?=")
_PIPED = re.compile(
    r"\|&?\s*(?:\w+=\S*\s+|sudo\s+|env\s+|exec\s+)*(?:\S*/)?(?:ash|bash|dash|ksh|mksh|sh|zsh)(?![\w.-])"
)
_TYPED = re.compile(r"\b(?:declare|typeset|local|readonly|export)\s+(?:-\w+\s+)*-\w*[in]")


def declares_evaluated_variables(script: str) -> bool:
    """Whether the script gives a variable the integer or reference attribute; assigning to it evaluates."""
    return _TYPED.search(script) is not None


def is_piped_into_shell(line: str) -> bool:
    """Whether a command of this line sends its output to a shell."""
    return _PIPED.search(line) is not None


def runs_shell(command: str) -> bool:
    """Whether a simple command starts a shell, or reads a file as one."""
    words = _words(command)
    return any(_base(word) in _SHELLS for word in words) or words[:1] in (["source"], ["."], ["eval"], ["ssh"])


def objection(command: str) -> str | None:
    """Why an expression must not stand at the end of `command`, a simple command up to the expression; or None."""
    words = _words(command)
    if not words:
        return None
    first, rest = _base(words[0]), words[1:]
    found: str | None = None
    if words == [SLOT]:
        found = "an expression cannot be the command itself; write the command's name out"
    elif first in _READS_CODE:
        found = f'"{first}" reads its arguments as code; put nothing into it that is decided elsewhere'
    elif first in _DECLARES and not _declares_plainly(rest):
        found = f'"{first}" would read this as code; write {first} NAME=<+...> without options'
    elif first in {"printf", "test", "["} and "-v" in rest[:-1]:
        found = f'"{first} -v" reads the name of a variable as code'
    return found or _shell_objection(words, command)


def _shell_objection(words: list[str], command: str) -> str | None:
    for index, word in enumerate(words[:-1]):
        if _base(word) not in _SHELLS:
            continue
        if any(re.fullmatch(r"-\w*c", option) for option in words[index + 1 :]):
            return f'"{_base(word)} -c" reads its argument as code; put the code into this script'
        if "<<<" in command:
            return f'"{_base(word)}" reads its input as code; put the code into this script'
    return None


def _words(command: str) -> list[str]:
    words = [word.strip("\"'") for word in command.split()]
    while words and (
        words[0] in _PREFIXES | _PREFIXES_MORE or (_ASSIGNMENT.match(words[0]) and SLOT not in words[0])
    ):
        words = words[1:]
    return words


def _base(word: str) -> str:
    return word.rsplit("/", 1)[-1]


def _declares_plainly(arguments: list[str]) -> bool:
    options = [word for word in arguments if word.startswith("-")]
    return (
        bool(arguments)
        and not any(set(option) & set("aAin") for option in options)
        and (_ASSIGNMENT.match(arguments[-1]) is not None and "[" not in arguments[-1].split("=", 1)[0])
    )
