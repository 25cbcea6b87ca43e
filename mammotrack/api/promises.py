"""What version 1 of the API promises: a line for each field of an answer and of a request.

The lines of docs/api-promises.txt are kept for as long as there is a version 1. A line that is no
longer true breaks somebody's program; new lines may be added, but for a new field that a request
of an old program lacks.
"""

from collections.abc import Iterable, Iterator
from typing import Any

REQUIRED = "required"
JSON_KINDS = ("application/json", "multipart/form-data")


def promises(document: dict[str, Any]) -> list[str]:
    """Of an OpenAPI document, sorted."""
    return sorted({line for line in _lines(document)})


def broken(*, promised: Iterable[str], actual: Iterable[str]) -> list[str]:
    """What was promised and is not so any more, or asks more of a request than before."""
    promised, actual = set(promised), set(actual)
    known = {_operation(line) for line in promised}
    demands = {
        line
        for line in actual - promised
        if line.endswith(f" {REQUIRED}") and _operation(line) in known
    }
    return sorted((promised - actual) | demands)


def _operation(line: str) -> str:
    return " ".join(line.split()[:2])


def _lines(document: dict[str, Any]) -> Iterator[str]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", []):
                must = REQUIRED if parameter.get("required") else "optional"
                yield f"{name} takes {parameter['in']} {parameter['name']} {must}"
            yield from _requested(name, operation, document)
            yield from _answered(name, operation, document)


def _requested(name: str, operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(body["schema"], document)
        for field, below in schema.get("properties", {}).items():
            must = REQUIRED if field in schema.get("required", []) else "optional"
            yield f"{name} takes {kind} {field} {_type(below, document)} {must}"
            for value in _resolved(below, document).get("enum", []):
                yield f"{name} takes {kind} {field}={value}"


def _answered(name: str, operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for status, answer in operation["responses"].items():
        if status >= "4":
            continue  # problems have one shape, and docs/api.md lists their codes
        for kind, body in _resolved(answer, document).get("content", {}).items():
            yield f"{name} answers {status} {kind}"
            if kind in JSON_KINDS:
                for field in _fields(body.get("schema", {}), document, ""):
                    yield f"{name} answers {status} {field}"


def _fields(schema: dict[str, Any], document: dict[str, Any], prefix: str) -> Iterator[str]:
    """Every field however deep, with its type."""
    schema = _resolved(schema, document)
    if "items" in schema:
        yield from _fields(schema["items"], document, f"{prefix}[]")
    for choice in [*schema.get("allOf", []), *schema.get("oneOf", []), *schema.get("anyOf", [])]:
        yield from _fields(choice, document, prefix)
    for name, below in schema.get("properties", {}).items():
        here = f"{prefix}.{name}" if prefix else name
        yield f"{here} {_type(below, document)}"
        yield from _fields(below, document, here)


def _type(schema: dict[str, Any], document: dict[str, Any]) -> str:
    schema = _resolved(schema, document)
    for combined in ("allOf", "oneOf", "anyOf"):
        if combined in schema:
            return "|".join(sorted({_type(choice, document) for choice in schema[combined]}))
    kind = schema.get("type", "string" if "enum" in schema else "any")
    kinds = [kind] if isinstance(kind, str) else kind
    return "|".join(sorted(kinds)) + (f":{schema['format']}" if "format" in schema else "")


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while reference := schema.get("$ref"):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema
