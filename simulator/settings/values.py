"""The kinds of values that settings of a run have: numbers, workers, files, names."""

from __future__ import annotations

import json
import math
import operator
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from gavel_opt import (
    POLICIES,
    InputError,
    find_policy,
    known_engines,
    known_policies,
    unknown_name,
)
from gavel_opt.policies.settings import parse_settings
from simulator.settings.kinds import Kind, number, one_of, require_one
from simulator.settings.saturation_rule import parse_rule
from simulator.world.cluster import MOST_WORKERS, parse_counts
from simulator.world.job_types import WORKLOADS
from simulator.world.throughputs import preset_file
from simulator.world.trace import EXAMPLE, trace_file

TIE_BREAKS = ("canonical", "efficient", "none")

MOST_IN_SEED = float(1 << 128)

POSITIVE = number("a positive number", lambda value: value > 0, exclusiveMinimum=0)
TOLERANCE = number(
    "a number above 0, up to 0.01: what is further off proves nothing",
    lambda value: 0 < value <= 0.01,
    exclusiveMinimum=0,
    maximum=0.01,
)
COUNT = number("a positive whole number", lambda value: value > 0, whole=True, minimum=1)
MOST_JOBS = 100_000_000
"""Of a run: 6 GB of them."""

JOBS = number(
    "a positive whole number", lambda value: value > 0, whole=True, most=MOST_JOBS, minimum=1
)
NATURAL = number("a whole number of at least 0", lambda value: value >= 0, whole=True, minimum=0)
SEED = number(
    "a whole number of at least 0",
    lambda value: value >= 0,
    whole=True,
    most=MOST_IN_SEED,
    minimum=0,
)

_MOST_PER_HOUR = 3_600_000.0
APART = number(
    f"a positive number of seconds, {3600 / _MOST_PER_HOUR:g} at least",
    lambda value: value >= 3600 / _MOST_PER_HOUR,
    exclusiveMinimum=0,
)
JOBS_PER_HOUR = number(
    "a positive number of jobs per hour, 1e-09 at least",
    lambda value: value >= 1e-9,
    most=_MOST_PER_HOUR,
    exclusiveMinimum=0,
)
"""Both bounded so that time goes on between jobs, and arrives."""


SECONDS = number("a positive number of seconds", lambda value: value > 0, exclusiveMinimum=0)
WHOLE_SECONDS = number(
    "a positive whole number of seconds", lambda value: value > 0, whole=True, minimum=1
)
HOURS = number("a positive number of hours", lambda value: value > 0, exclusiveMinimum=0)


def _limit(kind: Kind) -> Kind:
    """A positive number, or no limit: infinity, null in JSON."""

    def read(given: Any, flag: str) -> float:
        if isinstance(given, float) and given == math.inf:
            return given
        value: float = kind.read(given, flag)
        return value

    return Kind(
        read,
        {"type": ["number", "null"], "exclusiveMinimum": 0},
        write=repr,
        to_json=lambda value: None if value == math.inf else value,
        from_json=lambda value: math.inf if value is None else value,
        ranges=True,
    )


SECONDS_OR_NONE, HOURS_OR_NONE = LIMITS = _limit(SECONDS), _limit(HOURS)
"""Wall clock, and simulated time, each with no limit."""


def _read_share(given: Any, flag: str) -> float:
    try:
        percent = isinstance(given, str) and given.endswith("%")
        value = float(given[:-1]) / 100 if percent else float(given)
    except (ValueError, TypeError):
        require_one(given, flag)
        value = math.nan
    if isinstance(given, bool) or not 0 < value <= 1:
        raise InputError(
            f"{flag}: {given!r} is not a share above 0 and up to 1, or 100%: a fifth is 0.2 or 20%"
        )
    return value


SHARE = Kind(
    _read_share, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}, write=repr, ranges=True
)


def _whole(given: Any) -> int:
    """A whole number as one; what is true or false is none."""
    if isinstance(given, bool):
        raise TypeError
    return operator.index(given)


def _read_window(given: Any, flag: str) -> tuple[int, int]:
    expected = f"{flag}: {given!r} is not START:END, as in 4000:5000"
    if isinstance(given, str):
        apart = re.fullmatch(r"\s*(\d+)(?:\s*[,-]\s*|\s+)(\d+)\s*", given)
        if apart is not None:
            expected += f"; with a colon: {apart[1]}:{apart[2]}"
        ends: Sequence[Any] = given.split(":")
        if not all(end.strip().isdecimal() for end in ends):
            raise InputError(expected)
        ends = [int(end) for end in ends]
    else:
        try:
            ends = [_whole(end) for end in _ends_of(given)]
        except TypeError:
            raise InputError(expected) from None
    if len(ends) != 2:
        raise InputError(expected)
    if ends[0] == ends[1]:
        raise InputError(
            f"{flag}: {given!r} has no job in it; the end is the first job not measured: "
            f"{ends[0]}:{ends[1] + 1} measures job {ends[0]}"
        )
    if ends[0] < 0:
        raise InputError(f"{flag}: {given!r} starts below job 0, the first")
    if ends[0] > ends[1]:
        raise InputError(f"{flag}: {given!r} ends before it starts; expected START < END")
    if ends[1] > MOST_JOBS:
        raise InputError(f"{flag}: {given!r} ends beyond job {MOST_JOBS:,}, the last that can be")
    return ends[0], ends[1]


def _ends_of(given: Any) -> Any:
    """Start and end by what has an order; a range of jobs is the jobs in it."""
    if isinstance(given, range):
        if given.step != 1:
            raise TypeError
        return given.start, given.stop
    if isinstance(given, Set | Mapping | Iterator):
        raise TypeError
    return given


WINDOW = Kind(
    _read_window,
    {
        "type": "array",
        "prefixItems": [{"type": "integer", "maximum": MOST_JOBS}] * 2,
        "minItems": 2,
        "maxItems": 2,
    },
    write=lambda ends: f"{ends[0]}:{ends[1]}",
    to_json=list,
    from_json=tuple,
)
"""Measured jobs: the first, and one past the last."""


CLUSTERS = {
    "paper": {"v100": 36, "p100": 36, "k80": 36},
    "paper-physical": {"v100": 8, "p100": 16, "k80": 24},
    "paper-small": {"v100": 4, "p100": 4, "k80": 4},
    "alibaba": {"v100": 5103, "p100": 265, "t4": 842, "a10": 2},
    "acme-seren": {"a100": 2288},
    "acme-kalos": {"a100": 2416},
}
"""Clusters by name, ``@paper``: of Gavel's simulations, of its testbed (section 7.1), and of its figure 16.

``@alibaba`` are the 6,212 GPUs of openb's node list (Alibaba, cluster-trace-gpu-v2023): 399 V100, 265 P100,
842 T4, 2 A10, and 4,392 G2 and 312 G3, which are undisclosed and stand as V100 here. The others are the two
clusters of AcmeTrace (2023). Their types but V100 and P100 have throughputs in ``--throughputs @newer``.
"""


def _read_workers(given: Any, flag: str) -> dict[str, int]:
    if isinstance(given, str) and given.startswith("@"):
        if given[1:] not in CLUSTERS:
            raise unknown_name(f"cluster ({flag})", given, [f"@{name}" for name in CLUSTERS])
        return dict(CLUSTERS[given[1:]])
    if isinstance(given, str):
        return parse_counts(given, flag)
    if not isinstance(given, Mapping):
        raise InputError(
            f"{flag}: {given!r} is not a number of workers by type; expected "
            "{'v100': 36, 'p100': 36, 'k80': 36}, or '36:36:36' (V100:P100:K80)"
        )
    found: dict[str, int] = {}
    for name, count in given.items():
        try:
            found[str(name)] = _whole(count)
        except TypeError:
            raise InputError(f"{flag}: {name}={count!r} is not a whole number") from None
    return found


def _goes_on(before: str, after: str) -> bool:
    """``p100=2`` after ``v100=2``; another ``v100=4`` starts another cluster."""
    name, sign, _ = after.partition("=")
    return bool(sign) and "=" in before and f"{name}=" not in before


WORKERS = Kind(
    _read_workers,
    {
        "type": "object",
        "additionalProperties": {"type": "integer", "minimum": 0, "maximum": MOST_WORKERS},
    },
    from_json=lambda given: _read_workers(given, "cluster"),
    write=lambda counts: ",".join(f"{name}={count}" for name, count in counts.items()),
    continues=_goes_on,
)
"""Worker type to a number."""


def _read_switch(given: Any, flag: str) -> bool:
    if type(given).__module__ == "numpy" and getattr(given, "shape", None) == ():
        given = given.item()  # of a table or an array
    if isinstance(given, bool):
        return given
    raise InputError(f"{flag}: {given!r} is not true or false")


SWITCH = Kind(_read_switch, {"type": "boolean"}, switch=True)


_PRESETS: dict[str, Callable[[Path], Path]] = {"--throughputs": preset_file, "--trace": trace_file}
"""What finds the file that a name stands for."""


def readable_file(given: str | Path, flag: str) -> Path:
    """Check that a file can be read; the name of a preset stays as it is.

    Raises
    ------
    InputError
        Naming the flag and the file.
    """
    try:
        path = Path(given)
        with _PRESETS.get(flag, Path)(path).open("rb"):
            pass
    except (TypeError, ValueError):  # no text, or text with a NUL
        raise InputError(f"{flag}: {given!r} is not the name of a file") from None
    except IsADirectoryError:
        raise InputError(f"{flag}: {path} is a folder; expected a file") from None
    except OSError as wrong:
        near = _neighbours(path, [EXAMPLE] if flag == "--trace" and path.name == str(path) else [])
        raise InputError(f"{flag}: cannot read {path}: {wrong.strerror}{near}") from None
    return path


def _neighbours(path: Path, names: list[str]) -> str:
    import difflib

    if not os.path.isdir(path.parent):  # a name may be too long to ask
        return ""
    names = [*names, *(entry.name for entry in path.parent.iterdir())]
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return (
        f"; did you mean {' or '.join(str(path.parent / name) for name in near)}?" if near else ""
    )


FILE = Kind(
    readable_file,
    {"type": ["string", "null"]},
    to_json=lambda path: None if path is None else str(path),
    from_json=lambda text: None if text is None else Path(text),
    names_file=True,
)


# names -------------------------------------------------------------------------------------------


TIE_BREAK = one_of(TIE_BREAKS, "tie-break")
WORKLOAD_NAME = one_of(WORKLOADS, "workload")


def check_policy(name: Any, flag: str = "--policy") -> str:
    """Return a policy's name if there is one of that name, or a class where it says.

    Raises
    ------
    InputError
        With the nearest names, or what is wrong with the file or the module.
    """
    if name is None:
        raise InputError(f"{flag}: is required; choose one of: {', '.join(known_policies())}")
    if not isinstance(name, str):
        raise unknown_name(f"policy ({flag})", str(name), known_policies())
    if name not in POLICIES:
        if ":" not in name:
            require_one(name, flag)
        find_policy(name)
    return name


def check_engine(name: str, flag: str = "--engine") -> str:
    """Return an engine's name if there is one of that name, or ``auto``.

    Raises
    ------
    InputError
        With the nearest names.
    """
    known = known_engines()
    if not isinstance(name, str) or (
        name != "auto" and name.removeprefix("isolated:") not in known  # in a process of its own
    ):
        require_one(name, flag)
        raise unknown_name(f"engine ({flag})", str(name), ["auto", *known])
    return name


POLICY = Kind(check_policy, {"type": "string"})
ENGINE = Kind(check_engine, {"type": "string"})


def _read_engines(given: Any, flag: str) -> tuple[str, ...]:
    names = re.split(r"[,\s]+", given) if isinstance(given, str) else given
    if not isinstance(names, list | tuple):
        raise InputError(f"{flag}: {given!r} is no list of engines, such as 'highs,ecos'")
    return tuple(check_engine(name, flag) for name in names if name)


ENGINES = Kind(
    _read_engines,
    {"type": "array", "items": {"type": "string"}},
    write=",".join,
    to_json=list,
    from_json=tuple,
    continues=lambda before, after: True,
    may_be_empty=True,
)
"""Engines to try in order: a list is one value."""


# with a language of their own --------------------------------------------------------------------


def parse_entities(text: str, flag: str = "--entities") -> dict[str, Any]:
    """Parse ``1:2:3`` or ``1:2:3,fifo``: weights, and what is shared within an entity.

    Raises
    ------
    InputError
        With what was expected.
    """
    weights, _, within = text.partition(",")
    kinds = ("fairness", "fifo")
    try:
        numbers = [float(weight) for weight in weights.split(":")]
    except ValueError:
        numbers = []
    if not numbers or not all(math.isfinite(weight) and weight > 0 for weight in numbers):
        raise InputError(
            f"{flag}: cannot read {text!r}; expected positive weights, as in 1:2:3 or 1:2:3,fifo"
        )
    within = within or kinds[0]
    if within not in kinds:
        raise unknown_name(f"sharing within entities ({flag})", within, kinds)
    return {"weights": numbers, "within": within}


def _write_entities(value: Mapping[str, Any] | None) -> str | None:
    weights, within = (value or {}).get("weights"), (value or {}).get("within", "fairness")
    if not isinstance(weights, list | tuple) or not isinstance(within, str):
        return None  # tables have no flag
    if not all(isinstance(weight, int | float) for weight in weights):
        return None
    return f"{':'.join(str(weight).removesuffix('.0') for weight in weights)},{within}"


def _read_entities(given: Any, flag: str) -> Any:
    if isinstance(given, str):
        return parse_entities(given, flag)
    if given is None or isinstance(given, Mapping):  # a mapping is for the policy to check
        return given
    raise InputError(
        f"{flag}: {given!r} is neither text such as 1:2:3,fifo nor a table such as "
        "{'weights': [1, 2, 3]}"
    )


ENTITIES = Kind(
    _read_entities,
    {"type": ["object", "null"]},
    write=_write_entities,
    continues=lambda before, after: after.isalpha(),
)


def _read_rule(given: Any, flag: str) -> tuple[str, dict[str, float]]:
    if isinstance(given, str):
        return parse_rule(given, True)
    try:
        name, parameters = given
        return parse_rule(_write_rule((name, parameters)), True)
    except (TypeError, ValueError, AttributeError):
        raise InputError(
            f"{flag}: {given!r} is not a rule; expected text, as in 'completion-rate:ratio=0.4'"
        ) from None


def _write_rule(value: tuple[str, Mapping[str, float]]) -> str:
    name, parameters = value
    said = ",".join(f"{key}={number!r}" for key, number in parameters.items())
    return f"{name}:{said}" if said else name


RULE = Kind(
    _read_rule,
    {
        "type": "array",
        "prefixItems": [
            {"type": "string"},
            {"type": "object", "additionalProperties": {"type": "number"}},
        ],
        "minItems": 2,
        "maxItems": 2,
    },
    write=_write_rule,
    to_json=list,
    from_json=tuple,
    continues=lambda before, after: "=" in after and ":" in before,
)
"""A saturation rule and its parameters."""


def _read_policy_settings(given: Any, flag: str) -> dict[str, Any]:
    """Read ``name=value`` words, or a table; what each may be the policy says."""
    if isinstance(given, Mapping):
        found = {str(name): value for name, value in given.items()}
    elif isinstance(given, str | list | tuple):
        found = parse_settings(given.split("\n") if isinstance(given, str) else map(str, given))
    else:
        raise InputError(f"{flag}: {given!r} are no settings; expected NAME=VALUE, or a dictionary")
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError):
        raise InputError(
            f"{flag}: {found!r} is kept with the results, so values must be finite numbers, text, true or "
            "false, lists and tables; hand an object over as policy=Class(...)"
        ) from None
    return found


def _sets_of_settings(given: Any, flag: str) -> list[Any]:
    """Words that set different names are one value; a name that comes again starts the next."""
    found: list[Any] = []
    for one in given if isinstance(given, list | tuple) else [given]:
        if isinstance(one, Mapping):
            found.append(dict(one))
            continue
        said = parse_settings(str(one).split("\n"))
        if found and not said.keys() & found[-1].keys():
            found[-1] |= said
        else:
            found.append(said)
    return found


def _write_policy_settings(value: Mapping[str, Any]) -> str:
    return "\n".join(
        f"{name}={one if isinstance(one, str) else json.dumps(one)}" for name, one in value.items()
    )


POLICY_SETTINGS = Kind(
    _read_policy_settings,
    {"type": "object"},
    write=_write_policy_settings,
    together=_sets_of_settings,
)
"""What a policy takes besides: checked against its class where both are known."""
