"""Frozen values that every room shares, each beside its own text form; no I/O, no decisions."""
