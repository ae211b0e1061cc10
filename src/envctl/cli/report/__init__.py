"""Reporters: what long work tells while it runs, shown on stderr."""
