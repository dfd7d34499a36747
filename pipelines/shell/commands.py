"""Which shell commands read their own arguments as code once more. Imports nothing of the project.

Quoting protects a value from the shell that runs the script, not from a command that is a shell itself. What a
script does with a value later, through variables of its own, is beyond this.
"""

import re

SLOT = "\ue000"  # stands for one expression in the texts that are looked at here

_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"})
_READS_CODE = frozenset({"alias", "eval", "let", "trap"})
_REMOTE = frozenset({"ssh", "su"})
_READS_NAMES = frozenset({"getopts", "mapfile", "read", "readarray", "unset"})
_DECLARES = frozenset({"declare", "export", "local", "readonly", "typeset"})
_PREFIXES = frozenset(
    {"!", "builtin", "command", "do", "elif", "else", "env", "exec", "if", "nohup", "sudo", "then", "time"}
    | {"until", "while", "{"}
)

_WORD = re.compile(r"(?:\"[^\"]*\"?|'[^']*'?|\\.|[^\s\"'\\])+", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(\[[^\]]*\])?\+?=", re.ASCII)
_REDIRECTION = re.compile(r"\d*[<>]")
_WHOLE_REDIRECTION = re.compile(r"\d*(?:<<-?|<<<|[<>]+&?|&>>?)[^<>&\s]")
_REDIRECTED = re.compile(r"[<>][ \t]*[^\s;&|]*$")
_PIPED = re.compile(
    r"\|&?\s*(?:\w+=\S*\s+|sudo\s+|env\s+|exec\s+)*(?:\S*/)?(?:ash|bash|dash|ksh|mksh|sh|zsh)(?![\w.-])"
)
_CONTINUED = re.compile(r"(?:[^\n]*(?:\\|\||&&)[ \t]*\n)*[^\n]*")
_TYPED = re.compile(r"\b(?:declare|typeset|local|readonly|export)\s+(?:-\w+\s+)*-\w*[in]")


def declares_evaluated_variables(script: str) -> bool:
    """Whether the script gives a variable the integer or reference attribute; assigning to it evaluates."""
    return _TYPED.search(script) is not None


def is_piped_into_shell(text: str, start: int) -> bool:
    """Whether the pipeline that begins at `start` sends anything to a shell."""
    line = _CONTINUED.match(text, start)
    return line is not None and _PIPED.search(line[0]) is not None


def runs_shell(command: str) -> bool:
    """Whether a simple command starts a shell, or reads a file as one."""
    words = command_words(command)
    return any(_base(word) in _SHELLS | _REMOTE for word in words) or words[:1] in (["source"], ["."], ["eval"])


def command_words(command: str) -> list[str]:
    """The words of a simple command from its name on, quotes removed."""
    found = [word for word in _WORD.findall(command) if SLOT in word or _WHOLE_REDIRECTION.match(word) is None]
    words = [re.sub(r"\$(?=[\"'])|[\"'\\]", "", word) for word in found]
    prefixed = False
    while words:
        first = words[0]
        if first == "function":
            words = words[2:]
        elif first in _PREFIXES:
            words, prefixed = words[1:], True
        elif _ASSIGNMENT.match(first) or _REDIRECTION.match(first) or (prefixed and first.startswith("-")):
            words = words[1:]
        else:
            break
    return words


def objection(command: str) -> str | None:
    """Why an expression must not stand at the end of `command`, a simple command up to the expression; or None."""
    words = command_words(command)
    if not words:
        return None
    first, rest = _base(words[0]), words[1:]
    found: str | None = None
    if words == [SLOT]:
        found = "an expression cannot be the command itself; write the command's name out"
    elif words[0].startswith("${") and "}" not in words[0]:
        found = "the command's name is computed here; write it out"
    elif first in _READS_CODE or (first in _READS_NAMES and _REDIRECTED.search(command) is None):
        found = f'"{first}" reads its arguments as code; put nothing into it that is decided elsewhere'
    elif first in _DECLARES and not _declares_plainly(rest):
        found = f'"{first}" would read this as code; write {first} NAME=<+...> without options'
    elif first in {"printf", "test", "["} and "-v" in rest[:-1]:
        found = f'"{first} -v" reads the name of a variable as code'
    return found or _shell_objection(words, command)


def _shell_objection(words: list[str], command: str) -> str | None:
    for index, word in enumerate(words[:-1]):
        name = _base(word)
        if name in _REMOTE:
            return f'"{name}" hands its arguments to another shell as code'
        if name in _SHELLS and _takes_code(words[index + 1 :]):
            return f'"{name} -c" reads this as code; pass the value after the code'
        if name in _SHELLS and "<<<" in command:
            return f'"{name}" reads its input as code; put the code into this script'
    return None


def _takes_code(arguments: list[str]) -> bool:
    """Whether the last argument is the code of `sh -c`; what follows the code is data."""
    skip = False
    for index, argument in enumerate(arguments):
        if skip:
            skip = False
        elif re.fullmatch(r"-\w*c", argument):
            return index == len(arguments) - 2
        elif argument[:1] not in {"-", "+"}:
            return False
        else:
            skip = argument in {"-o", "+o", "-O", "+O", "--rcfile", "--init-file"}
    return False


def _base(word: str) -> str:
    return word.rsplit("/", 1)[-1]


def _declares_plainly(arguments: list[str]) -> bool:
    """Only NAME=value, with options that do not make the value code: not arrays, integers or references."""
    options = {letter for word in arguments if word.startswith("-") for letter in word}
    name = arguments[-1].split("=", 1)[0] if arguments else ""
    return not options & set("aAin") and _ASSIGNMENT.match(f"{name}=") is not None and "=" in arguments[-1]
