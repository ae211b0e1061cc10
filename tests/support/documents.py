"""Documents held against the schemas that ship with the package."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping

import jsonschema

SCHEMAS = os.path.join(
    os.path.dirname(importlib.util.find_spec("envctl").origin or ""),  # type: ignore[union-attr]
    "schemas",
)


def validate(document: Mapping[str, object]) -> None:
    kind = str(document["kind"]).removeprefix("envctl.")
    with open(os.path.join(SCHEMAS, f"{kind}.json"), encoding="utf-8") as file:
        schema = json.load(file)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.validate(document)
