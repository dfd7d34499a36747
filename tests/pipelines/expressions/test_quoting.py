"""Scripts with expressions, run by the real bash and the real sh over hostile values."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.expressions import ExpressionUnresolved, scope_of
from pipelines.quoting import ScriptError, parse_script, render_script

HOSTILE = (
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned;",
    "& touch pwned &",
    "| touch pwned",
    "a'; touch pwned; '",
    'a"; touch pwned; "',
    "'\"$(touch pwned)\"'",
    "\"'$(touch pwned)'\"",
    "line\ntouch pwned\nline",
    "*",
    "? [a-z]*",
    "~",
    "${HOME}",
    "$HOME",
    "a\\",
    "\\$(touch pwned)",
    "x[$(touch pwned)]",
    "-n",
    "-e \\n",
    "  two  spaces  ",
    "#comment",
    "!!",
    "{a,b}",
    "<(touch pwned)",
    ">pwned",
    "EOF\ntouch pwned\n",
    "\ttab",
    "<+pipeline.name>",
    "ünïcode ✓",
    "",
)
SHELLS = ("bash", "sh")

# Each template prints exactly the value, followed by "|".
TEMPLATES = {
    "bare": "printf '%s|' <+v>",
    "double": "printf '%s|' \"<+v>\"",
    "single": "printf '%s|' '<+v>'",
    "assigned": 'x=<+v>\nprintf "%s|" "$x"',
    "assigned in double quotes": 'x="<+v>"; printf "%s|" "$x"',
    "exported": 'export x=<+v>; printf "%s|" "$x"',
    "substitution": 'x=$(printf "%s|" <+v>); printf "%s" "$x"',
    "substitution in quotes": 'x="$(printf "%s|" "<+v>")"; printf "%s" "$x"',
    "single quotes in a substitution in quotes": "x=\"$(printf '%s|' '<+v>')\"; printf '%s' \"$x\"",
    "case in a substitution": 'x=$(case a in a) printf "%s|" "<+v>";; esac); printf "%s" "$x"',
    "default": 'printf "%s|" "${missing:-<+v>}"',
    "quotes in a default in quotes": 'printf "%s|" "${missing:-"<+v>"}"',
    "bare default": 'printf "%s|" ${missing:-<+v>}',
    "function": 'f() { printf "%s|" "$1"; }\nf <+v>',
    "subshell": '( printf "%s|" <+v> )',
    "loop": 'for x in <+v>; do printf "%s|" "$x"; done',
    "condition": 'if [ <+v> = <+v> ]; then printf "%s|" <+v>; fi',
    "after a comment": '# it\'s a "comment" with $( and `\nprintf "%s|" <+v>',
    "after a comment with the value": '# <+v>\nprintf "%s|" <+v>',
    "after a here-document": "cat <<'X' >/dev/null\n' \" $( `\nX\nprintf '%s|' <+v>",
    "after arithmetic": 'n=$((1 + (2 << 3)))\nprintf "%s|" <+v>',
    "line continuation": 'printf "%s|" \\\n  <+v>',
    "case": 'case <+v> in <+v>) printf "%s|" <+v>;; *) printf other;; esac',
    "after an argument called case": 'x="$(echo case) <+v>"; printf "%s|" "${x#case }"',
    "argument of a script": 'sh -c \'printf "%s|" "$1"\' x <+v>',
    "glued": 'x=a<+v>b; x=${x#a}; x=${x%b}; printf "%s|" "$x"',
}
_PIECES = (
    *(
        "<+v>",
        "<+v>",
        "<+v>",
        " ",
        "\n",
        "echo ",
        "x=",
        "x[",
        "]",
        "[[ ",
        " ]]",
        " -eq ",
        " == ",
        "'",
        '"',
        "\\",
        "$",
    ),
    *(
        "$(",
        ")",
        "${",
        "${x:-",
        "}",
        "((",
        "))",
        "$((",
        "`",
        "#",
        ";",
        "|",
        " && ",
        "<<EOF",
        "\nEOF\n",
        "<<'EOF'",
        "<<<",
    ),
    *(
        "case ",
        " in ",
        ";; ",
        "esac",
        "eval ",
        "sh -c ",
        "| sh",
        "$'",
        "<(",
        "if ",
        "; then ",
        "; fi",
        "{ ",
        "; }",
        "a",
    ),
)
BASH_TEMPLATES = {
    "test": 'if [[ <+v> == <+v> ]]; then printf "%s|" <+v>; fi',
    "array": 'x=(<+v>); printf "%s|" "${x[@]}"',
    "local": 'f() { local x=<+v>; printf "%s|" "$x"; }; f',
    "after ansi quotes": "x=$'it\\'s'; printf '%s|' <+v>",
    "here-string": 'read -r -d "" x <<< <+v> || true; printf "%s|" <+v>',
    "process substitution": 'cat <(printf "%s|" <+v>)',
}


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("shell", SHELLS)
def test_value_arrives_unchanged_and_runs_nothing(shell: str, value: str, tmp_path: Path) -> None:
    for name, template in TEMPLATES.items():
        assert _run(shell, template, value, tmp_path) == f"{value}|", name


@pytest.mark.parametrize("value", HOSTILE)
def test_value_arrives_unchanged_in_bash_constructs(value: str, tmp_path: Path) -> None:
    for name, template in BASH_TEMPLATES.items():
        assert _run("bash", template, value, tmp_path) == f"{value}|", name


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("shell", SHELLS)
def test_here_document_takes_the_value_as_text(shell: str, value: str, tmp_path: Path) -> None:
    template = 'cat <<EOF\nit\'s "<+v>" | $((1 + 1))\nEOF\ncat <<-END\n\t<+v>\n\tEND\n'
    assert _run(shell, template, value, tmp_path) == f'it\'s "{value}" | 2\n{value}\n'


def test_unquoted_value_would_have_run(tmp_path: Path) -> None:
    """The oracle works: the naive way does run the command."""
    subprocess.run(["bash", "-c", "echo $(touch pwned)"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("cat <<'EOF'\n<+v>\nEOF\n", "quoted here-document"),
        ('cat <<"EOF"\n<+v>\nEOF\n', "quoted here-document"),
        ("cat <<\\EOF\n<+v>\nEOF\n", "quoted here-document"),
        ("cat <<<+v>\nx\n", "end mark"),
        ("echo `echo <+v>`", "backticks"),
        ('echo "`echo <+v>`"', "backticks"),
        ("echo $'<+v>'", "$' '"),
        ("echo \\<+v>", "directly"),
        ('echo "\\<+v>"', "directly"),
        ("echo $<+v>", "directly"),
        ('echo "$<+v>"', "directly"),
        ('true; x=<+v> eval "a > <+v>"', "eval"),
        ("f() { eval <+v>; }", "eval"),
        ("$''eval <+v>", "eval"),
        ('e"va"l <+v>', "eval"),
        ("${x:-sh -c} <+v>", "computed"),
        ("sh -c <<EOF <+v>", "sh -c"),
        ("sh 2>&1 -c >log <+v>", "sh -c"),
        ("function f { eval <+v>\n}", "eval"),
        ("2>&1 eval <+v>", "eval"),
        ("command -p eval <+v>", "eval"),
        ('eval "$(cat <<EOF\n<+v>\nEOF\n)"', "code"),
        ("case x in a) eval <+v>;; esac", "eval"),
        ("echo [[ a; eval <+v>", "eval"),
        ("bash -o pipefail -c <+v>", "bash -c"),
        ("timeout 5 ssh host <+v>", "ssh"),
        ("echo <+v> |\n  bash", "output"),
        ("echo <+v> \\\n | bash", "output"),
        ("{ echo <+v>; } | bash", "output"),
        ("(echo <+v>) | bash", "output"),
        ('echo "${x["<+v>"]}"', "${ }"),
        ("echo ${x:$(echo <+v>)}", "${ }"),
        ("echo ${<+v>}", "${ }"),
        ("echo ${x:<+v>}", "${ }"),
        ("echo ${x[<+v>]}", "${ }"),
        ('echo "${x:0:<+v>}"', "${ }"),
        ("eval <+v>", "eval"),
        ('eval "echo <+v>"', "eval"),
        ("eval '<+v>'", "eval"),
        ('eval "$(echo <+v>)"', "eval"),
        ('true && eval "<+v>"', "eval"),
        ("if true; then eval <+v>; fi", "eval"),
        ('bash -c "<+v>"', "bash -c"),
        ("bash -c '<+v>'", "bash -c"),
        ("/bin/sh -ec <+v>", "sh -c"),
        ("sudo sh -c <+v>", "sh -c"),
        ("find . -exec sh -c <+v> ';'", "sh -c"),
        ("bash <<EOF\n<+v>\nEOF\n", "here-document"),
        ("cat <<EOF | sh\n<+v>\nEOF\n", "here-document"),
        ("bash <<< <+v>", "input"),
        ("echo <+v> | bash", "output"),
        ("echo <+v> | sudo sh", "output"),
        ("bash <(echo <+v>)", "output"),
        ("source <(echo <+v>)", "output"),
        ("ssh host <+v>", "ssh"),
        ("trap <+v> EXIT", "trap"),
        ("let x=<+v>", "let"),
        ("alias x=<+v>", "alias"),
        ("declare -i x=<+v>", "declare"),
        ("declare -i x\nx=<+v>", "declare"),
        ("declare -n x\nx=<+v>", "declare"),
        ("declare <+v>", "declare"),
        ("export <+v>", "export"),
        ("declare -a x=<+v>", "declare"),
        ("read <+v>", "read"),
        ("unset <+v>", "unset"),
        ("printf -v <+v> x", "printf"),
        ("<+v>", "command itself"),
        ("x=1 <+v> a", "command itself"),
        ("'<+v>' a", "command itself"),
        ('"<+v>" a', "command itself"),
        ("exec <+v>", "command itself"),
        ("echo \ue000 <+v>", "U+E000"),
        ("echo '<+v>", "never closed"),
    ],
)
def test_place_where_no_shell_can_take_a_value_is_refused(script: str, reason: str) -> None:
    with pytest.raises(ScriptError) as refusal:
        parse_script(script)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    "script",
    [
        "echo $((<+v> + 1))",
        'echo "$((<+v> + 1))"',
        "echo $[<+v> + 1]",
        "if (( <+v> > 3 )); then echo yes; fi",
        "for ((i=0; i<<+v>; i++)); do echo; done",
        "x[<+v>]=1",
        'x["<+v>"]=1',
        "echo $(( $(echo <+v>) ))",
        "echo $(( ${x:-<+v>} ))",
        '[[ "$(echo <+v>)" -eq 3 ]]',
        "[[ <+v> -eq 3 ]] && echo yes",
        '[[ 3 -lt "<+v>" ]] && echo yes',
    ],
)
def test_where_the_shell_evaluates_only_whole_numbers_pass(script: str) -> None:
    template = parse_script(script)
    assert template.render(scope_of(v="42")).environment == {"UNSHIP_VALUE_1": "42"}
    for value in ("x[$(touch pwned)]", "1+1", "", "08", "1 "):
        with pytest.raises(ScriptError, match="whole number"):
            template.render(scope_of(v=value))


def test_arithmetic_computes(tmp_path: Path) -> None:
    assert _run("bash", 'echo $((<+v> + 1)); [[ <+v> -eq 41 ]] && echo "same"', "41", tmp_path) == "42\nsame\n"


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * 200_000])
def test_value_no_process_can_take_is_refused(value: str) -> None:
    with pytest.raises(ScriptError):
        render_script("echo <+v>", scope_of(v=value))


def test_values_too_large_together_are_refused() -> None:
    with pytest.raises(ScriptError, match="together"):
        render_script("echo " + "<+v> " * 12, scope_of(v="x" * 99_000))


def test_refusal_names_the_line() -> None:
    with pytest.raises(ScriptError, match=r"^line 3 of the script: ") as refusal:
        parse_script("echo <+v>\necho 'two\nlines'; eval <+v>")
    assert refusal.value.line == 3


def test_script_without_expressions_is_left_alone() -> None:
    script = "eval `echo '$x'` <<'EOF'\n\\\nEOF\n"
    rendered = render_script(script, scope_of())
    assert (rendered.text, dict(rendered.environment)) == (script, {})


def test_secrets_are_handed_over_for_masking_and_not_shown() -> None:
    scope = scope_of(resolve_secret={"db": "s3cret"}.get)
    rendered = render_script("login <+secrets.getValue('db')>", scope)
    assert rendered.text == 'login "${UNSHIP_VALUE_1}"'
    assert rendered.environment == {"UNSHIP_VALUE_1": "s3cret"}
    assert rendered.secrets == {"s3cret"}
    assert "s3cret" not in repr(rendered)


def test_missing_value_is_named() -> None:
    with pytest.raises(ExpressionUnresolved) as missing:
        render_script("echo <+steps.a.output.b>", scope_of())
    assert missing.value.path == "steps.a.output.b"


def _run(shell: str, template: str, value: str, directory: Path) -> str:
    rendered = render_script(template, scope_of(v=value))
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", **rendered.environment}
    done = subprocess.run(
        [shell, "-c", rendered.text],
        cwd=directory,
        env=environment,
        capture_output=True,
        timeout=20,
        check=True,
        encoding="utf-8",
    )
    assert list(directory.iterdir()) == [], f"{template!r} ran the value"
    return done.stdout


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_any_script_is_parsed_or_refused(script: str) -> None:
    try:
        template = parse_script(script)
    except ScriptError as refusal:
        assert 1 <= refusal.line <= script.count("\n") + 1  # noqa: PT017 - either outcome is fine
    else:
        assert len(template.slots) == script.count("<+v>")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(_PIECES), max_size=10).map("".join), st.sampled_from(["bash", "sh"]))
def test_no_script_that_is_accepted_runs_the_value(script: str, shell: str) -> None:
    """Whatever the script does with the value, a command inside the value must not run."""
    try:
        template = parse_script(f"{script}\n")
    except ScriptError:
        return
    with tempfile.TemporaryDirectory() as name:
        marker = Path(name) / "pwned"
        for value in (f"x[$(touch {marker})]", f"$(touch {marker})", f"';touch {marker};'", f'";touch {marker};"'):
            try:
                rendered = template.render(scope_of(v=value))
            except ScriptError:
                continue
            environment = {"PATH": os.environ["PATH"], **rendered.environment}
            subprocess.run(
                [shell, "-c", rendered.text],
                cwd=name,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=20,
                check=False,
            )
            assert not marker.exists(), (script, rendered.text)
