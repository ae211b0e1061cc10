"""Digests of a plan's inputs: the memory of the last apply, and the fast path.

Imports nothing but ``os``, ``hashlib`` and what they load: a plan with nothing to do loads no more.
"""
