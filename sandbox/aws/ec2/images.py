"""Machine images: which exist, and what becomes of the instances that start from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from sandbox.aws.names import Account
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.services import Handler
from sandbox.core.wire import Object


class ImageFate(StrEnum):
    """What becomes of instances of an image."""

    GOOD = "good"
    BAD = "bad"
    """They end while they start."""
    UNHEALTHY = "unhealthy"
    """They run, but fail the health checks of load balancers."""
    GONE = "gone"
    """The image was deregistered: it is not listed and nothing can start from it."""


class Images:
    """Every id that begins with ami- is an image, but for those that are gone; the newest rule decides."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._rules: list[tuple[str, ImageFate]] = []
        self.handlers: Mapping[str, Handler] = {"DescribeImages": self._describe}

    def rule(self, pattern: str, fate: ImageFate) -> None:
        """Decides the fate of images whose id a regular expression is found in."""
        re.compile(pattern)
        self._rules.append((pattern, fate))

    def bad(self, pattern: str) -> None:
        """Instances of these images end while they start."""
        self.rule(pattern, ImageFate.BAD)

    def unhealthy(self, pattern: str) -> None:
        """Instances of these images fail their health checks."""
        self.rule(pattern, ImageFate.UNHEALTHY)

    def deregister(self, pattern: str) -> None:
        """These images are gone."""
        self.rule(pattern, ImageFate.GONE)

    def clear(self) -> None:
        """Forgets every rule."""
        self._rules.clear()

    def fate(self, image: str) -> ImageFate:
        """What becomes of instances of an image."""
        for pattern, fate in reversed(self._rules):
            if re.search(pattern, image):
                return fate
        return ImageFate.GOOD

    def demand(self, image: str) -> None:
        """Raises AwsError where there is no such image."""
        if not image.startswith("ami-"):
            raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image}" (expecting "ami-...")')
        if self.fate(image) is ImageFate.GONE:
            raise AwsError("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")

    def _describe(self, params: Object) -> Object:
        images: list[str] = params.get("ImageIds", [])
        for image in images:
            self.demand(image)
        return {"Images": [self._image(image) for image in images]}

    def _image(self, image: str) -> Object:
        return {
            "ImageId": image,
            "Name": image.removeprefix("ami-"),
            "State": "available",
            "OwnerId": self._account.id,
            "Architecture": "x86_64",
            "ImageType": "machine",
            "RootDeviceType": "ebs",
            "VirtualizationType": "hvm",
            "Public": False,
            "CreationDate": "2026-01-01T00:00:00.000Z",
        }
