"""What the demonstration deploys twice and rolls back: a short journey on one platform, a long one on all five."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from demo.proofs import Proof, images_in_namespace, images_of_app, images_of_group, images_of_service


@dataclass(frozen=True)
class Journey:
    """`files` of examples/ in their order, and a pipeline in them with its variables of the old and new version.

    `blocks` are its stages in the order of a deployment, those of one block at the same time. `proofs` ask the
    platforms themselves.
    """

    files: tuple[str, ...]
    pipeline: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    blocks: tuple[frozenset[str], ...]
    proofs: tuple[Proof, ...]


def _blocks(*blocks: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(block) for block in blocks)


ONE_PLATFORM = Journey(
    files=("kubernetes.yaml",),
    pipeline="web",
    before={"tag": "stable-perl"},
    after={"tag": "stable-bullseye-perl"},
    blocks=_blocks(("Staging",), ("Production",)),
    proofs=(
        Proof("Kubernetes, namespace prod", 3, "library/nginx:{tag}", images_in_namespace("prod")),
        Proof("Kubernetes, namespace staging", 3, "library/nginx:{tag}", images_in_namespace("staging")),
    ),
)

ALL_PLATFORMS = Journey(
    files=("kubernetes.yaml", "native-helm.yaml", "ecs.yaml", "asg.yaml", "tas.yaml", "shop.yaml"),
    pipeline="shop",
    before={"tag": "1.0", "ami": "ami-0001"},
    after={"tag": "2.0", "ami": "ami-0002"},
    blocks=_blocks(
        ("Web on Kubernetes",),
        ("Catalog on Helm", "Payments on ECS"),
        ("Search on an Auto Scaling Group",),
        ("Mailer on Cloud Foundry",),
    ),
    proofs=(
        Proof("Kubernetes", 3, "library/nginx:{tag}", images_in_namespace("prod")),
        Proof("Kubernetes, by Helm", 2, "shop/catalog:{tag}", images_in_namespace("catalog")),
        Proof("ECS", 3, "shop/payments:{tag}", images_of_service("shop", "payments")),
        Proof("Auto Scaling", 3, "{ami}", images_of_group("search")),
        Proof("Cloud Foundry", 2, "shop/mailer:{tag}", images_of_app("mailer")),
    ),
)
