"""Hostile expressions: every case is refused with a named error, quickly, and nothing leaks."""

import time
from pathlib import Path

import pytest

from pipelines.documents import load_configuration
from pipelines.expressions import ExpressionError, evaluate_condition, parse, scope_of
from pipelines.problems import ConfigurationProblems, ProblemCode
from tests.pipelines.words import KNOWN, PIPELINE, VOCABULARY

LONG = "x" * 60_000
SCOPE = scope_of(
    resolve_secret={"db": "s3cr3t"}.get,
    env={"name": "prod", "long": LONG, "huge": "x" * 500_000, "list": ["a"] * 1_000, "flag": "true"},
    pipeline={"name": "web", "variables": {"n": "5"}},
)

HOSTILE = {
    "import": '<+__import__("os").system("touch pwned")>',
    "builtins": "<+__builtins__>",
    "class of text": '<+"".__class__>',
    "class of a value": "<+env.name.__class__.__mro__>",
    "class by key": '<+env.name["__class__"]>',
    "subclasses": '<+"".__class__.__base__.__subclasses__()>',
    "format": '<+"{0.__class__}".format(env)>',
    "percent format": '<+"%s" % env>',
    "globals": "<+env.get.__globals__>",
    "dictionary method": "<+env.keys()>",
    "dictionary items": "<+env.items()>",
    "text method": "<+env.name.upper()>",
    "encode": '<+env.name.encode("utf-8")>',
    "eval": '<+eval("1")>',
    "exec": '<+exec("1")>',
    "open": '<+open("/etc/passwd")>',
    "getattr": '<+getattr(env, "name")>',
    "lambda": "<+(lambda: 1)()>",
    "Python list comprehension": "<+[x for x in env]>",
    "Python f-string": '<+f"{env}">',
    "walrus": "<+(a := 1)>",
    "assignment": '<+env.name = "x">',
    "Java runtime": '<+"".getClass().forName("java.lang.Runtime")>',
    "Java new": '<+new("java.lang.ProcessBuilder", "sh")>',
    "Groovy": '<+"sh".execute()>',
    "JEXL script": "<+var x = 1; x>",
    "JEXL loop": "<+while (true) {}>",
    "JavaScript constructor": '<+env.constructor("return 1")()>',
    "JavaScript prototype": "<+env.__proto__>",
    "template in a template": "<+${env.name}>",
    "mustache": "<+{{env.name}}>",
    "CEL map": "<+[1, 2].map(x, x)>",
    "CEL nested map": "<+[1, 2].map(a, [1, 2].map(b, [1, 2].map(c, a)))>",
    "CEL all": "<+env.list.all(x, true)>",
    "CEL exists": '<+env.list.exists(x, x == "a")>',
    "CEL filter": "<+env.list.filter(x, true)>",
    "CEL has": "<+has(env.name)>",
    "CEL dyn": "<+dyn(env.name)>",
    "CEL type": "<+type(env.name)>",
    "CEL duration": '<+duration("1h")>',
    "CEL timestamp": '<+timestamp("2020-01-01T00:00:00Z")>',
    "CEL message": "<+google.protobuf.Any{}>",
    "CEL map literal": '<+{"a": 1}>',
    "CEL bytes": '<+b"abc">',
    "CEL raw text": '<+r"\\d">',
    "CEL triple quotes": '<+"""a""">',
    "CEL optional": "<+env.?name>",
    "CEL matches": '<+env.long.matches("(x+x+)+y")>',
    "CEL internal variable": "<+v0>",
    "CEL internal variable in a sum": "<+v0 + v1>",
    "CEL comment": "<+env.name // comment>",
    "CEL unsigned": "<+1u + 2u>",
    "CEL hexadecimal": "<+0xff>",
    "bit operators": "<+1 << 2>",
    "power": "<+9 ** 9 ** 9>",
    "division by zero": "<+1 / 0>",
    "remainder by zero": "<+pipeline.variables.n % 0>",
    "overflow": "<+999999999999999 * 999999999999999>",
    "huge number": f"<+{'9' * 1_000}>",
    "huge exponent": "<+1e999>",
    "number in another script": "<+\u0665 + 1>",
    "deep brackets": f"<+{'(' * 2_000}1{')' * 2_000}>",
    "deep lists": f"<+{'[' * 2_000}{']' * 2_000}>",
    "deep nesting": "<+" * 2_000 + "a" + ">" * 2_000,
    "nesting in quotes": '<+"' * 2_000,
    "nesting in keys": "<+a[" * 500,
    "nesting in secrets": "<+secrets.getValue(" * 500,
    "many negations": f"<+{'!' * 3_000}true>",
    "many minus signs": f"<+{'- ' * 2_000}1>",
    "many operators": f"<+{'1+' * 2_000}1>",
    "many ternaries": f"<+{'true?1:' * 500}1>",
    "unfinished ternary": f"<+{'true?' * 30}1>",
    "many expressions": "<+env.name>" * 5_000,
    "many sums": f"<+{'+'.join(['a'] * 70)}>" * 900,
    "too long": f"<+{'a' * 5_000}>",
    "text of a mebibyte without an end": '<+"' + "a" * 1_000_000,
    "path of a mebibyte": "<+a" + ".a" * 500_000 + ">",
    "text too large": "x" * 1_048_577 + "<+a>",
    "mebibyte of openings": "<+ " * 300_000,
    "mebibyte of unfinished": "<+a " * 250_000,
    "doubling": "<+" + " + ".join(["env.long"] * 60) + " + env.huge>",
    "replace bomb": '<+env.long.replace("x", "xxxxxxxxxx")>',
    "replace chain": "<+env.name" + '.replace("", "aaaaaaaa")' * 20 + ">",
    "concat chain": "<+env.long" + ".concat(env.long)" * 20 + ">",
    "split bomb": '<+env.long.split("x").size()>',
    "split by nothing": '<+env.name.split("")>',
    "substring outside": "<+env.name.substring(3, 99)>",
    "substring backwards": "<+env.name.substring(2, 1)>",
    "substring by text": '<+env.name.substring("a")>',
    "method without argument": "<+env.name.replace()>",
    "method with too many": "<+env.name.trim(1, 2, 3)>",
    "method of a number": "<+pipeline.name.length().trim()>",
    "text and number": "<+pipeline.name * 2>",
    "text and boolean": "<+pipeline.name && true>",
    "comparing kinds": "<+env.list > 3>",
    "huge operand": '<+env.huge + "x">',
    "huge output": "<+env.huge>" * 20,
    "not closed": "<+env.name",
    "not opened": "<+env.name + >",
    "empty": "<+>",
    "blank": "<+   >",
    "only a comparison": "<+ > >",
    "two values": "<+env.name pipeline.name>",
    "trailing dot": "<+env.>",
    "leading dot": "<+.env>",
    "double dot": "<+env..name>",
    "empty key": "<+env[]>",
    "unclosed key": "<+env[0>",
    "expression as index": "<+env.list[1 + 1]>",
    "unclosed quote": "<+'env>",
    "unknown escape": '<+"\\x41">',
    "unclosed bracket": "<+(env.name>",
    "unopened bracket": "<+env.name)>",
    "semicolon": "<+env.name; pipeline.name>",
    "backtick": "<+`env`>",
    "NUL": "<+env\0name>",
    "surrogate": "<+env.\ud800>",
    "letter of another alphabet": "<+\u0435nv.name>",
    "secret without an argument": "<+secrets.getValue()>",
    "secret with two arguments": '<+secrets.getValue("db", "x")>',
    "secret that does not exist": '<+secrets.getValue("other")>',
    "secret as a path": "<+secrets.db>",
    "list of all secrets": "<+secrets>",
    "secret resolver itself": "<+secrets.getValue>",
}


def test_there_are_enough_cases() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_expression_is_refused_quickly(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begun = time.process_time()
    with pytest.raises(ExpressionError) as refusal:
        parse(HOSTILE[name]).render(SCOPE)
    assert time.process_time() - begun < 2
    assert len(str(refusal.value)) < 400
    assert "s3cr3t" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_condition_is_refused_quickly(name: str) -> None:
    begun = time.process_time()
    with pytest.raises(ExpressionError):
        evaluate_condition(HOSTILE[name], SCOPE)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "name", [name for name, text in HOSTILE.items() if len(text) < 1_000 and text.isprintable()]
)
def test_hostile_expression_in_a_document_is_refused_with_a_code_or_only_evaluated_later(name: str) -> None:
    quoted = HOSTILE[name].replace("'", "''")
    text = PIPELINE.replace(
        "spec: {}}\n            rollback", f"spec: {{pause: '{quoted}'}}}}\n            rollback"
    )
    try:
        parse(HOSTILE[name])
    except ExpressionError:
        with pytest.raises(ConfigurationProblems) as refusal:
            load_configuration(text, VOCABULARY, KNOWN)
        assert [problem.code for problem in refusal.value.problems] == [ProblemCode.INVALID_EXPRESSION]
    else:
        load_configuration(text, VOCABULARY, KNOWN)
