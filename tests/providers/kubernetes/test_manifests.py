"""Manifest text: what is read, and what is refused with which words."""

from __future__ import annotations

import time

import pytest

from providers.errors import ProviderRefused
from providers.kubernetes.manifests import parse, parse_all
from providers.tree import at
from providers.values import Manifest
from providers.yaml_text import MOST_BYTES

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{', '.join([f'*{chr(97 + n)}'] * 10)}]}}\n" for n in range(9)
)


def test_documents_and_members_of_lists_become_objects() -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: c}}\n"
    content = "---\n" + "---\n".join((CONFIG % "a", "\n", CONFIG % "b", listed))
    assert [str(item.ref) for item in parse("web", content)] == ["ConfigMap/a", "ConfigMap/b", "Secret/c"]


def test_scalars_are_read_as_kubectl_reads_them() -> None:
    body = parse("web", CONFIG % "a" + "data: {when: 2026-01-02, at: 2026-01-02T03:04:05Z, n: null, a: 'no'}")[
        0
    ].body
    assert at(body, "data") == {"when": "2026-01-02", "at": "2026-01-02T03:04:05Z", "a": "no"}


def test_anchors_and_merge_keys_work() -> None:
    content = CONFIG % "a" + "data: &d {a: b}\nbinaryData: {<<: *d, c: d}\n"
    assert at(parse("web", content)[0].body, "binaryData") == {"a": "b", "c": "d"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "not valid YAML: .* at line 1"),
        ("kind: [}", "line 1, column 8"),
        ("- a", "not an object"),
        ("just text", "not an object"),
        ("kind: ConfigMap", "without apiVersion or kind"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}", "Pod without metadata.name"),
        ("a: 1\na: 2", 'key "a" twice in the mapping at line 1'),
        (CONFIG % "a" + "data: {x: {y: 1, y: 2}}", 'key "y" twice in the mapping at line 4'),
        (CONFIG % "a" + "data: {x: !!python/object:os.system {}}", "not valid YAML"),
        (CONFIG % "a" + "data: {x: .nan}", "JSON"),
        (CONFIG % "a" + "data: {1: a}", "JSON"),
        (CONFIG % "a" + "data: {x: !!binary aGk=}", "JSON"),
        (CONFIG % "a" + "data: &a {x: *a}", "aliases"),
        (BOMB, "aliases"),
        (MERGES, "aliases"),
        ("[" * 5_000, "nested|not valid"),
        ("- " * 5_000, "nested|not valid"),
        ("a\x00b", "not valid YAML"),
        (CONFIG % "a" + "#" * MOST_BYTES, "larger than"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_refused_names_the_manifest(content: str, said: str) -> None:
    began = time.process_time()
    with pytest.raises(ProviderRefused, match=f'Manifest "web" .*({said})'):
        parse("web", content)
    assert time.process_time() - began < 2


def test_an_object_that_is_named_twice_is_refused() -> None:
    one, two = (Manifest(identifier=name, type="K8sManifest", content=CONFIG % "a") for name in ("x", "y"))
    assert len(parse_all([one])) == 1
    with pytest.raises(ProviderRefused, match="ConfigMap/a is in the manifests twice"):
        parse_all([one, two])
