"""Elastic Container Service and the scaling of its services."""

from sandbox.aws.ecs.container_service import ContainerService
from sandbox.aws.ecs.control import image_routes
from sandbox.aws.ecs.images import ImageFate, Images
from sandbox.aws.ecs.scaling import ApplicationScaling
from sandbox.aws.ecs.targets import TargetGroups
from sandbox.aws.ecs.tasks import Pace

__all__ = ["ApplicationScaling", "ContainerService", "ImageFate", "Images", "Pace", "TargetGroups", "image_routes"]
