"""Links machine code where free memory is scarce: what is small fits into gaps far above all else.

Run as a process of its own by ``test_native.py``, since what this is about aborts it.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
from pathlib import Path

import llvmlite.binding as llvm

from gavel_opt.kernels import native

PAGE = mmap.PAGESIZE
FAR = 6 << 30
"""Beyond what code reaches: 2 GB."""
NORESERVE, FIXED_NOREPLACE = 0x4000, 0x100000

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def hold(start: int | None, size: int, fixed: int = 0) -> int:
    """Take addresses that nothing else can have."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE | fixed
    return int(libc.mmap(start, size, 0, flags, -1, 0))


def object_file() -> bytes:
    """Machine code of some pages that reads a small table, as kernels are compiled."""
    triple = llvm.get_process_triple()
    body = [f"%v{i + 1} = fmul double %v{i}, 0x3FF{i:013X}" for i in range(3000)]
    table = [f"double {i}.0" for i in range(512)]
    text = f"""
    target triple = "{triple}"
    @table = internal constant [512 x double] [{", ".join(table)}]
    define double @{native.ENTRY}(i64 %place) {{
        %address = getelementptr [512 x double], ptr @table, i64 0, i64 %place
        %v0 = load double, ptr %address
        {chr(10).join(body)}
        ret double %v3000
    }}
    define void @{native.RELEASE}(i64 %address) {{ ret void }}
    define void @{native.TAKE}(ptr %found, ptr %into) {{ ret void }}
    """
    target = llvm.Target.from_triple(triple).create_target_machine(
        reloc="pic", codemodel="default", jit=False
    )
    return target.emit_object(llvm.parse_assembly(text))


if __name__ == "__main__":
    native._llvm()
    code = object_file()
    wall = hold(None, FAR)
    lines = Path("/proc/self/maps").read_text().splitlines()
    taken = [tuple(int(end, 16) for end in line.split()[0].split("-")) for line in lines]
    for (_, end), (start, _) in itertools.pairwise(taken):
        if wall <= end < start < wall + (1 << 40):
            hold(end, start - end, FIXED_NOREPLACE)
    for gap in range(1, 17):  # gaps of three pages at the far end
        libc.munmap(wall + FAR - gap * 64 * PAGE, 3 * PAGE)
    entry, _, _ = native._link((code,))
    print(ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(entry)(3) >= 3.0)
