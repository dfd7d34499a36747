"""Whether and why a deployment can be undone, and the plan to do it. Imports pipelines, db and providers."""
