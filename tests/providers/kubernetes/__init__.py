"""What only Kubernetes does."""
