"""Checks JSON values against JSON schemas that strangers wrote: what a schema refers to is in it, and nowhere else.

Left to itself, `jsonschema` fetches what another address is referred to, also from the network and from files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import ValidationError


def schema_violation(value: object, schema: Mapping[str, Any]) -> ValidationError | None:
    """The first thing in which `value` does not follow `schema`; None where it does."""
    from jsonschema import Draft202012Validator
    from referencing import Registry

    return next(iter(Draft202012Validator(schema, registry=Registry()).iter_errors(value)), None)


def schema_problem(schema: Mapping[str, Any]) -> str:
    """Why nothing can be checked against `schema`, a clause that follows “a schema that ”; "" where it can."""
    from jsonschema import Draft202012Validator, SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    try:
        Draft202012Validator.check_schema(schema)
        resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
        for reference in _references(schema):
            resolver.lookup(reference)
        schema_violation(None, schema)
    except SchemaError as error:
        return f"is none: {error.message[:200]}"
    except Unresolvable as error:
        return f"refers to {error.ref!r}, which is not in it"
    except RecursionError:
        return "refers to itself without end"
    return ""


def _references(schema: object) -> Iterator[str]:
    match schema:
        case Mapping():
            for name, value in schema.items():
                if name in ("$ref", "$dynamicRef") and isinstance(value, str):
                    yield value
                yield from _references(value)
        case list():
            for value in schema:
                yield from _references(value)
