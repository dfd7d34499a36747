"""AWS Auto Scaling groups."""
