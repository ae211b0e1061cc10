"""Interpreters, and one environment on disk: the bare one, and what is really in it."""
