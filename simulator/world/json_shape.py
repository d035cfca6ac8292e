"""JSON held against a schema: the few words of JSON schema that ours use.

Not ``jsonschema``: loading it takes 0.09 s, half as long as all that a configuration needs, it would be
a dependency more, and its complaints are several lines where ours are one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from simulator.world.untrusted_text import CONTROL, is_number, shown

_OF_TYPE: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}


def misfit(value: Any, schema: Mapping[str, Any], where: str) -> str:
    """Say what is wrong with a value, or nothing.

    Parameters
    ----------
    value
        As ``json.loads`` gives it.
    schema
        With ``type``, ``enum``, bounds, ``required``, ``properties``, ``additionalProperties`` (a schema),
        ``items`` and ``prefixItems``; other words are passed over.
    where
        What the value is, for the message.
    """
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_OF_TYPE[kind](value) for kind in kinds):
        return f"{where}: expected {' or '.join(kinds)}, found {shown(value)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where}: expected {' or '.join(schema['enum'])}, found {shown(value)}"
    if is_number(value):
        return _out_of_bounds(value, schema, where)
    if isinstance(value, Mapping):
        for name in schema.get("required", ()):
            if name not in value:
                return f"{where}: {name} is missing"
        known, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
        inside = [(one, known.get(name, others), str(name)) for name, one in value.items()]
    elif isinstance(value, list | tuple):
        if len(value) < schema.get("minItems", 0):
            return f"{where}: too short"
        first, rest = schema.get("prefixItems", []), schema.get("items", {})
        schemas = [*first, *[rest] * len(value)]
        inside = [(one, schemas[place], str(place)) for place, one in enumerate(value)]
    else:
        inside = []
    for one, expected, name in inside:
        wrong = misfit(one, expected, f"{where}.{shown(name)[1:-1]}")
        if wrong:
            return wrong
    return ""


def _out_of_bounds(value: float, schema: Mapping[str, Any], where: str) -> str:
    above = value > schema.get("exclusiveMinimum", -math.inf)
    if above and schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf):
        return ""
    return f"{where}: {shown(value)} is out of bounds"


def unprintable(value: Any) -> str:
    """Return a text within a value that no terminal should see, or nothing."""
    if isinstance(value, str):
        return value if CONTROL.search(value) else ""
    if isinstance(value, Mapping):
        return next(
            (found for one in value.items() for part in one if (found := unprintable(part))), ""
        )
    if isinstance(value, list | tuple):
        return next((found for one in value if (found := unprintable(one))), "")
    return ""
