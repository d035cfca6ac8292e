"""Signals that end a command: noted when they come, acted on where state is whole.

A handler that raised would raise anywhere: half-way through a round or a recomputation, where what
is then written down is nobody's state, or inside the loading of a kernel, where it ends in a
traceback. So a signal is only noted here, and the loops look at :attr:`Interrupts.pending` between
two rounds or two results.

A command of ours (:meth:`Interrupts.take_over`) ends within two seconds even if no loop gets to
look, since the main thread is inside a solver or a compiler: a thread of its own, which the
operating system's own handler wakes, then saves what can be saved and ends the process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

from simulator.files.whole_files import remove_unfinished
from simulator.process.timeout_watch import listen

SIGNALS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))
)

GRACE = 1.2
"""Seconds from a signal to the end of a command whose loops did not get to act on it."""

LAST = 1.8
"""Seconds to the end of one whose loops did, and which is on its way out."""

UNSOLVED = 3
"""Exit status of a command whose solver or run failed."""

_AGAIN = "the same command starts again"


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end, and what it worked on is whole."""

    def __str__(self) -> str:
        return f"interrupted; {interrupts.advice}"


class Interrupts:
    """What a process knows of the signals that ask it to end.

    Attributes
    ----------
    pending
        The first signal that came, or None.
    advice
        How to go on, for the line that a command ends with.
    rescue
        Called, in another thread, if nobody acted on a signal in time: saves what is whole.
    there
        What there was by then, as long as nobody has said it; a line of its own.
    """

    def __init__(self) -> None:
        self.pending: int | None = None
        self.advice = _AGAIN
        self.rescue: Callable[[], None] | None = None
        self.there = ""
        self._name = ""
        self._deferred = 0
        self._finishing = 0
        self._acting = False
        self._decision = threading.Lock()

    @property
    def status(self) -> int:
        """Exit status of a command that a signal ended."""
        return 128 + int(self.pending or signal.SIGINT)

    def check(self) -> None:
        """Raise if a signal has come.

        Raises
        ------
        Interrupted
            Here, where the caller's state is whole.
        """
        if self.pending is not None:
            self.act()
            raise Interrupted

    def act(self, advice: str = "") -> None:
        """Say that a signal is being acted on, or came too late to matter: no rescue is needed."""
        with self._decision:  # held for good once a rescue has begun, which ends the process
            self._acting = True
            self.advice = advice or self.advice

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Note signals within, for a loop that looks at :attr:`pending`.

        Outside of a command of ours only Ctrl-C is noted, where Python would raise
        ``KeyboardInterrupt`` for it; it is raised at the end if no loop did.
        """
        ours = self._name or not _raises_on_interrupt()
        if not ours:
            signal.signal(signal.SIGINT, self._note)
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1
            if not ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                noted, self.pending = self.pending, None
        if not ours and noted is not None:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def finishing(self) -> Iterator[None]:
        """Let what is within come to its end after a signal: a file that is being written.

        It may take longer than a command has to end; a second signal then ends it all the same.
        """
        self._finishing += 1
        try:
            yield
        finally:
            self._finishing -= 1

    def take_over(self, name: str) -> None:
        """Answer for every signal of this process from now on; called once, by a command.

        Signals that are ignored stay so: that is how ``nohup`` and a shell's background work.
        """
        self._name = name
        inside, outside = os.pipe()
        os.set_blocking(outside, False)
        signal.set_wakeup_fd(outside, warn_on_full_buffer=False)
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)
        atexit.register(_ignore_signals)
        listen(self.give_up)
        threading.Thread(target=self._watch, args=(inside,), name="signals", daemon=True).start()

    def listen(self, number: int) -> None:
        """Note a signal from now on, for a process whose owner ends it if nobody looks in time."""
        signal.signal(number, self._note)

    def give_up(self, left: float, why: str) -> None:
        """End a command whose run does not come back, with what can be saved; for another thread.

        Parameters
        ----------
        left
            Seconds that the run still has.
        why
            What is said if that is nothing.
        """
        if left > 0.0 or self._finishing or self._acting:
            return
        with self._decision:
            self._rescue()
            self._end(why, UNSOLVED)

    def leave(self) -> None:
        """End the process at once, in one line; nothing that runs in it is unwound."""
        self._end("interrupted", self.status)

    def _rescue(self) -> None:
        """Save what can be saved; the process ends in any case."""
        try:
            if self.rescue is not None:
                self.rescue()
        except Exception as failed:
            self.there = f"{self._name}: the state could not be saved: {failed}"

    def _end(self, why: str, status: int) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(2, b"\r\033[K\033[?25h")  # a progress bar hides the cursor
        with contextlib.suppress(OSError):
            there = self.there and f"{self.there}\n"
            os.write(2, f"{there}{self._name}: {why}; {self.advice}\n".encode())
        remove_unfinished()
        os._exit(status)

    def _note(self, number: int, frame: object = None) -> None:
        if self.pending is None:
            self.pending = number

    def _watch(self, inside: int) -> None:
        """Wait for a signal, then see to it that the process ends."""
        came = 0
        while came not in SIGNALS:
            came = os.read(inside, 1)[0]
        self._note(came)  # the main thread may take long to get there
        os.set_blocking(inside, False)
        began = time.monotonic()
        while self._may_go_on(time.monotonic() - began, inside):
            time.sleep(0.02)
        self._decision.acquire()
        if not (self._acting or self._finishing):
            self._rescue()
        self.leave()

    def _may_go_on(self, late: float, inside: int) -> bool:
        """Whether the main thread still has time to end by itself, so long after a signal."""
        again = _drain(inside)
        if self._finishing:
            return not (again and late > GRACE)
        if self._acting:
            return late < LAST
        return self._deferred > 0 and late < GRACE


def _ignore_signals() -> None:
    """Let a process that is done end with its own status.

    Python gives signals back to the system before it takes its modules apart, which takes longer than
    a small run: one that came then would end a finished command as if it had died. What was
    registered first is called last, when nothing is left to be lost.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _drain(inside: int) -> bool:
    """Whether another signal has come."""
    try:
        return any(number in SIGNALS for number in os.read(inside, 4096))
    except BlockingIOError:
        return False


def _raises_on_interrupt() -> bool:
    """Whether Ctrl-C would raise ``KeyboardInterrupt`` here."""
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


interrupts = Interrupts()
"""The one of this process."""
