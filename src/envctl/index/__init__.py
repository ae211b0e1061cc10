"""The client of the Simple API (PEP 503, 691, 658, 700): pages, metadata, files, cache."""
