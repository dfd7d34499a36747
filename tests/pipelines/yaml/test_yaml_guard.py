"""The YAML guard: scalars stay text, places are exact, everything dangerous is refused by name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.problems import ProblemCode
from pipelines.yaml_guard import YamlLimits, read_documents
from pipelines.yaml_nodes import Node, plain, position


def _root(text: str) -> Node:
    reading = read_documents(text)
    assert reading.problems == ()
    (document,) = reading.documents
    return document.root


@pytest.mark.parametrize(
    "scalar", ["1.10", "no", "0123", "1_000", "0x1F", "2024-01-01", "12:30:45", "true", "1e3", ".inf", "=", "yes"]
)
def test_scalars_stay_text(scalar: str) -> None:
    assert plain(_root(f"a: {scalar}\nb: [{scalar}]")) == {"a": scalar, "b": [scalar]}


@pytest.mark.parametrize("nothing", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_none_and_its_key_is_left_out(nothing: str) -> None:
    assert plain(_root(f"a: {nothing}\nb: 1")) == {"b": "1"}


@pytest.mark.parametrize("quoted", ["''", '""', "'null'", '"~"', "'no'"])
def test_quoted_text_is_text(quoted: str) -> None:
    assert plain(_root(f"a: {quoted}")) == {"a": quoted[1:-1]}


def test_expression_inside_a_flow_mapping() -> None:
    root = _root("spec: {image: nginx, tag: <+pipeline.variables.tag>, key: a-<+INFRA_KEY_SHORT_ID>}")
    assert plain(root) == {
        "spec": {"image": "nginx", "tag": "<+pipeline.variables.tag>", "key": "a-<+INFRA_KEY_SHORT_ID>"}
    }


def test_documents_keep_their_verbatim_text() -> None:
    text = "# first\na: 1   # one\n---\n# second\nb:\n  - 2\n...\n---\n\n---\nc: {d: 3}\n"
    reading = read_documents(text)
    assert [(document.index, document.source) for document in reading.documents] == [
        (1, "# first\na: 1   # one\n"),
        (2, "# second\nb:\n  - 2\n"),
        (4, "c: {d: 3}\n"),
    ]


def test_verbatim_text_reads_back_to_the_same_tree() -> None:
    text = "%YAML 1.1\n---\na: |\n  x\n\n  ---\nb: 'q'\n---\n- 1\n"
    first, second = read_documents(text).documents
    assert plain(_root(first.source)) == plain(first.root) == {"a": "x\n\n---\n", "b": "q"}
    assert plain(_root(second.source)) == plain(second.root) == ["1"]


def test_places_are_those_of_keys_and_items() -> None:
    root = _root("a:\n  b:\n    - c: 1\n    - d: {e: 2, f: 3}\n")
    assert position(root, ("a",)) == (1, 1)
    assert position(root, ("a", "b", 1, "d")) == (4, 7)
    assert position(root, ("a", "b", 1, "d", "f")) == (4, 17)
    assert position(root, ("a", "missing", "too")) == (1, 1)


def test_byte_order_mark_and_windows_line_ends() -> None:
    reading = read_documents("\ufeffa: 1\r\nb:\r\n  - x\r\n".encode())
    assert [plain(document.root) for document in reading.documents] == [{"a": "1", "b": ["x"]}]


def test_every_problem_is_found_with_its_place() -> None:
    text = "a: &x 1\nb: *x\nc: !!str 2\nd:\n  <<: {e: 1}\n  f: 1\n  f: 2\n---\n~: 1\n"
    found = [
        (problem.code, problem.document, problem.line, problem.column) for problem in read_documents(text).problems
    ]
    assert found == [
        (ProblemCode.YAML_FORBIDDEN, 1, 1, 4),
        (ProblemCode.YAML_FORBIDDEN, 1, 2, 4),
        (ProblemCode.YAML_FORBIDDEN, 1, 3, 4),
        (ProblemCode.YAML_FORBIDDEN, 1, 5, 3),
        (ProblemCode.DUPLICATE_KEY, 1, 7, 3),
        (ProblemCode.YAML_FORBIDDEN, 2, 9, 1),
    ]


def test_messages_say_what_where_and_what_to_do() -> None:
    problems = read_documents("service:\n  name: a\n  name: b\n").problems
    assert [str(problem) for problem in problems] == [
        'document 1, line 3, column 3, service.name: the key "name" appears twice; keep one of them'
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 65 + "]" * 65, "document 1, line 1, column 65"),
        ("a: [1, 2", "document 1, line 1, column 9"),
        ("a: 1\n---\nb: 'x\n", "document 2, line 4, column 1"),
        ("a: b: c", "document 1, line 1, column 5"),
        ("a: 1\n\tb: 2", "document 1, line 2, column 1"),
    ],
)
def test_syntax_and_depth_errors_name_their_place(text: str, expected: str) -> None:
    (problem,) = read_documents(text).problems
    assert str(problem).startswith(expected)


def test_just_deep_enough() -> None:
    assert read_documents("[" * 64 + "]" * 64).problems == ()


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (YamlLimits(size_bytes=10), "a: 12345678"),
        (YamlLimits(size_bytes=10), "a: ééééé"),
        (YamlLimits(events=10), "[1, 2, 3, 4, 5, 6, 7]"),
        (YamlLimits(work=50), "- b\n" * 30),
        (YamlLimits(key_characters=5), "abcdef: 1"),
    ],
)
def test_each_limit_holds(limits: YamlLimits, text: str) -> None:
    assert {problem.code for problem in read_documents(text, limits).problems} == {ProblemCode.YAML_LIMIT}
    assert read_documents(text).problems == ()


def test_number_of_problems_is_bounded() -> None:
    assert len(read_documents("a: 1\n" * 1_000).problems) == YamlLimits().problems


def test_a_whole_mebibyte_of_ordinary_manifest_can_be_read() -> None:
    line = " " * 10 + "image: registry.example.com/shop/web:1.10\n"
    text = "a:\n  b: |\n" + line * (1_000_000 // len(line))
    assert read_documents(text).problems == ()


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}#&*!|>'\"%@`,? \n\t0~<+")))
def test_any_text_is_read_or_refused(text: str) -> None:
    reading = read_documents(text)
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in reading.problems)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    reading = read_documents(data)
    assert reading.problems or all(document.index >= 1 for document in reading.documents)


Tree = str | list["Tree"] | dict[str, "Tree"]

_TREES: st.SearchStrategy[Tree] = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.sampled_from("abcXYZ_-1"), min_size=1, max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_TREES)
def test_whatever_is_written_is_read_back(tree: Tree) -> None:
    assert plain(_root(_flow(tree))) == tree


def _flow(tree: Tree) -> str:
    """The tree in flow style, every text in double quotes."""
    if isinstance(tree, str):
        return '"' + "".join(f"\\U{ord(char):08X}" for char in tree) + '"'
    if isinstance(tree, list):
        return "[" + ", ".join(_flow(item) for item in tree) + "]"
    return "{" + ", ".join(f'"{key}": {_flow(item)}' for key, item in tree.items()) + "}"
