"""Whether images are still in Amazon ECR, for those that are there; other registries are not asked."""

from __future__ import annotations

import asyncio
import re

from providers.aws.client import Region
from providers.ecs.comparing import images
from providers.errors import ProviderError, ProviderNotFound
from providers.tree import Tree

_ECR = re.compile(
    r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<repository>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>.+))?"
)


async def missing_images(region: Region, definition: Tree) -> list[str]:
    """The images of a task definition that their repository says it has not; where we may not ask, none."""
    found = sorted(set(images(definition).values()))
    missing = await asyncio.gather(*(_is_missing(region, image) for image in found))
    return [image for image, is_missing in zip(found, missing, strict=True) if is_missing]


async def _is_missing(region: Region, image: str) -> bool:
    parts = _ECR.fullmatch(image)
    if parts is None or parts["region"] != region.name:
        return False
    wanted: Tree = {"imageDigest": parts["digest"]} if parts["digest"] else {"imageTag": parts["tag"] or "latest"}
    request: Tree = {
        "registryId": parts["account"],
        "repositoryName": parts["repository"],
        "imageIds": [wanted],
    }
    try:
        await region.call("ecr", "DescribeImages", request, f"look for image {image}")
    except ProviderNotFound:
        return True
    except ProviderError:
        return False
    return False
