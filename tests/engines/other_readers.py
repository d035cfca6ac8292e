"""Other people's readers of MPS and LP files, for cross-checks: highspy's and GLPK's ``glpsol``.

    python tests/engines/other_readers.py FOLDER...

reads every program below the folders with ours and with both, and prints what differs.
"""

import bz2
import collections
import gzip
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import sparse

from gavel_opt.errors import InputError
from gavel_opt.model.files import read_program
from gavel_opt.model.linear_program import LinearProgram


def unpacked(path, folder):
    """The file without compression, under a name that says its kind."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if path.suffix == ".bz2":
        content = bz2.decompress(content)
    kind = next(s for s in path.suffixes[::-1] if s.lower() in (".mps", ".lp"))
    plain = Path(folder) / f"p{kind.lower()}"
    plain.write_bytes(content)
    return plain


def by_highs(plain):
    """What HiGHS reads; None if it refuses."""
    import highspy

    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("small_matrix_value", 1e-12)
    if solver.readModel(str(plain)) == highspy.HighsStatus.kError:
        return None
    model = solver.getModel()
    lp = model.lp_
    kinds = set(lp.integrality_) - {highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger}
    if model.hessian_.dim_ or kinds:
        return None
    a = lp.a_matrix_
    by_columns = "kColwise" in str(a.format_)
    matrix = (sparse.csc_array if by_columns else sparse.csr_array)(
        (np.array(a.value_), np.array(a.index_), np.array(a.start_)),
        shape=(lp.num_row_, lp.num_col_),
    )
    return LinearProgram.build(
        np.array(lp.col_cost_),
        matrix,
        np.array(lp.row_lower_),
        np.array(lp.row_upper_),
        np.array(lp.col_lower_),
        np.array(lp.col_upper_),
        maximize=lp.sense_ == highspy.ObjSense.kMaximize,
        offset=float(lp.offset_),
        row_names=tuple(lp.row_names_),
        col_names=tuple(lp.col_names_),
    )


def by_glpk(plain):
    """What GLPK reads, in its own format with 15 digits; None if it refuses."""
    out = plain.with_suffix(".glp")
    ways = ("--lp",) if plain.suffix == ".lp" else ("--freemps", "--mps")
    for way in ways:
        command = ["glpsol", way, str(plain), "--check", "--wglp", str(out)]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        if done.returncode == 0 and out.exists():
            return from_glp(out.read_text(encoding="latin-1"))
    return None


def from_glp(text):
    rows, columns, entries = {}, {}, []
    sense, offset, costs = "min", 0.0, {}
    names = {"i": {}, "j": {}}
    integer = set()
    for line in text.splitlines():
        word = line.split()
        if word[0] == "p":
            sense, m, n = word[2], int(word[3]), int(word[4])
            rows = dict.fromkeys(range(1, m + 1), (0.0, 0.0))
            columns = dict.fromkeys(range(1, n + 1), (0.0, math.inf))
        elif word[0] == "i":
            rows[int(word[1])] = span(word[2:])
        elif word[0] == "j":
            rest = word[2:]
            if rest and rest[0] in "cib" and len(rest[0]) == 1:
                if rest[0] != "c":
                    integer.add(int(word[1]))
                if rest[0] == "b":
                    columns[int(word[1])] = (0.0, 1.0)
                rest = rest[1:]
            if rest:
                columns[int(word[1])] = span(rest)
        elif word[0] == "a":
            i, j, value = int(word[1]), int(word[2]), float(word[3])
            if i:
                entries.append((i - 1, j - 1, value))
            elif j:
                costs[j - 1] = value
            else:
                offset = value
        elif word[0] == "n" and word[1] in "ij":
            names[word[1]][int(word[2])] = word[3]
    m, n = len(rows), len(columns)
    i, j, value = (np.array(x) for x in zip(*entries, strict=True)) if entries else ([], [], [])
    c = np.zeros(n)
    for place, cost in costs.items():
        c[place] = cost
    low, high = (np.array([rows[k + 1][s] for k in range(m)]).reshape(m) for s in (0, 1))
    left, right = (np.array([columns[k + 1][s] for k in range(n)]).reshape(n) for s in (0, 1))
    return LinearProgram.build(
        c,
        sparse.coo_array((value, (i, j)), shape=(m, n)),
        low,
        high,
        left,
        right,
        maximize=sense == "max",
        offset=offset,
        row_names=tuple(names["i"].get(k + 1, "") for k in range(m)),
        col_names=tuple(names["j"].get(k + 1, "") for k in range(n)),
    )


def span(words):
    kind, numbers = words[0], [float(w) for w in words[1:]]
    return {
        "f": lambda: (-math.inf, math.inf),
        "l": lambda: (numbers[0], math.inf),
        "u": lambda: (-math.inf, numbers[0]),
        "d": lambda: (numbers[0], numbers[1]),
        "s": lambda: (numbers[0], numbers[0]),
    }[kind]()


def differences(ours, other, precision):
    """What differs between two readings of a file, in words."""
    found = []

    def same(a, b):
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        with np.errstate(invalid="ignore"):
            return (a == b) | (np.abs(a - b) <= precision * np.maximum(np.abs(a), np.abs(b)))

    if ours.maximize != other.maximize:
        found.append("sense")
    if not same(ours.offset, other.offset):
        found.append(f"constant {ours.offset} {other.offset}")
    # Other readers keep further free rows as rows, or drop rows that are free: compare the rest.
    keep_a, keep_b = (~(np.isinf(p.row_lower) & np.isinf(p.row_upper)) for p in (ours, other))
    if keep_a.sum() != keep_b.sum() or ours.shape[1] != other.shape[1]:
        return [*found, f"shape {keep_a.sum()}x{ours.shape[1]} {keep_b.sum()}x{other.shape[1]}"]
    a, b = sparse.csr_array(ours.a)[keep_a], sparse.csr_array(other.a)[keep_b]
    place = np.arange(ours.shape[1])
    if ours.col_names and ours.col_names != other.col_names:
        where = {name: k for k, name in enumerate(other.col_names)}
        place = np.array([where.get(name, -1) for name in ours.col_names])
        if (place < 0).any() or np.unique(place).size != place.size:
            found.append("column names")
            place = np.arange(ours.shape[1])
    row_names = [
        np.array(p.row_names)[k] for p, k in ((ours, keep_a), (other, keep_b)) if p.row_names
    ]
    if len(row_names) == 2 and (row_names[0] != row_names[1]).any():
        found.append("row names")
    a, b = a.toarray() if a.shape[0] * a.shape[1] < 4e6 else a, b[:, place]
    if isinstance(a, np.ndarray):
        if not same(a, b.toarray()).all():
            found.append("entries")
    else:
        gap = abs(a - b)
        if gap.nnz and (gap.data > 1e-13 * abs(a).max()).any():
            found.append("entries")
    for what, x, y in (
        ("costs", ours.c, other.c[place]),
        ("row_lower", ours.row_lower[keep_a], other.row_lower[keep_b]),
        ("row_upper", ours.row_upper[keep_a], other.row_upper[keep_b]),
        ("col_lower", ours.col_lower, other.col_lower[place]),
        ("col_upper", ours.col_upper, other.col_upper[place]),
    ):
        wrong = np.flatnonzero(~same(x, y))
        if wrong.size:
            at = int(wrong[0])
            found.append(f"{what} in {wrong.size} places, {at}: {x[at]!r} {y[at]!r}")
    return found


def compare(path):
    """One line for each other reader that reads the file differently; the file's outcome."""
    with tempfile.TemporaryDirectory() as folder:
        plain = unpacked(path, folder)
        others = {"highs": by_highs(plain)}
        if shutil.which("glpsol"):
            others["glpk"] = by_glpk(plain)
    try:
        ours, refusal = read_program(path), ""
    except InputError as wrong:
        ours, refusal = None, str(wrong)
    lines = []
    for name, other in others.items():
        if ours is None or other is None:
            if (ours is None) != (other is None):
                lines.append(
                    f"{name} {'refuses' if other is None else 'reads'}: {refusal or 'ours reads'}"
                )
            continue
        precision = 0.0 if name == "highs" else 2e-14
        lines += [f"{name}: {d}" for d in differences(ours, other, precision)]
    return ours is not None, lines


def main(folders):
    counts = collections.Counter()
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if not any(s.lower() in (".mps", ".lp") for s in path.suffixes):
                continue
            read, lines = compare(path)
            counts["read" if read else "refused"] += 1
            counts["without a difference"] += not lines
            for line in lines:
                print(f"{path.parent.name}/{path.name}: {line}", flush=True)
    print(dict(counts))


if __name__ == "__main__":
    main(sys.argv[1:])
