"""Tests of the TAS provider."""
