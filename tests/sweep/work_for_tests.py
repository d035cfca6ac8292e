"""Pieces of work that processes of an executor can import."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Any

from gavel_opt import InputError
from simulator.process import timeout_watch


def square(payload: dict[str, Any]) -> dict[str, Any]:
    return {"value": payload["n"] ** 2, "process": os.getpid()}


class NoTextError(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def sometimes(payload: dict[str, Any]) -> dict[str, Any]:
    """Fail in the way the payload says."""
    match payload["how"]:
        case "input":
            raise InputError("no such\nthing")
        case "bug":
            raise ZeroDivisionError("a bug")
        case "says nothing":
            raise NoTextError
        case "interrupts":
            raise KeyboardInterrupt
        case "closes":
            raise GeneratorExit("early")
        case "dies":
            os._exit(9)
        case "dies once":
            mark = Path(payload["folder"], "died")
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
    return {"value": payload["how"]}


def slow(payload: dict[str, Any]) -> dict[str, Any]:
    Path(payload["folder"], str(os.getpid())).touch()
    time.sleep(60)
    return {}


def hangs(payload: dict[str, Any]) -> dict[str, Any]:
    """Run over a time limit in the way the payload says."""
    timeout_watch.SHORTEST = 1.0
    until = time.monotonic() + 0.2
    with timeout_watch.watched(0.2, lambda: until - time.monotonic()):
        match payload["how"]:
            case "sleeps":
                time.sleep(60)
            case "keeps the lock":
                ctypes.PyDLL(None).sleep(60)
            case "comes back late":
                time.sleep(0.6)
    return {"value": payload["how"]}


def named(payload: dict[str, Any]) -> dict[str, Any]:
    """Leave a trace of each time it is carried out."""
    with Path(payload["log"]).open("a") as log:
        log.write(f"{payload['n']}\n")
    return {"value": payload["n"], "status": "completed", "average_jct": 3600.0 * payload["n"]}
