"""BLAS in one thread: for equations of this size several mostly wait, and the last bits would tell how many they are."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

import scipy.linalg  # noqa: F401  its BLAS is one of those that are held to one thread
from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """Hold the BLAS of numpy and of scipy to one thread; by itself that takes some 30 microseconds."""
    limited: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limited


@functools.cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
