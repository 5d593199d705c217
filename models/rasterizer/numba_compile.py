"""Compiles kernels with numba and keeps the machine code on disk, for all processes of this user.

A kernel's file must hold every compiled function that it calls: numba recompiles when that file changes, and sees no
other.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from reenactory.models.weight_files import cache_folder

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(signature: str) -> Callable[[Kernel], Kernel]:
    """Decorator: compiles now, for these types only, without the interpreter's lock and without fast maths.

    numba writes a temporary file and renames it, so processes that start together may all compile, and none reads half
    a file. Where nothing can be written the kernel is compiled anew in every process.
    """

    def compile_kernel(function: Kernel) -> Kernel:
        try:
            return _jit(function, signature, cache=True)
        except (RuntimeError, OSError):  # no folder can be written, or the disk is full
            return _jit(function, signature, cache=False)

    return compile_kernel


def _jit(function: Kernel, signature: str, cache: bool) -> Kernel:
    config: Any = numba.config
    chosen = config.CACHE_DIR  # the user's NUMBA_CACHE_DIR
    if not chosen:
        config.CACHE_DIR = os.fspath(cache_folder().parent / "numba")
    try:
        # fastmath would let additions be reordered and fused: the backends would no longer agree to the bit.
        kernel: Any = numba.njit(signature, cache=cache, nogil=True, fastmath=False, error_model="numpy")(function)
        return cast(Kernel, kernel)
    finally:
        config.CACHE_DIR = chosen
