"""What the connector's user may do: asked of the API server, which knows more than any list of roles.

One rules review answers for the whole namespace; where it does not say yes, each question is asked by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import JsonValue

from providers.errors import ProviderNotFound, ProviderRefused
from providers.kubernetes.cluster import each
from providers.kubernetes.discovery import ACCESS_REVIEW, RULES_REVIEW, Kind
from providers.kubernetes.live import Site
from providers.tree import Tree, at, trees


@dataclass(frozen=True, order=True)
class Question:
    """May we use this verb on objects of a kind in a namespace (None: cluster-wide)?"""

    kind: Kind
    verb: str
    namespace: str | None

    def __str__(self) -> str:
        return f"{self.verb} {self.kind.plural}"


async def rules(site: Site) -> tuple[Tree, ...]:
    """The rules that hold for us in the site's namespace; none where the API server does not tell all of them."""
    body = _review(RULES_REVIEW, {"namespace": site.namespace})
    try:
        answer = await site.cluster.review(RULES_REVIEW, body)
    except (ProviderNotFound, ProviderRefused):
        return ()
    incomplete = at(answer, "status", "incomplete") is not False
    return () if incomplete else tuple(trees(answer, "status", "resourceRules"))


async def denied(site: Site, known: tuple[Tree, ...], questions: Iterable[Question]) -> tuple[Question, ...]:
    """Those of the questions to which the answer is no."""
    open_ones = [
        question
        for question in questions
        if question.namespace != site.namespace or not any(_covers(rule, question) for rule in known)
    ]
    answers = await each(open_ones, lambda question: _is_denied(site, question))
    return tuple(question for question, no in zip(open_ones, answers, strict=True) if no)


async def _is_denied(site: Site, question: Question) -> bool:
    kind = question.kind
    attributes: Tree = {"group": kind.group, "resource": kind.plural, "verb": question.verb}
    if question.namespace:
        attributes["namespace"] = question.namespace
    try:
        answer = await site.cluster.review(
            ACCESS_REVIEW, _review(ACCESS_REVIEW, {"resourceAttributes": attributes})
        )
    except (ProviderNotFound, ProviderRefused):
        # Some clusters do not answer this question: then the rollback itself finds out.
        return False
    return at(answer, "status", "allowed") is False


def _review(kind: Kind, spec: Tree) -> Tree:
    return {"apiVersion": kind.api_version, "kind": kind.name, "spec": spec}


def _covers(rule: Tree, question: Question) -> bool:
    return (
        not at(rule, "resourceNames")
        and _has(at(rule, "verbs"), question.verb)
        and _has(at(rule, "apiGroups"), question.kind.group)
        and _has(at(rule, "resources"), question.kind.plural)
    )


def _has(listed: JsonValue, value: str) -> bool:
    return isinstance(listed, list) and (value in listed or "*" in listed)
