"""Manifests: a value of an expression is always one scalar, whatever it contains."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pipelines.expressions import ExpressionError, scope_of
from pipelines.manifest_text import render_manifest

HOSTILE = [
    "x, privileged: true",
    "x}\n---\nkind: ClusterRoleBinding",
    "x\n  hostNetwork: true",
    "'",
    '"',
    "{a: b}",
    "[a]",
    "&a b",
    "*a",
    "!!python/object:os.system x",
    "# comment",
    "| literal",
    "<<",
    "",
]


def rendered(content: str, **words: Any) -> list[object]:
    return list(yaml.safe_load_all(render_manifest(content, scope_of(**words))))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "template", ["{image: <+env.x>}", "image: <+env.x>", 'image: "<+env.x>"', "image: '<+env.x>'"]
)
def test_a_value_stays_one_scalar(template: str, value: str) -> None:
    assert rendered(template, env={"x": value}) == [{"image": value}]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_inside_a_block_stays_inside_it(value: str) -> None:
    content = "data:\n  file: |\n    a <+env.x> b\n  other: kept\n"
    assert rendered(content, env={"x": value}) == [{"data": {"file": f"a {value} b\n", "other": "kept"}}]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", 3),
        ("-1", -1),
        ("true", True),
        ("1.10", "1.10"),
        ("0123", "0123"),
        ("no", "no"),
        ("1e3", "1e3"),
        ("~", "~"),
    ],
)
def test_a_plain_scalar_becomes_a_number_only_where_spelt_as_one(value: str, expected: object) -> None:
    assert rendered("replicas: <+env.x>", env={"x": value}) == [{"replicas": expected}]


def test_what_an_artifact_says_of_itself_is_text() -> None:
    """A tag may be a date or a build number."""
    words = {"artifacts": {"primary": {"tag": "20261129", "image": "7"}}, "artifact": {"tag": "true"}}
    template = "{a: <+artifacts.primary.tag>, b: <+artifacts.primary.image>, c: <+artifact.tag>}"
    assert rendered(template, **words) == [{"a": "20261129", "b": "7", "c": "true"}]
    assert rendered('first: <+artifact.tag == "true">', **words) == [{"first": True}]


def test_what_surrounds_an_expression_makes_it_text() -> None:
    assert rendered("image: shop:<+env.x>", env={"x": "1"}) == [{"image": "shop:1"}]
    assert rendered('port: "<+env.x>"', env={"x": "80"}) == [{"port": "80"}]


def test_keys_documents_and_types_of_the_manifest_stay() -> None:
    content = "<+env.x>: 1\nb: 1.5\nc: '2'\n---\nd: <+env.x>\n"
    assert rendered(content, env={"x": "k"}) == [{"k": 1, "b": 1.5, "c": "2"}, {"d": "k"}]


def test_without_expressions_the_text_stays_to_the_letter() -> None:
    content = "# a comment\na:   {b:  c}\n"
    assert render_manifest(content, scope_of()) == content


def test_what_is_not_yaml_is_named_with_its_place() -> None:
    with pytest.raises(ExpressionError, match="line 2"):
        render_manifest("a: <+env.x>\nb: [", scope_of(env={"x": "1"}))


@pytest.mark.parametrize("written", ["<+targetGroupArn>", "<+targetGroupArn.stage>"])
def test_what_the_platform_fills_in_reaches_it_as_it_is_written(written: str) -> None:
    content = f"arn: {written}\nname: <+env.x>\nboth: a-{written}-<+env.x>\n"
    found = render_manifest(content, scope_of(env={"x": "web"}), frozenset({"targetGroupArn"}))
    assert yaml.safe_load(found) == {"arn": written, "name": "web", "both": f"a-{written}-web"}


@pytest.mark.parametrize("written", ["<+targetGroupArn>", "<+other>", "<+targetGroupArn + other>"])
def test_what_nobody_fills_in_is_refused(written: str) -> None:
    late = frozenset[str]() if written == "<+targetGroupArn>" else frozenset({"targetGroupArn"})
    with pytest.raises(ExpressionError):
        render_manifest(f"arn: {written}", scope_of(), late)
