"""What is deployed."""

from typing import Any

import strawberry

from db.queries.instances import ArtifactCountRow, InstanceRow
from providers.values import Artifact as ArtifactValue


@strawberry.type(description="What was deployed: an image, a chart version, a launch template version, a droplet.")
class Artifact:
    display_name: str = strawberry.field(description="What to show.")
    image: str | None = strawberry.field(description="The image without its tag, where there is one.")
    tag: str | None = strawberry.field(description="The tag it was asked for by.")
    digest: str | None = strawberry.field(description="What the content hashes to, where the platform tells.")
    revision: str | None = strawberry.field(description="The platform's own revision of it.")

    @classmethod
    def of(cls, row: ArtifactValue | InstanceRow | ArtifactCountRow) -> "Artifact":
        return cls(
            display_name=row.display_name,
            image=row.image,
            tag=row.tag,
            digest=row.digest,
            revision=row.revision,
        )

    @classmethod
    def of_value(cls, value: ArtifactValue | None) -> "Artifact | None":
        return None if value is None else cls.of(value)

    @classmethod
    def of_json(cls, value: dict[str, Any] | None) -> "Artifact | None":
        """An artifact as it is stored with a stage."""
        return None if value is None else cls.of(ArtifactValue.model_validate(value))


@strawberry.type(description="How many live instances run one artifact.")
class ArtifactCount:
    artifact: Artifact = strawberry.field(description="What they run.")
    instance_count: int = strawberry.field(description="How many there are.")

    @classmethod
    def of(cls, row: ArtifactCountRow) -> "ArtifactCount":
        return cls(artifact=Artifact.of(row), instance_count=row.instances)
