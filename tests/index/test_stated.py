"""Metadata comes back from the cache as it was parsed."""

from __future__ import annotations

from envctl.index.metadata import parse_metadata
from envctl.index.stated import decode_metadata, encode_metadata

METADATA = b"""Metadata-Version: 2.1
Name: Acme.SDK
Version: 1.2+local
Requires-Python: >=3.8,!=3.9.1
Provides-Extra: pg
Requires-Dist: idna<4,>=2.5
Requires-Dist: psycopg[binary] (>=3.1) ; extra == "pg" and python_version < "3.13"
Requires-Dist: blob @ https://host.example/blob-1.0.zip
Requires-Dist: old>=3.6.*

The description: Requires-Dist: not-this
"""


def test_all_that_decides_comes_back() -> None:
    metadata = parse_metadata(METADATA, where="acme.whl")

    assert decode_metadata(encode_metadata(metadata)) == metadata


def test_metadata_that_states_nothing_comes_back() -> None:
    metadata = parse_metadata(b"Metadata-Version: 2.1\nName: a\nVersion: 1\n\n", where="a.whl")

    assert decode_metadata(encode_metadata(metadata)) == metadata
