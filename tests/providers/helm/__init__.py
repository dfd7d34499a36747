"""Native Helm, with the real helm of both majors."""
