"""Poison YAML: every case is refused with a code, without a crash, within two seconds of processor time."""

import time

import pytest

from pipelines.documents import KnownReferences, load_configuration
from pipelines.problems import ConfigurationProblems, ProblemCode
from tests.pipelines.words import PIPELINE, VOCABULARY

SIZE = 1024 * 1024 - 16
_MERGE_BOMB = "a: &a {x: 1}\n" + "".join(f"b{n}: &b{n} {{<<: [*a, *a, *a, *a]}}\n" for n in range(20))
_LAUGHS = "a0: &a0 [lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))

POISON: dict[str, str | bytes] = {
    "nothing": "",
    "white space": " \n\n ",
    "comments only": "# a\n# b\n",
    "empty documents": "---\n---\n---\n",
    "null document": "null\n",
    "scalar": "hello",
    "list": "- service: {}\n",
    "number": "42",
    "null key": "~: 1",
    "empty key": ": 1",
    "list as key": "? [a, b]\n: 1",
    "mapping as key": "? {a: b}\n: 1",
    "flow list as key": "{[a]: 1}",
    "long key": f"{'k' * 300}: 1",
    "duplicate key": "service: {identifier: a, identifier: b}",
    "duplicate key, quoted": "service: {identifier: a, 'identifier': b}",
    "duplicate top key": "service: {}\nservice: {}",
    "merge key": "service: {<<: {identifier: a}}",
    "merge bomb": _MERGE_BOMB,
    "billion laughs": _LAUGHS,
    "anchor": "service: &a {identifier: a}",
    "alias": "service: *a",
    "self reference": "service: &a [*a]",
    "unused anchor on a scalar": "service: {name: &n x}",
    "python object": "!!python/object/apply:os.system ['touch pwned']",
    "python name": "service: !!python/name:os.system",
    "python module": "a: !!python/module:os",
    "custom tag": "service: !Service {identifier: a}",
    "standard tag": "service: !!map {identifier: a}",
    "binary tag": "service: {name: !!binary aGk=}",
    "tag directive": "%TAG ! tag:x,2000:\n---\nservice: !a {}",
    "undefined tag handle": "service: !x!y {}",
    "unknown version": "%YAML 9.9\n---\na: 1",
    "repeated directive": "%YAML 1.1\n" * 1_000,
    "many directives": "".join(f"%X{n} y\n" for n in range(60_000)),
    "100,000 brackets": "[" * 100_000,
    "100,000 braces": "{a: " * 100_000,
    "100,000 dashes": "- " * 100_000,
    "100,000 questions": "? " * 100_000,
    "100,000 closing brackets": "]" * 100_000,
    "deep indentation": "".join(f"{' ' * n}a:\n" for n in range(1_200)),
    "depth 65": "a: " + "[" * 64 + "]" * 64,
    "a mebibyte of list items": "- a\n" * (SIZE // 4),
    "a mebibyte of flow items": "[" + "a," * (SIZE // 2),
    "a mebibyte of documents": "---\n" * (SIZE // 4),
    "a mebibyte of colons": ":" * SIZE,
    "a mebibyte of spaces": " " * SIZE,
    "a mebibyte of lines": "\n" * SIZE,
    "a mebibyte of comments": "#\n" * (SIZE // 2),
    "a mebibyte of words": "a: " + "x " * (SIZE // 2),
    "a mebibyte of quoted words": 'a: "' + "x " * (SIZE // 2) + '"',
    "a mebibyte of quoted lines": 'a: "' + "\n" * SIZE + '"',
    "a mebibyte of escapes": 'a: "' + "\\n" * (SIZE // 2) + '"',
    "a mebibyte of doubled quotes": "a: '" + "''" * (SIZE // 2) + "'",
    "a mebibyte of plain lines": "a: x\n" + " x\n" * (SIZE // 3),
    "a mebibyte of block lines": "a: |\n" + "  x\n" * (SIZE // 4),
    "a mebibyte of folded lines": "a: >\n" + "  x\n\n" * (SIZE // 6),
    "a mebibyte of one key": "a" * SIZE,
    "a mebibyte of exclamation marks": "!" * SIZE,
    "a mebibyte of anchor": "&" + "a" * SIZE,
    "a mebibyte of quoted key": '"' + "a" * SIZE + '": 1',
    "too large": "a: " + "x" * (1024 * 1024),
    "too large in bytes only": "a: " + "é" * (600 * 1024),
    "unclosed quote": 'service: {name: "x',
    "unclosed bracket": "service: {name: [x",
    "tab indentation": "service:\n\tname: x",
    "mixed indentation": "service:\n   a: 1\n  b: 2",
    "two values": "a: b: c",
    "NUL": "service: {name: a\0b}",
    "control character": "service: {name: a\x1bb}",
    "escaped NUL": 'service: {name: "a\\0b"}',
    "escaped control character": 'service: {name: "\\e[2J"}',
    "escaped surrogate": 'service: {name: "\\ud800"}',
    "escape beyond Unicode": 'service: {name: "\\UFFFFFFFF"}',
    "unknown escape": 'service: {name: "\\q"}',
    "lone surrogate": "service: {name: \ud800}",
    "not a character": "service: {name: \uffff}",
    "broken UTF-8": b"service: {name: \xff\xfe}",
    "cut UTF-8": b"service: {name: \xc3",
    "UTF-16": "service: {}".encode("utf-16"),
    "UTF-32": "service: {}".encode("utf-32"),
    "overlong UTF-8": b"service: {name: \xc0\xaf}",
    "byte order mark in the middle": "service: {}\n\ufeffpipeline: {}",
    "reserved indicator": "service: @x",
    "backtick": "service: `x`",
    "percent": "service: %x",
    "block scalar with a huge indent": "a: |9999\n x",
    "document end garbage": "service: {}\n... x",
    "binary": bytes(range(256)),
    "JSON with duplicates": '{"service": {"identifier": "a", "identifier": "b"}}',
    "service as text": "service: x",
    "service as list": "service: [x]",
    "service as nothing": "service:",
    "two kinds in one document": "service: {}\npipeline: {}",
    "unknown kind": "srvice: {identifier: a}",
    "prototype": "__proto__: {a: 1}",
    "python attribute": "service: {__class__: x, model_config: y, identifier: a}",
    "number of pipelines": PIPELINE.replace("stages:", "stages: []\n  x:"),
    "identifier with a newline": 'environment: {identifier: "a\\n", name: a, type: Production}',
    "identifier of another alphabet": "environment: {identifier: \u0430dmin, name: a, type: Production}",
    "identifier as a path": "environment: {identifier: ../../etc/passwd, name: a, type: Production}",
    "identifier as a list": "environment: {identifier: [a], name: a, type: Production}",
    "expression as an identifier": "environment: {identifier: <+env.name>, name: a, type: Production}",
    "expression as a type": "environment: {identifier: a, name: a, type: <+env.type>}",
    "endless name": f"environment: {{identifier: a, name: {'n' * 129}, type: Production}}",
    "duration without end": PIPELINE.replace("5m", "99999999999999999999s"),
    "negative duration": PIPELINE.replace("5m", "-5m"),
    "duration of digits": PIPELINE.replace("5m", "9" * 5_000),
    "a mebibyte of expressions": PIPELINE.replace("name: Web", "name: " + "<+a>" * 250_000),
    "many expressions": PIPELINE.replace("name: Web", "name: [" + "<+a+b>," * 6_000 + "]"),
    "many long expressions": PIPELINE.replace("name: Web", "name: [" + f"<+{'+'.join('a' * 75)}>," * 6_000 + "]"),
    "long expressions below the count": PIPELINE.replace(
        "name: Web", "x: [" + f"<+{'+'.join('a' * 75)}>," * 4_000 + "]"
    ),
    "unclosed expression": PIPELINE.replace("name: Web", "name: <+pipeline.name"),
}


def test_there_are_enough_cases() -> None:
    assert len(POISON) >= 60


@pytest.mark.parametrize("name", POISON)
def test_poison_is_refused_quickly_with_a_code(name: str) -> None:
    begun = time.process_time()
    with pytest.raises(ConfigurationProblems) as refusal:
        load_configuration(POISON[name], VOCABULARY, KnownReferences())
    assert time.process_time() - begun < 2
    assert refusal.value.problems
    for problem in refusal.value.problems:
        assert problem.code in ProblemCode
        assert min(problem.document, problem.line, problem.column) >= 1
        assert len(str(problem)) < 20_000
        assert str(problem).isprintable()
