"""Content-addressed files in the cache folder: complete or absent, and checked before use."""
