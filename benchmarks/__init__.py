"""Measurements, one command each: `python -m benchmarks.NAME`. Stands beside the floors."""
