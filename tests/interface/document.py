"""Checks that the published document is an OpenAPI document, and its examples against its schemas.

document.py FILE
"""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012


def main(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    validate(document)
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("document:", resource)
    checked = 0
    for place, schema, value in examples(document, document):
        Draft202012Validator(absolute(schema), registry=registry).validate(value)
        print(f"valid: {place}")
        checked += 1
    if checked < 100:
        sys.exit(f"only {checked} examples were found")


def examples(document, value, place="#"):
    """Every example beside the schema that it must meet."""
    if isinstance(value, dict):
        if "schema" in value and "example" in value:
            yield place, value["schema"], value["example"]
        if "schema" in value and "examples" in value:
            for name, example in value["examples"].items():
                yield f"{place}/{name}", value["schema"], resolved(document, example)["value"]
        for key, inner in value.items():
            yield from examples(document, inner, f"{place}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from examples(document, inner, f"{place}/{index}")


def resolved(document, value):
    """What a reference within the document points to."""
    if "$ref" not in value:
        return value
    for key in value["$ref"].removeprefix("#/").split("/"):
        document = document[key]
    return document


def absolute(schema):
    """A schema whose references name the document, so that they hold outside it."""
    if isinstance(schema, dict):
        return {
            key: f"document:{inner}" if key == "$ref" else absolute(inner)
            for key, inner in schema.items()
        }
    return [absolute(inner) for inner in schema] if isinstance(schema, list) else schema


main(sys.argv[1])
