"""Kernels: functions of arrays and numbers that run as plain Python until compiling them pays.

A kernel that is not compiled yet is interpreted, with the same digits, so a short run answers at once.
Once a kernel has been interpreted for :data:`PATIENCE` seconds it is compiled, with all kernels that it
calls and no others, and the result is kept (:mod:`gavel_opt.kernels.code_cache`); from then on, in this
process and in all others, it is read back. ``NUMBA_DISABLE_JIT=1`` interprets always: debugger and
coverage see every line.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from gavel_opt.kernels import code_cache, native
from gavel_opt.kernels.arguments import Call, arrays_are_known, form_of
from gavel_opt.kernels.records import plain

if TYPE_CHECKING:
    from concurrent.futures import Future

    from gavel_opt.kernels.compiling import Lowered

F = TypeVar("F", bound=Callable[..., Any])

PATIENCE = 2.5
"""Seconds of CPU that a kernel is interpreted before it is compiled: not much beside what that takes."""
READS_BACK = 0.01
"""Seconds of CPU that a kernel is interpreted before compiled code is looked for and read back, so that
those with next to nothing to do are not."""
LATER_PATIENCE = 0.02
"""The same once another kernel is compiled in this process, for each function that there is to compile: a
tenth of what that takes. An interior point of a hundred functions is needed by two programs in a thousand."""
LARGE = 60_000
"""Arrays with more numbers than this are never interpreted: that takes minutes in a single call."""
_EVERY = 10.0
"""Off a terminal, seconds between two lines that say how far compiling is."""

KEEPS_TIME = hasattr(time, "CLOCK_MONOTONIC")
"""Whether compiled kernels can read the :func:`clock`; it stands still for them otherwise."""

_DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def compiled(function: F) -> F:
    """Make a kernel of ``function``: exact arithmetic (IEEE order, no fast math), no lock held."""
    return cast(F, Kernel(function))


def compiled_apart(function: F) -> F:
    """Make a kernel that several others call and that is large: it is compiled once for all of them."""
    kernel = Kernel(function)
    kernel.is_apart = True
    return cast(F, kernel)


def unrolled(kernel: F) -> F:
    """Have LLVM write out the turns of loops in a kernel, and in all that is compiled with it.

    Worth a third of the time that LLVM takes where loops of few turns, known beforehand, are most of the work.
    """
    cast(Kernel, kernel).is_unrolled = True
    return kernel


class Kernel(functools.partial[Any]):
    """A function that is interpreted until it is compiled.

    A partial object, since a call through one costs nothing: what it calls is
    :meth:`_interpreted` first, and compiled code once there is some.

    Parameters
    ----------
    function
        What it does. Calls of other kernels in it run as this one runs.
    """

    py_func: Callable[..., Any]
    """The function as it was written."""
    is_apart: bool
    """Whether its machine code is its own, and not a part of that of kernels that call it."""
    is_unrolled: bool
    """Whether loops of it, and of all that it calls, are written out."""

    def __new__(cls, function: Callable[..., Any]) -> Kernel:
        """Make a kernel; neither numba nor any file is touched."""
        kernel = super().__new__(cls, function)
        functools.update_wrapper(kernel, function)
        kernel.py_func = function
        kernel.is_apart = kernel.is_unrolled = False
        kernel._spent = 0.0
        kernel._look_at = READS_BACK
        kernel._natives = {}
        kernel._pending = {}
        kernel._goes_to(kernel._interpreted)
        return kernel

    def __init__(self, function: Callable[..., Any]) -> None:
        self._spent: float
        self._look_at: float
        self._natives: dict[tuple[Any, ...], Callable[..., Any]]
        self._pending: dict[tuple[Any, ...], tuple[Lowered, Future[tuple[bytes, ...]]]]

    def __reduce__(self) -> str:
        return str(self.py_func.__qualname__)

    @property
    def name(self) -> str:
        """Module and function."""
        return f"{self.py_func.__module__}.{self.py_func.__qualname__}"

    @functools.cached_property
    def _file(self) -> Path:
        return Path(cast(FunctionType, self.py_func).__code__.co_filename).resolve()

    @functools.cached_property
    def _is_kept(self) -> bool:
        """Whether other processes find the compiled code; a kernel of a user's is for one process."""
        return code_cache.is_ours(self._file)

    @functools.cached_property
    def interpreted(self) -> Callable[..., Any]:
        """The function in plain Python, and all kernels that it calls too."""
        function = cast(FunctionType, self.py_func)
        return _with_globals(function, _plain_globals(function.__module__, function.__globals__))

    @functools.cached_property
    def calls(self) -> frozenset[Kernel]:
        """All kernels that this one calls, itself included."""
        found: set[Kernel] = set()
        waiting = [self]
        while waiting:
            kernel = waiting.pop()
            if kernel not in found:
                found.add(kernel)
                names = kernel.py_func.__globals__
                code = kernel.py_func.__code__
                called = (names.get(name) for name in code.co_names)
                waiting += [one for one in called if isinstance(one, Kernel)]
        return frozenset(found)

    @property
    def is_compiled(self) -> bool:
        """Whether there is compiled code in this process."""
        return bool(self._natives)

    def address(self, forms: tuple[Any, ...]) -> int:
        """Where compiled code for arguments of some forms is, as C calls it; 0 if there is none."""
        found = self._natives.get(forms)
        return 0 if found is None else found.address  # type: ignore[attr-defined]  # see native.load

    def lose(self, seconds: float, arguments: tuple[Any, ...]) -> None:
        """Count CPU seconds that plain Python took in its place as if it had been interpreted for so long."""
        if self.func != self._interpreted or _DISABLED or self._spent < 0.0:
            return
        self._spent += seconds
        if self._spent >= min(self._look_at, self._patience):
            self._becomes_compiled(arguments)

    def _goes_to(self, target: Callable[..., Any]) -> None:
        self.__setstate__((target, (), {}, self.__dict__))  # type: ignore[attr-defined]

    def _interpreted(self, *arguments: Any) -> Any:
        if self._becomes_compiled(arguments):
            return self(*arguments)
        started = time.thread_time()
        try:
            # compiled code says nothing of overflow and the like either
            with np.errstate(all="ignore"):
                return self.interpreted(*map(plain, arguments))
        finally:
            self._spent += time.thread_time() - started

    def _becomes_compiled(self, arguments: tuple[Any, ...]) -> bool:
        """Have compiled code if there is some, or if it is time; whether there is."""
        if _DISABLED or self._spent < 0.0:
            return False
        if self._spent >= self._patience:
            return self._compile(arguments, wait=False)
        if any(_numbers_in(argument) > LARGE for argument in arguments):
            return self._compile(arguments, wait=True)
        if self._spent < self._look_at:
            return False
        self._look_at = self._spent + READS_BACK
        forms = tuple(map(form_of, arguments))
        return self._is_kept and (
            code_cache.is_kept(self._file, self._kept_as(forms))
            and self._compile(arguments, wait=True)
        )

    @property
    def _patience(self) -> float:
        if not _patience.others:
            return _patience.seconds
        return min(_patience.seconds, LATER_PATIENCE * len(self.calls))

    def _compile(self, arguments: tuple[Any, ...], wait: bool) -> bool:
        """Have compiled code for arguments like these; False if another process is at it."""
        forms = tuple(map(form_of, map(native.in_order, arguments)))
        with _timed():
            code = self._code(forms, wait)
            if code is None:
                return False
            call = native.load(code, forms, self._other)
        self._natives[forms] = call
        self._goes_to(call)
        return True

    def _code(self, forms: tuple[Any, ...], wait: bool) -> native.Code | None:
        """Compiled code, read back or made; None if there is none."""
        if None in forms or not arrays_are_known():
            return None
        if not self._is_kept:
            return self._made(forms)
        if forms in self._pending:
            lowered, later = self._pending[forms]
            return lowered.code(later.result()) if wait or later.done() else None
        name = self._kept_as(forms)
        found = self._read(name, forms)
        if found is None:
            with code_cache.lock(self._file, name, wait) as is_free:
                if not is_free:
                    return None
                found = self._read(name, forms) or self._made(forms, wait)
                if found is not None:
                    code_cache.write(self._file, name, pickle.dumps(found))
        return found

    def _read(self, name: str, forms: tuple[Any, ...]) -> native.Code | None:
        kept = code_cache.read(self._file, name)
        found: native.Code | None = None if kept is None else pickle.loads(kept)  # noqa: S301  # code anyhow
        return found if found is not None and found.arguments == forms else None

    def _made(self, forms: tuple[Any, ...], wait: bool = True) -> native.Code | None:
        """Compiled code, made now; None if it comes later, or never for what machine code alone cannot do."""
        started = time.process_time()
        # numba writes errors for all that it tries; in colours they take as long as what works
        os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
        try:
            from gavel_opt.kernels.compiling import lower_kernel, machine_code

            with _progress.of(self):
                lowered = lower_kernel(self, forms, _progress.advance)
                if _patience.elsewhere is not None and not wait:
                    self._finish_elsewhere(lowered, _patience.elsewhere)
                    return None
                code = lowered.code(machine_code(lowered))
        except Exception as wrong:  # numba's are of many kinds; a run goes on without
            if _patience.compiled is not None:
                raise
            why = str(wrong) if isinstance(wrong, NotImplementedError) else repr(wrong)[:200]
            print(f"note: {self.name} stays interpreted: {why}", file=sys.stderr)
            self._spent = -math.inf
            return None
        finally:
            if _patience.compiled is not None:
                spent = time.process_time() - started
                _patience.compiled[self.name] = _patience.compiled.get(self.name, 0.0) + spent
        # A run that is long enough for one kernel is for the others, and the compiler is loaded now.
        _patience.others = True
        return code

    def _finish_elsewhere(
        self, lowered: Lowered, elsewhere: Callable[[str, Lowered], Future[tuple[bytes, ...]]]
    ) -> None:
        """Go on interpreting while LLVM is at work in another process; what that gives is kept."""

        def keep(done: Future[tuple[bytes, ...]]) -> None:
            if not done.cancelled() and done.exception() is None:
                code = lowered.code(done.result())
                code_cache.write(self._file, self._kept_as(lowered.arguments), pickle.dumps(code))

        later = elsewhere(self.name, lowered)
        later.add_done_callback(keep)
        self._pending[lowered.arguments] = lowered, later

    def _kept_as(self, forms: tuple[Any, ...]) -> str:
        """Name of the file with the code for arguments of some forms."""
        return f"{self.name}-{hashlib.blake2b(repr(forms).encode(), digest_size=6).hexdigest()}"

    def _other(self, status: int, arguments: tuple[Any, ...]) -> Any:
        """What the code at hand is not for: arguments of another kind, or what fails."""
        if status == native.RAISED:
            raise RuntimeError(
                f"the compiled {self.name} failed; NUMBA_DISABLE_JIT=1 shows where and why"
            )
        ordered = native.in_order(arguments)
        forms = tuple(map(form_of, ordered))
        refused = self._spent < 0.0
        if forms not in self._natives and (refused or not self._compile(ordered, wait=True)):
            return self.interpreted(*map(plain, arguments))
        result = self._natives[forms](*ordered)
        native.write_back(arguments, ordered)
        return result


def make_ready(kernel: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Have compiled code for arguments like these, before a call that is too long to interpret."""
    if isinstance(kernel, Kernel) and not _DISABLED and kernel.func == kernel._interpreted:
        kernel._compile(arguments, wait=True)


def look_for_code(kernel: Callable[..., Any]) -> None:
    """Have the next call of a kernel read compiled code back if there is some; nothing is compiled for that."""
    if isinstance(kernel, Kernel):
        kernel._look_at = 0.0


def has_code(call: Call) -> bool:
    """Whether a call can be made from compiled code, or nothing ever is compiled."""
    return _DISABLED or call.find_code()


def can_call(kernel: Callable[..., Any], call: Call) -> bool:
    """Whether a kernel that is handed a call can make it: both are compiled, or nothing ever is.

    As long as one of them is interpreted, going from one to the other is for plain Python, which looks whether
    there is compiled code by now.
    """
    if isinstance(kernel, Kernel) and kernel.is_compiled:
        return has_code(call)
    return _DISABLED


def _numbers_in(argument: Any) -> int:
    if isinstance(argument, tuple):
        return max(map(_numbers_in, argument), default=0)
    return argument.size if isinstance(argument, np.ndarray) else 1


def _with_globals(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    made = FunctionType(
        function.__code__,
        names,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    return made


_plain_names: dict[str, dict[str, Any]] = {}


def _plain_globals(module: str, names: dict[str, Any]) -> dict[str, Any]:
    """A module's names, with plain functions in place of kernels."""
    known = _plain_names.get(module)
    if known is None:
        known = _plain_names[module] = dict(names)
        for name, value in names.items():
            if isinstance(value, Kernel):
                known[name] = value.interpreted
    return known


class _Patience(threading.local):
    """Seconds that a kernel is interpreted, whether others are compiled, and what was while there were none."""

    seconds = PATIENCE
    others = False
    compiled: dict[str, float] | None = None
    elsewhere: Callable[[str, Lowered], Future[tuple[bytes, ...]]] | None = None


_patience = _Patience()


@contextlib.contextmanager
def compiling_at_once(
    elsewhere: Callable[[str, Lowered], Future[tuple[bytes, ...]]] | None = None,
) -> Iterator[dict[str, float]]:
    """Compile every kernel at its first call, in this thread, unless another process is at it.

    Gives the kernels compiled, and not read back, with the seconds of CPU that each took.

    Parameters
    ----------
    elsewhere
        Called with the name of a kernel and what numba has made of it, to have another process do the
        rest; calls are interpreted meanwhile.
    """
    before = _patience.seconds, _patience.compiled, _patience.elsewhere
    compiled: dict[str, float] = {}
    _patience.seconds, _patience.compiled, _patience.elsewhere = 0.0, compiled, elsewhere
    try:
        yield compiled
    finally:
        _patience.seconds, _patience.compiled, _patience.elsewhere = before


# time --------------------------------------------------------------------------------------------

_spent = [0.0, 0.0]
"""Seconds of wall clock and of CPU."""


def clock() -> float:
    """Seconds of wall clock since some moment, without those that went into compiling; for kernels too."""
    return time.perf_counter() - _spent[0]


def compile_seconds() -> float:
    """Seconds that this process has spent on compiling kernels and on reading them back."""
    return _spent[0]


def compile_cpu_seconds() -> float:
    """The same in seconds of CPU."""
    return _spent[1]


@contextlib.contextmanager
def _timed() -> Iterator[None]:
    started, cpu = time.perf_counter(), time.thread_time()
    try:
        yield
    finally:
        _spent[0] += time.perf_counter() - started
        _spent[1] += time.thread_time() - cpu


# progress ----------------------------------------------------------------------------------------


class _Progress:
    """Says how far compiling is: on a terminal all the time, elsewhere now and then.

    Attributes
    ----------
    show
        Who shows it in place of standard error, such as a progress bar; an empty text ends it.
    """

    def __init__(self) -> None:
        self.show: Callable[[str], None] | None = None
        self._what, self._done, self._all, self._said = "", 0, 0, 0.0

    @contextlib.contextmanager
    def of(self, kernel: Kernel) -> Iterator[None]:
        """While a kernel is compiled, with those it calls."""
        self._what, self._done, self._all = kernel.py_func.__name__, 0, len(kernel.calls)
        self._said = time.monotonic()
        try:
            yield
        finally:
            if self._done:
                self._say("")
            self._all = 0

    def advance(self) -> None:
        """One more function is done."""
        if not self._all:
            return
        self._done = min(self._done + 1, self._all)
        self._say(
            f"compiling {self._what}: {self._done} of {self._all} functions, kept for next time"
        )

    def _say(self, text: str) -> None:
        if self.show is not None:
            self.show(text)
        elif sys.stderr is not None and sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        elif text and (self._done == 1 or time.monotonic() - self._said >= _EVERY):
            self._said = time.monotonic()
            print(text, file=sys.stderr, flush=True)


_progress = _Progress()


def show_progress(show: Callable[[str], None] | None) -> None:
    """Have somebody else say how far compiling is; None for standard error."""
    _progress.show = show
