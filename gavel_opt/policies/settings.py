"""Settings of a policy, ``--set name=value``, checked against the signature of its class."""

from __future__ import annotations

import difflib
import functools
import inspect
import json
import math
import tomllib
import types
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gavel_opt.errors import InputError

_OURS = ("name", "seed", "self")
"""Given by the run, not by a setting."""


def settings_of(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What a policy's class (or function) takes, by name; ``name`` and ``seed`` aside."""
    return {
        name: parameter
        for name, parameter in parameters_of(factory).items()
        if name not in _OURS and parameter.kind in (_EITHER, _BY_NAME)
    }


def parameters_of(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """All that it takes, by name; nothing for a class without a signature of its own."""
    kept = inspect.isclass(factory) and isinstance(factory, Hashable)
    look = _look_once if kept else _look_once.__wrapped__
    try:
        return look(factory)
    except (TypeError, ValueError):
        return {}


@functools.lru_cache(maxsize=64)
def _look_once(factory: Hashable) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(factory).parameters  # type: ignore[arg-type]  # a function or a class


_EITHER, _BY_NAME = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY


def check_settings(
    policy: str,
    factory: Callable[..., Any],
    given: Mapping[str, Any],
    fixed: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Check settings against a signature and convert them to its types.

    Parameters
    ----------
    policy
        Its name, for messages.
    factory
        The class, or a function that makes the policy.
    given
        Values by name. Text is read as what the parameter is annotated as; without an annotation
        as a TOML value where it is one (``0.5``, ``true``, ``[1, 2]``), else as it is.
    fixed
        Arguments that the name stands for already.

    Raises
    ------
    InputError
        For a setting that the policy does not take, a value of another type, or one that is missing.
    """
    fixed = fixed or {}
    takes = settings_of(factory)
    for name in fixed.keys() & given.keys():
        raise InputError(
            f"policy {policy!r} stands for {name}={fixed[name]!r}, which cannot be set; "
            "choose the policy of another name"
        )
    hints = _hints(factory) if given else {}
    for name in given:
        if name not in takes:
            raise InputError(
                f"policy {policy!r} takes no {name} (--set){_instead(name, takes, fixed)}"
            )
    for name, parameter in takes.items():
        if parameter.default is inspect.Parameter.empty and name not in (*given, *fixed):
            raise InputError(f"policy {policy!r} needs a {name!r}; give it with --set {name}=VALUE")
    return {
        name: _converted(policy, name, value, hints.get(name, Any)) for name, value in given.items()
    }


def _instead(name: str, takes: Iterable[str], fixed: Iterable[str]) -> str:
    free = [one for one in takes if one not in set(fixed)]
    near = difflib.get_close_matches(name, free, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; it takes: {', '.join(free)}" if free else "; leave it out or choose another policy"


def settings_text(factory: Callable[..., Any], fixed: Mapping[str, Any]) -> str:
    """What can be set and the defaults, in one line, for lists of policies."""
    return ", ".join(
        name if parameter.default is parameter.empty else f"{name}={parameter.default}"
        for name, parameter in settings_of(factory).items()
        if name not in fixed
    )


def parse_settings(words: Iterable[str]) -> dict[str, str]:
    """Split the words of ``--set`` at their first ``=``.

    Raises
    ------
    InputError
        For a word without one, or a name given twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.strip().replace("-", "_")
        if not (equals and name.isidentifier()):
            raise InputError(f"--set: {word!r} is not NAME=VALUE")
        if name in found:
            raise InputError(f"--set: {name} is given twice")
        found[name] = value.strip()
    return found


def _hints(factory: Callable[..., Any]) -> dict[str, Any]:
    made_by = factory.__init__ if inspect.isclass(factory) else factory
    try:
        return get_type_hints(made_by)
    except Exception:  # an annotation that names nothing we can see is none
        return {}


def _converted(policy: str, name: str, value: Any, hint: Any) -> Any:
    literal = _toml(value) if isinstance(value, str) else value
    for candidate in (value, literal):
        fits, converted = _fit(candidate, hint)
        if fits:
            # without an annotation 0.5 is meant as a number, not as three letters
            return literal if hint in (Any, inspect.Parameter.empty) else converted
    raise InputError(
        f"setting {name!r} of policy {policy!r} (--set) is {value!r}, expected {_words(hint)}"
    )


def _toml(text: str) -> Any:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
        json.dumps(value, allow_nan=False)  # dates and infinities cannot be kept with the results
    except (
        TypeError,
        ValueError,
        RecursionError,
    ):  # TOML's own is a ValueError; so is a number of 5,000 digits
        return text
    return value


def _fit(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether a value is of an annotated type, and the value as that type."""
    origin, inside = get_origin(hint), get_args(hint)
    if hint is Any or hint is inspect.Parameter.empty:
        return True, value
    if origin in (Union, types.UnionType):
        return next((found for found in (_fit(value, one) for one in inside) if found[0]), _NO)
    if origin is Literal:
        return value in inside, value
    if hint is None or hint is type(None):
        return value is None or value in ("none", "None"), None
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        number = number and -math.inf < value < math.inf
        return number, float(value) if number else None
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    kind = origin or hint
    if kind in (list, tuple, Sequence):
        if not isinstance(value, list | tuple):
            return _NO
        each = inside[0] if inside else Any
        parts = [_fit(one, each) for one in value]
        values = [converted for _, converted in parts]
        return all(fits for fits, _ in parts), tuple(values) if kind is tuple else values
    if isinstance(kind, type):
        return isinstance(value, kind), value
    return True, value


_NO = (False, None)


def _words(hint: Any) -> str:
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(repr(one) for one in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(one) for one in inside)
    kind = origin or hint
    return _WORDS.get(kind) or str(getattr(kind, "__name__", kind))


_WORDS: dict[Any, str] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    list: "a list",
    tuple: "a list",
    Sequence: "a list",
    dict: "a table",
    Mapping: "a table, {name = value}",
    type(None): "none",
}
