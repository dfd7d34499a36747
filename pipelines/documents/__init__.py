"""Configuration documents: typed, frozen models of the YAML and the loader that reads them. Pure."""

from pipelines.documents.advice import advice_on
from pipelines.documents.configuration import Configuration, Loaded
from pipelines.documents.loader import load_configuration, load_documents, parse_pipeline, read_inputs
from pipelines.documents.pipeline import Pipeline
from pipelines.documents.vocabulary import DeploymentWords, KnownReferences, Vocabulary

__all__ = [
    "Configuration",
    "DeploymentWords",
    "KnownReferences",
    "Loaded",
    "Pipeline",
    "Vocabulary",
    "advice_on",
    "load_configuration",
    "load_documents",
    "parse_pipeline",
    "read_inputs",
]
