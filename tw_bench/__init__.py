"""Measure and predict TCP port exhaustion."""

__version__ = "0.1.0"
