"""Compiled code takes arrays as they are, gives arrays back, and refuses what it is not for."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gavel_opt.engines.proportional_jobs import _pooled
from gavel_opt.kernels import arguments, jit
from gavel_opt.kernels.arguments import ArrayForm, TupleForm, arrays_are_known, form_of
from gavel_opt.kernels.compiling import lower_kernel
from gavel_opt.kernels.records import by_reference, record

THING = record(price="f8", number="i4", sold="?")


class Shop(NamedTuple):
    """What the kernels of this file work on."""

    things: np.ndarray
    prices: np.ndarray


@by_reference
class Street(NamedTuple):
    """The same and more, handed over by its address."""

    numbers: np.ndarray
    shop: Shop


@jit.compiled
def sell(shop: Shop, rate: float, twice: bool) -> tuple[int, float, bool]:
    """Sell every other thing."""
    sold, sum_of_prices = 0, 0.0
    for i in range(0, len(shop.things), 2):
        thing = shop.things[i]
        thing.sold = True
        thing.price = thing.price * rate
        shop.prices[thing.number, 1] = thing.price
        sum_of_prices += thing.price
        sold += 2 if twice else 1
    return sold, sum_of_prices, sum_of_prices > 10.0


@jit.compiled
def number_houses(first: int, street: Street) -> tuple[int, np.ndarray]:
    """Number the houses; gives the last number, and prices beside numbers."""
    beside = np.empty((street.numbers.size, 2))
    for i in range(street.numbers.size):
        street.numbers[i] = first + 2 * i
        beside[i, 0] = street.numbers[i]
        beside[i, 1] = street.shop.prices[0, 0]
    return street.numbers[-1], beside


@jit.compiled
def doubled(values: np.ndarray) -> np.ndarray:
    """Twice the values, in an array of its own."""
    found = np.zeros(values.size)
    for i in range(values.size):
        found[i] = 2.0 * values[i]
    return found


@jit.compiled
def thrice(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One array as two results, and a part of it as a third."""
    found = np.ones(size)
    return found, found, found[1:]


class Town(NamedTuple):
    """A tuple with another in its middle, handed over in parts."""

    first: np.ndarray
    shop: Shop
    last: np.ndarray


@jit.compiled
def ends(town: Town) -> float:
    """Of what stands before and behind the inner tuple."""
    return town.first[0] + 10.0 * town.last[0] + 100.0 * town.shop.prices[0, 0]


@jit.compiled
def itself(values: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Its argument, and more."""
    more = np.ones(2)
    more[1] = 2.0
    return values, float(values.size), more


class Pair(NamedTuple):
    """Two arrays."""

    one: np.ndarray
    two: np.ndarray


@jit.compiled
def sum_of_two(pair: tuple[np.ndarray, np.ndarray]) -> float:
    """Of what stands first in each."""
    one, two = pair
    return one[0] + two[0]


@jit.compiled
def clear(values: np.ndarray) -> None:
    """Set all to zero."""
    for i in range(values.shape[0]):
        values[i] = 0.0


def ready(kernel: jit.Kernel, *given: object) -> jit.Kernel:
    jit.make_ready(kernel, given)
    assert kernel.func != kernel._interpreted
    return kernel


def a_shop() -> Shop:
    things = np.zeros(5, THING)
    things["price"] = [1.0, 2.0, 3.0, 4.0, 5.0]
    things["number"] = [4, 3, 2, 1, 0]
    return Shop(things, np.zeros((5, 2)))


def test_numpy_keeps_arrays_as_compiled_code_reads_them() -> None:
    assert arrays_are_known()


def test_forms() -> None:
    assert form_of(True) == "b"
    assert form_of(np.int64(3)) == form_of(3) == "i"
    assert form_of(np.float64(3)) == "f"
    assert form_of(np.zeros((2, 3))) == ArrayForm(np.dtype("f8"), 2)
    assert form_of(np.zeros((4, 4))[:, 1]) is None
    assert form_of((np.zeros(2), None)) is None
    shop = form_of(a_shop())
    assert isinstance(shop, TupleForm)
    assert not shop.is_reference
    assert form_of(Street(np.zeros(3, np.int64), a_shop())).is_reference


def test_records_numbers_and_bools() -> None:
    plain, given = a_shop(), a_shop()
    expected = sell.interpreted(*map(jit.plain, (plain, 2.0, True)))
    assert ready(sell, given, 2.0, True)(given, 2.0, True) == expected == (6, 18.0, True)
    assert given.things.tobytes() == plain.things.tobytes()
    assert given.prices.tolist() == plain.prices.tolist()


def test_a_wide_tuple_by_its_address() -> None:
    street = Street(np.zeros(4, np.int64), a_shop())
    street.shop.prices[0, 0] = 0.5
    last, beside = ready(number_houses, 1, street)(1, street)
    assert (last, street.numbers.tolist()) == (7, [1, 3, 5, 7])
    assert beside.tolist() == [[1, 0.5], [3, 0.5], [5, 0.5], [7, 0.5]]
    # another one, and the first again with other arrays
    other = street._replace(numbers=np.zeros(2, np.int64))
    assert number_houses(8, other)[0] == 10
    assert number_houses(2, street)[0] == 8
    with pytest.raises((TypeError, ValueError, AttributeError, IndexError)):
        number_houses(1, Street(street.numbers, a_shop()._replace(prices=None)))  # type: ignore[arg-type]


def test_a_tuple_within_a_tuple() -> None:
    shop = a_shop()
    shop.prices[0, 0] = 3.0
    town = Town(np.ones(1), shop, np.full(1, 2.0))
    assert ready(ends, town)(town) == 321.0


@pytest.mark.parametrize("size", [0, 3, 5000, 20_000])
def test_arrays_come_back_and_live_as_long_as_they_are_held(size: int) -> None:
    found = ready(doubled, np.ones(2))(np.arange(size, dtype=float))
    del size
    gc.collect()
    part = found[len(found) // 2 :]
    del found
    gc.collect()
    doubled(np.full(30_000, 9.0))  # would lie over what was given back too early
    assert part.flags.writeable
    first = int(part[0] / 2) if len(part) else 0
    assert part.tolist() == [2.0 * x for x in range(first, first + len(part))]
    assert first == len(part) or len(part) == first + 1


@pytest.mark.parametrize("size", [3, 5000, 20_000])
def test_one_array_may_come_back_several_times(size: int) -> None:
    for _ in range(20):
        one, two, rest = ready(thrice, 2)(size)
        assert one.tolist() == two.tolist() == [1.0] * size
        assert rest.tolist() == [1.0] * (size - 1)


def test_an_argument_may_come_back_as_a_copy_of_its_own() -> None:
    for size in (3, 20_000):
        values = np.arange(size, dtype=float)
        same, number, more = ready(itself, np.ones(2))(values)
        assert (number, more.tolist()) == (float(size), [1.0, 2.0])
        assert same.tolist() == values.tolist()
        assert not np.may_share_memory(same, values)


def test_tuples_of_another_class_or_length_are_not_taken_for_the_same() -> None:
    one, two = np.full(3, 1.0), np.full(3, 2.0)
    ready(sum_of_two, (one, two))
    assert sum_of_two((one, two)) == 3.0
    assert sum_of_two([one, two]) == 3.0  # type: ignore[arg-type]
    assert sum_of_two(Pair(two, two)) == 4.0  # compiled once more
    assert sum_of_two((two, one)) == 3.0
    with pytest.raises((TypeError, ValueError)):
        sum_of_two((one, two, two))  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError)):
        sum_of_two((one,))  # type: ignore[arg-type]


def test_other_arrays_than_it_is_compiled_for() -> None:
    ready(doubled, np.ones(2))
    strided = np.arange(12.0).reshape(3, 4)[:, 1]
    assert doubled(strided).tolist() == [2.0, 10.0, 18.0]
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    assert doubled(fixed).tolist() == [0.0, 2.0, 4.0]
    assert doubled(np.arange(3)).tolist() == [0.0, 2.0, 4.0]  # compiled once more
    again = np.arange(3.0)
    again.dtype = np.dtype("f8").newbyteorder("=")
    assert doubled(again).tolist() == [0.0, 2.0, 4.0]


def test_what_is_written_into_an_array_out_of_order_arrives() -> None:
    ready(clear, np.ones(2))
    table = np.ones((3, 2))
    clear(table[:, 0])
    assert table.tolist() == [[0.0, 1.0]] * 3


def test_a_user_s_kernel_that_needs_more_than_machine_code_stays_interpreted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @jit.compiled
    def largest(values: np.ndarray) -> float:
        return float(values.reshape((2, -1)).max())

    largest._file = arguments  # type: ignore[assignment]  # of nobody's package
    largest.__dict__["_is_kept"] = False
    given = np.arange(4.0)
    jit.make_ready(largest, (given,))
    assert largest(given) == 3.0
    assert "stays interpreted: needs numba_" in capsys.readouterr().err


def test_what_was_refused_once_is_not_tried_at_every_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = ready(doubled, np.ones(2))
    tried: list[object] = []
    monkeypatch.setattr(kernel, "_compile", lambda *given, **named: tried.append(given))
    monkeypatch.setattr(kernel, "_spent", -math.inf)
    for _ in range(3):
        assert kernel(np.arange(3, dtype=np.int8)).tolist() == [0.0, 2.0, 4.0]  # of another form
    assert not tried


def test_threads_call_the_same_code_with_tables_of_their_own() -> None:
    streets = [Street(np.zeros(50, np.int64), a_shop()) for _ in range(8)]
    ready(number_houses, 1, streets[0])

    def work(place: int) -> None:
        for _ in range(300):
            number_houses(place, streets[place])

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, street in enumerate(streets):
        assert street.numbers.tolist() == [place + 2 * i for i in range(50)]


@by_reference
class Till(NamedTuple):
    """What :func:`charge` works on."""

    money: np.ndarray


@jit.compiled
def charge(till: Till) -> int:
    """Take one; 0 once there is nothing left."""
    till.money[0] -= 1.0
    return 1 if till.money[0] > 0.0 else 0


@jit.compiled
def charge_all(most: int, call: arguments.Call, seconds: np.ndarray) -> int:
    """Call so many times, or until it gives nothing; how often it gave something."""
    started = jit.clock()
    done = 0
    while done < most and call() != 0:
        done += 1
    seconds[0] = jit.clock() - started
    return done


def test_a_kernel_calls_one_that_it_is_handed():
    till, seconds = Till(np.array([7.0])), np.zeros(1)
    call = arguments.Call(charge, till)
    assert not jit.can_call(charge_all, call)
    assert charge_all(3, call, seconds) == 3  # interpreted
    with jit.compiling_at_once():
        assert charge_all(2, call, seconds) == 0, "compiled code calls compiled code only"
        assert not jit.can_call(charge_all, call), "the other one has no code yet"
        assert charge(till) == 1
    assert jit.can_call(charge_all, call)
    assert charge_all(9, call, seconds) == 2  # 7 less 3 less 1
    assert till.money[0] == 0.0
    assert 0.0 < seconds[0] < 1.0


@jit.compiled
def refund(till: Till) -> int:
    """Give one back."""
    till.money[0] += 1.0
    return 1


def test_what_a_call_would_have_saved_counts_as_if_it_had_been_interpreted():
    till, seconds = Till(np.array([7.0])), np.zeros(1)
    with jit.compiling_at_once():
        charge_all(0, arguments.Call(charge, till), seconds)
    saves_nothing = arguments.Call(refund, till)
    assert not jit.can_call(charge_all, saves_nothing)
    saves_much = arguments.Call(refund, till, saves=1.0)
    assert any(jit.can_call(charge_all, saves_much) for _ in range(4))
    assert till.money[0] == 7.0
    assert charge_all(3, saves_much, seconds) == 3
    assert till.money[0] == 10.0


def test_pooling_can_be_compiled():
    """It returns arrays in order, which compiled code may hand over; rows of an array are of any order."""
    groups = 4
    given = (
        np.array([0, 0, 1, 1]),
        np.zeros(groups, dtype=bool),
        np.ones((groups, 2)),
        np.ones(groups),
        np.ones(groups),
    )
    lowered = lower_kernel(_pooled, tuple(map(form_of, given)), lambda: None)
    assert [type(form) for form in lowered.result.members] == [ArrayForm] * 5


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_code_and_its_constants_stand_together_where_memory_is_scarce() -> None:
    """In a process with much memory they would be too far apart, and LLVM would abort it."""
    script = Path(__file__).with_name("far_sections.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
