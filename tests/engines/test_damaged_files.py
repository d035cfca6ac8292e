"""Damaged files are read or refused: no traceback, no hang, no swelling, whatever the damage.

``GAVEL_OPT_EXAMPLES=5000`` damages each kind of file 5,000 times.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import resource
import subprocess
import sys
import textwrap
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_files import ALL_KINDS, FREE, LP

from gavel_opt.errors import InputError
from gavel_opt.model.files import read_program, write_program
from gavel_opt.testing import KNOWN

EXAMPLES = int(os.environ.get("GAVEL_OPT_EXAMPLES", "40"))


def recorded(folder):
    return write_program(KNOWN[0].make(), folder / "p.npz").read_bytes()


WHOLE = {
    "fixed.mps": lambda _: ALL_KINDS.encode(),
    "free.mps": lambda _: FREE.encode(),
    "p.lp": lambda _: LP.encode(),
    "p.npz": recorded,
    "p.mps.gz": lambda _: gzip.compress(ALL_KINDS.encode(), mtime=0),
    "p.mps.bz2": lambda _: bz2.compress(ALL_KINDS.encode()),
    "p.lp.xz": lambda _: lzma.compress(LP.encode()),
}
PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"9" * 400, b"1e999999", b"-", b"inf", b"nan", b"$", b" $", b"\n", b"[" * 50]),
    st.sampled_from([sign.encode() for sign in ("\x0b", "\x1c\n", "\x85", "\xa0", "\u2028")]),
    st.sampled_from([b"ROWS\n", b"ENDATA\n", b"end\n", b"'MARKER'", b"\xff\xfe", b"PK\x03\x04"]),
)
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), min_size=1, max_size=4)


def damaged(content, damage):
    for where, gone, piece in damage:
        at = int(where * len(content))
        content = content[:at] + piece + content[at + gone :]
    return content


@pytest.mark.parametrize("name", WHOLE)
def test_damage_is_read_or_refused(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("damaged")
    whole = WHOLE[name](folder)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(DAMAGE)
    def check(damage):
        path = folder / name
        path.write_bytes(damaged(whole, damage))
        started = time.process_time()
        try:
            read_program(path)
        except InputError as refused:
            message = str(refused)
        else:
            return
        finally:
            assert time.process_time() - started < 5.0
        assert str(path) in message
        assert message.isprintable()
        assert len(message) < 400

    check()


BLANK = ["\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u2028", "\u3000"]
"""What Python calls blank, and no format of ours."""


@pytest.mark.parametrize("name", ["fixed.mps", "free.mps", "p.lp"])
def test_a_line_that_only_python_calls_blank(tmp_path, name):
    whole = WHOLE[name](tmp_path).decode().splitlines(keepends=True)
    path = tmp_path / name
    for sign in BLANK:
        for at in range(len(whole) + 1):
            path.write_text("".join([*whole[:at], f"{sign}\n", *whole[at:]]))
            with contextlib.suppress(InputError):
                read_program(path)


def members(folder):
    with zipfile.ZipFile(io.BytesIO(recorded(folder))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive(parts, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as out:
        for name, content in parts.items():
            out.writestr(name, content)
    return buffer.getvalue()


def npy(array, version=None):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), version=version, allow_pickle=True)
    return buffer.getvalue()


def about(parts, **change):
    import json

    words = json.loads(np.lib.format.read_array(io.BytesIO(parts["about.npy"])).tobytes())
    content = json.dumps(words | change).encode()
    return {"about.npy": npy(np.frombuffer(content, dtype=np.uint8))}


HEADER = b"\x93NUMPY\x01\x00"


def header(text):
    text = text.ljust(117).encode() + b"\n"
    return HEADER + len(text).to_bytes(2, "little") + text


ODD = {
    "promised size": lambda p: {
        "c.npy": header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }")
    },
    "nested header": lambda p: {"c.npy": header("(" * 100)},
    "header that would run": lambda p: {"c.npy": header("__import__('os').getcwd()")},
    "header of version 3": lambda p: {"c.npy": npy(np.zeros(2), (3, 0))},
    "two dimensions": lambda p: {"c.npy": npy(np.zeros((2, 1)))},
    "objects": lambda p: {"c.npy": npy(np.array([{}], dtype=object))},
    "words": lambda p: {"c.npy": npy(np.array(["a", "b"]))},
    "big endian": lambda p: {"c.npy": npy(np.zeros(2, dtype=">f8"))},
    "other member": lambda p: {"x.npy": npy(np.zeros(2))},
    "short": lambda p: {"c.npy": p["c.npy"][:-3]},
    "not a list": lambda p: about(p, row_names=7),
    "names of another type": lambda p: about(p, row_names=[1, 2, 3]),
    "wrong number of names": lambda p: about(p, row_names=["x"]),
    "name of another type": lambda p: about(p, name=3),
    "sense of another type": lambda p: about(p, maximize="yes"),
    "shape of another type": lambda p: about(p, shape={"m": 3}),
    "another format": lambda p: about(p, format="x" * 100000),
    "nesting": lambda p: {"about.npy": npy(np.frombuffer(b"[" * 100000, dtype=np.uint8))},
    "digits": lambda p: {"about.npy": npy(np.frombuffer(b"9" * 5000, dtype=np.uint8))},
    "a list": lambda p: {"about.npy": npy(np.frombuffer(b"[]", dtype=np.uint8))},
    "rows out of range": lambda p: {"indices.npy": npy(np.full(4, 77, dtype=np.int32))},
    "starts that fall": lambda p: {"indptr.npy": npy(np.array([0, 9, 4], dtype=np.int32))},
    "coefficients that no column has": lambda p: {
        "indptr.npy": npy(np.array([0, 2, 3], dtype=np.int32))
    },
    "starts behind the first": lambda p: {"indptr.npy": npy(np.array([1, 2, 4], dtype=np.int32))},
    "a coefficient twice": lambda p: {"indices.npy": npy(np.zeros(4, dtype=np.int32))},
    "a key twice": lambda p: {"row_keys.npy": npy(np.zeros(3, dtype=np.int64))},
    "negative starts": lambda p: {"indptr.npy": npy(np.array([0, -9, 4], dtype=np.int32))},
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_archives(tmp_path, kind):
    parts = members(tmp_path)
    path = tmp_path / "odd.npz"
    path.write_bytes(archive(parts | ODD[kind](parts)))
    with pytest.raises(InputError, match=r"odd\.npz: ") as caught:
        read_program(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def flagged(whole, at, value):
    """Set bytes in both headers of every member."""
    content = bytearray(whole)
    for mark, offset in ((b"PK\x03\x04", at), (b"PK\x01\x02", at + 2)):
        place = content.find(mark)
        while place >= 0:
            content[place + offset : place + offset + 2] = value.to_bytes(2, "little")
            place = content.find(mark, place + 4)
    return bytes(content)


@pytest.mark.parametrize(("at", "value"), [(6, 1), (8, 99), (8, 12), (8, 14), (4, 99)])
def test_encrypted_members_and_unknown_methods(tmp_path, at, value):
    path = tmp_path / "odd.npz"
    path.write_bytes(flagged(recorded(tmp_path), at, value))
    with pytest.raises(InputError, match=r"odd\.npz: "):
        read_program(path)


BOMBS = textwrap.dedent(
    """
    import bz2, gzip, io, lzma, sys, zipfile
    size, kind, path = 2 << 30, sys.argv[1], sys.argv[2]
    step = bytes(16 << 20)
    opened = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    if kind == "npz":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("c.npy", "w", force_zip64=True) as out:
                for _ in range(size // len(step)):
                    out.write(step)
    else:
        with opened[kind](path, "wb") as out:
            for _ in range(size // len(step)):
                out.write(step)
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "npz"])
def test_two_gigabytes_of_zeros(tmp_path, kind):
    path = tmp_path / ("p.npz" if kind == "npz" else f"p.mps.{kind}")
    subprocess.run([sys.executable, "-c", BOMBS, kind, str(path)], check=True)
    done = subprocess.run(
        ["gavel-opt", "solve", str(path)], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2
    assert "far more" in done.stderr or "not text" in done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 900_000
