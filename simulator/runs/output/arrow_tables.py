"""A run's tables as Arrow tables and as Parquet files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.runs.columns import Columns, about


def parquet(columns: Columns, name: str = "") -> bytes:
    """Encode columns as Parquet; NaN becomes null.

    Parameters
    ----------
    columns
        The table.
    name
        Which of a run's tables it is, if it is one.
    """
    import pyarrow as pa
    from pyarrow import parquet as files

    sink = pa.BufferOutputStream()
    table = arrow(columns, name)
    types = {field.name: field.type for field in table.schema}
    long = [name for name, kind in types.items() if pa.types.is_int64(kind)]
    texts = [
        name
        for name, kind in types.items()
        if pa.types.is_string(kind) or pa.types.is_dictionary(kind)
    ]
    files.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=texts,
        column_encoding=dict.fromkeys(long, "DELTA_BINARY_PACKED"),  # half the time, and smaller
        write_statistics=False,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def arrow(columns: Columns, name: str = "") -> Any:
    """Return columns as a ``pyarrow.Table``; NaN becomes null.

    Columns of a run's table carry ``unit`` and ``description`` as metadata of their fields.

    Parameters
    ----------
    columns
        The table.
    name
        Which of a run's tables it is, if it is one.
    """
    import pyarrow as pa

    table = pa.table(
        {
            column: _labels(values, columns["worker"])
            if (name, column) == ("placements", "worker_type")
            else _array(values)
            if isinstance(values, np.ndarray)
            else pa.array(values)
            for column, values in columns.items()
        }
    )
    for place, column in enumerate(table.column_names):
        if (known := about(name, column)) is not None:
            field = table.field(place).with_metadata({"unit": known[0], "description": known[1]})
            table = table.set_column(place, field, table.column(place))
    return table


def _labels(texts: NDArray[np.str_], number: NDArray[np.integer[Any]]) -> Any:
    """Texts that follow from a number, as a dictionary: row by row they take longer than all the rest."""
    import pyarrow as pa

    row = np.full(number.max(initial=-1) + 1, -1)
    row[number] = np.arange(number.size)
    words, code = np.unique(texts[row[row >= 0]], return_inverse=True)
    codes = np.zeros(row.size, dtype=np.int32)
    codes[row >= 0] = code
    return pa.DictionaryArray.from_arrays(_array(codes[number]), _array(words))


def _array(values: NDArray[Any]) -> Any:
    """As ``pyarrow.array``, with NaN as null.

    That loads pandas where it is installed, to ask whether these are its values: half a second of each
    run that writes tables, in which no signal is looked at.
    """
    import pyarrow as pa

    kind, null, missing = values.dtype.kind, None, 0
    if kind == "U":
        words = values.tolist()
        text = "".join(words)
        if not text.isascii():
            words = [word.encode() for word in words]
        ends = np.cumsum([0, *map(len, words)], dtype=np.int32)
        held = (pa.py_buffer(ends), pa.py_buffer(text.encode()))
        return pa.Array.from_buffers(pa.string(), values.size, [None, *held])
    if kind == "f" and (missing := int(np.count_nonzero(empty := np.isnan(values)))):
        null = pa.py_buffer(_bits(~empty))
    content = _bits(values) if kind == "b" else np.ascontiguousarray(values)
    buffers = [null, pa.py_buffer(content)]
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype), values.size, buffers, null_count=missing
    )


def _bits(flags: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Flags as Arrow keeps them, eight to a byte."""
    return np.packbits(flags, bitorder="little")
