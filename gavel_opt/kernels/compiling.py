"""Makes machine code of kernels: numba turns Python into LLVM's language, LLVM does the rest.

Numba's own way ends in functions that need numba to be called. Here its text is taken, with all that a
kernel calls in one module, whose parts only the entry is seen of from outside: so LLVM drops what is
never used, such as counting references that nobody holds, and compiles everything once. The entry
takes arrays as numpy's objects, checks that they are what the code is for, and calls the kernel.
"""

# mypy: disable-error-code="no-untyped-call, untyped-decorator, override, misc, assignment"
# numba's types say little

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import mmap
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, ClassVar, NamedTuple, cast

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.cgutils import create_struct_proxy
from numba.core.compiler import Flags, compile_extra
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global, signature
from numba.extending import (
    infer_getattr,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
)
from numba.np.numpy_support import as_dtype, from_dtype

from gavel_opt.kernels import front_end
from gavel_opt.kernels.arguments import (
    DATA,
    DTYPE,
    FLAGS,
    IN_ORDER,
    ITEMS,
    LENGTH,
    NDIM,
    SHAPE,
    TYPE,
    ArrayForm,
    TupleForm,
    is_object,
    words_of,
)
from gavel_opt.kernels.jit import KEEPS_TIME, clock
from gavel_opt.kernels.lowering.arrays_and_ranges import make_array as make_array_in_order
from gavel_opt.kernels.lowering.lending import Table
from gavel_opt.kernels.lowering.new_arrays import ALLOCATING
from gavel_opt.kernels.lowering.variables import Builder
from gavel_opt.kernels.native import (
    ENTRY,
    FITS,
    OTHER_ARGUMENTS,
    RAISED,
    RELEASE,
    TAKE,
    Code,
    result_words,
)

_WORD = ir.IntType(64)
_HALF = ir.IntType(32)
_BYTE = ir.IntType(8)


class _Table(Table):
    """A named tuple by reference, as numba's types are told apart by their names."""

    def __init__(self, form: TupleForm) -> None:
        self.form = form
        self.fields = dict(zip(form.type._fields, form.members, strict=True))
        digest = abs(hash(repr(form))) % 10**8
        super().__init__(name=f"{form.name}_at_{digest}")


class _Call(types.Callable):
    """A call that is handed over: address of the code and of the table that it takes."""

    def __init__(self) -> None:
        super().__init__("call")

    def get_call_type(self, context: Any, given: Any, named: Any) -> Any:
        return None if given or named else signature(types.int64, recvr=self)

    def get_call_signatures(self) -> Any:
        return [signature(types.int64)], False

    def get_impl_key(self, signature: Any) -> Any:
        return _Call


register_model(_Table)(models.OpaqueModel)


@register_model(_Call)
class _CallModel(models.StructModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("address", types.int64), ("table", types.int64)])


def type_of(form: Any) -> Any:
    """Numba's type of a form, as kernels have it."""
    if isinstance(form, ArrayForm):
        return types.Array(from_dtype(form.dtype), form.ndim, "C")
    if not isinstance(form, TupleForm):
        return {"b": types.boolean, "i": types.int64, "f": types.float64, "c": _Call()}[form]
    if form.is_reference:
        return _Table(form)
    members = [type_of(member) for member in form.members]
    kind = form.type
    if kind is tuple:
        return types.Tuple(members)
    if len(set(members)) == 1:
        return types.NamedUniTuple(members[0], len(members), kind)
    return types.NamedTuple(members, kind)


def _form_of(kind: Any) -> Any:
    """Form of a result of one of numba's types."""
    if isinstance(kind, types.Array):
        if kind.layout != "C":
            raise NotImplementedError(f"a kernel returns {kind}")
        return ArrayForm(as_dtype(kind.dtype), kind.ndim)
    if isinstance(kind, types.BaseTuple):
        python = getattr(kind, "instance_class", tuple)
        members = tuple(map(_form_of, cast(Any, kind)))
        return TupleForm(python.__module__, python.__qualname__, members)
    if isinstance(kind, types.NoneType):
        return None
    if isinstance(kind, types.Boolean):
        return "b"
    if isinstance(kind, types.Integer):
        return "i"
    if isinstance(kind, types.Float):
        return "f"
    raise NotImplementedError(f"a kernel returns {kind}")


# attributes --------------------------------------------------------------------------------------


@infer_getattr
class _TableFields(AttributeTemplate):
    key = _Table

    def generic_resolve(self, kind: _Table, name: str) -> Any:
        form = kind.fields.get(name)
        return None if form is None else type_of(form)


@lower_getattr_generic(_Table)
def _get_field(context: Any, builder: Any, kind: _Table, table: Any, name: str) -> Any:
    place = 0
    for other, form in kind.fields.items():
        if other == name:
            break
        place += words_of(form)
    return _from_table(context, builder, table, place, kind.fields[name])


def _from_table(context: Any, builder: Any, table: Any, place: int, form: Any) -> Any:
    """What stands in a table from a place on."""
    if isinstance(form, TupleForm):
        if form.is_reference:
            return builder.gep(table, [ir.IntType(32)(8 * place)], source_etype=_BYTE)
        value = context.get_constant_undef(type_of(form))
        for member, inner in enumerate(form.members):
            one = _from_table(context, builder, table, place, inner)
            value = builder.insert_value(value, one, member)
            place += words_of(inner)
        return value
    data = _load(builder, table, 8 * place, _pointer())
    shape = [_load(builder, table, 8 * (place + 1 + axis), _WORD) for axis in range(form.ndim)]
    return _array(context, builder, form, data, shape)


def _pointer() -> Any:
    return _BYTE.as_pointer()


def _load(builder: Any, start: Any, offset: int, kind: Any) -> Any:
    at = builder.gep(start, [ir.IntType(32)(offset)], source_etype=_BYTE)
    return builder.load(builder.bitcast(at, kind.as_pointer()))


def _array(context: Any, builder: Any, form: ArrayForm, data: Any, shape: list[Any]) -> Any:
    kind = type_of(form)
    pointer = builder.bitcast(data, context.get_data_type(kind.dtype).as_pointer())
    return make_array_in_order(context, builder, kind, pointer, shape)


# calls, and the time -----------------------------------------------------------------------------


@lower_builtin(_Call, _Call)
def _make_call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Call an entry (:func:`_entry`) that takes one table and gives one whole number; 0 if there is no code."""
    call = create_struct_proxy(_Call())(context, builder, arguments[0])
    entry = ir.FunctionType(_WORD, [_WORD.as_pointer()] * 4).as_pointer()
    found = cgutils.alloca_once_value(builder, _WORD(0))
    answer = cgutils.alloca_once_value(builder, _WORD(0))
    with builder.if_then(cgutils.is_not_null(builder, call.address)):
        none = ir.Constant(_WORD.as_pointer(), None)
        table = builder.inttoptr(call.table, _WORD.as_pointer())
        status = builder.call(builder.inttoptr(call.address, entry), [found, none, none, table])
        fine = builder.icmp_signed("==", status, _WORD(FITS))
        builder.store(builder.select(fine, builder.load(found), _WORD(0)), answer)
    return builder.load(answer)


@infer_global(clock)
class _ClockTemplate(AbstractTemplate):
    key = clock

    def generic(self, given: Any, named: Any) -> Any:
        return None if given or named else signature(types.float64)


@lower_builtin(clock)
def _read_clock(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Seconds by C's clock, where there is one (:data:`KEEPS_TIME`)."""
    if not KEEPS_TIME:
        return context.get_constant(types.float64, 0.0)
    kind = ir.FunctionType(_HALF, [_HALF, _WORD.as_pointer()])
    read = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
    parts = cgutils.alloca_once(builder, _WORD, size=2)
    builder.call(read, [_HALF(time.CLOCK_MONOTONIC), parts])
    whole, billionths = (
        builder.sitofp(builder.load(builder.gep(parts, [_HALF(place)])), ir.DoubleType())
        for place in range(2)
    )
    return builder.fadd(whole, builder.fmul(billionths, ir.Constant(ir.DoubleType(), 1e-9)))


# the entry ---------------------------------------------------------------------------------------


def _entry(function: _Function, forms: tuple[Any, ...], result: Any) -> str:
    """Text of what Python calls: it checks arguments, calls the kernel, and writes the result into words.

    After what it writes to and what it expects come one tuple of all objects, if there is one, and all else.
    """
    entry = _EntryWriter(forms)
    builder, target, signature = entry.builder, entry.target, function.signature
    given = [entry.taken(form) for form in forms]
    status, value = target.call_internal_no_propagate(builder, function.fndesc, signature, given)
    with builder.if_then(status.is_error):
        builder.ret(_WORD(RAISED))
    entry.write(result, signature.return_type, value)
    builder.ret(_WORD(FITS))
    return str(cgutils.normalize_ir_text(str(builder.module)))


class _EntryWriter:
    """Writes what an entry does with its arguments and its result."""

    def __init__(self, forms: tuple[Any, ...]) -> None:
        _, self.target = _contexts()
        leaves = [leaf for form in forms for leaf in _leaves(form)]
        words = _WORD.as_pointer()
        c_types = [words, ir.DoubleType().as_pointer(), words]
        c_types += [_pointer()] * any(map(is_object, leaves))
        handed = len(c_types)
        for leaf in leaves:
            if leaf == "c":
                c_types += [_WORD] * 2
            elif not is_object(leaf):
                c_types.append(self._model(type_of(leaf)).get_argument_type())
        module = self.target.create_module(ENTRY)
        self._entry = ir.Function(module, ir.FunctionType(_WORD, c_types), ENTRY)
        self._found, self._numbers, self._expected, *more = self._entry.args
        self._objects, self._given = (more or [None])[0], iter(self._entry.args[handed:])
        self._items, self._expects, self._words = count(), count(1), count()
        self.builder = Builder(self._entry.append_basic_block())
        self._others = self._entry.append_basic_block()
        with self.builder.goto_block(self._others):
            self.builder.ret(_WORD(OTHER_ARGUMENTS))

    def _model(self, kind: Any) -> Any:
        return self.target.data_model_manager[kind]

    def taken(self, form: Any) -> Any:
        """The next argument, as the kernel takes it."""
        if is_object(form):
            return self._looked_at(form, self._load(self._objects, ITEMS + 8 * next(self._items)))
        if isinstance(form, TupleForm) and not form.is_reference:
            return self._built(form, map(self.taken, form.members))
        if form == "c":
            return self._built(form, (next(self._given), next(self._given)))
        return self._model(type_of(form)).from_argument(self.builder, next(self._given))

    def _built(self, form: Any, members: Iterable[Any]) -> Any:
        value = ir.Constant(self.target.get_value_type(type_of(form)), ir.Undefined)
        for place, member in enumerate(members):
            value = self.builder.insert_value(value, member, place)
        return value

    def _looked_at(self, form: Any, at: Any) -> Any:
        """What is in an object, which is to be as expected."""
        kind = self._load(at, TYPE, _WORD)
        if isinstance(form, TupleForm):
            self._expect((kind, self._wanted(next(self._expects))))
            self._expect((self._load(at, LENGTH, _WORD), _WORD(len(form.members))))
            places = (self._load(at, ITEMS + 8 * i) for i in count())
            return self._built(form, map(self._looked_at, form.members, places))
        self._expect((kind, self._wanted(0)))
        flags = self.builder.and_(self._load(at, FLAGS, _HALF), _HALF(IN_ORDER))
        self._expect(
            (self._load(at, DTYPE, _WORD), self._wanted(next(self._expects))),
            (self._load(at, NDIM, _HALF), _HALF(form.ndim)),
            (flags, _HALF(IN_ORDER)),
        )
        shape_at = self._load(at, SHAPE)
        shape = [self._load(shape_at, 8 * axis, _WORD) for axis in range(form.ndim)]
        return _array(self.target, self.builder, form, self._load(at, DATA), shape)

    def _expect(self, *pairs: tuple[Any, Any]) -> None:
        """Go on where both of each pair are the same."""
        same = [self.builder.icmp_signed("==", *pair) for pair in pairs]
        after = self._entry.append_basic_block()
        self.builder.cbranch(functools.reduce(self.builder.and_, same), after, self._others)
        self.builder.position_at_end(after)

    def _wanted(self, place: int) -> Any:
        return self._load(self._expected, 8 * place, _WORD)

    def _load(self, start: Any, offset: int, kind: Any = None) -> Any:
        return _load(self.builder, start, offset, kind or _pointer())

    def write(self, form: Any, kind: Any, value: Any) -> None:
        """Write a result: of an array its owner, its address and its shape."""
        take = self.builder.extract_value
        if isinstance(form, TupleForm):
            for place, member in enumerate(form.members):
                self.write(member, kind[place], take(value, place))
        elif isinstance(form, ArrayForm):
            field = self._model(kind).get_field_position
            for name in ("meminfo", "data"):  # the reference to the owner is Python's from here on
                member = take(value, field(name))
                self._store(self._found, self.builder.ptrtoint(member, _WORD))
            for axis in range(form.ndim):
                self._store(self._found, take(value, (field("shape"), axis)))
        elif form == "f":
            number = self.target.cast(self.builder, value, kind, types.float64)
            self._store(self._numbers, number)
        elif form is not None:
            self._store(self._found, self.target.cast(self.builder, value, kind, types.int64))

    def _store(self, into: Any, value: Any) -> None:
        self.builder.store(value, self.builder.gep(into, [_WORD(next(self._words))]))


def _leaves(form: Any) -> list[Any]:
    """What a form is handed over as: objects, and all that are none."""
    if is_object(form) or not isinstance(form, TupleForm) or form.is_reference:
        return [form]
    return [leaf for member in form.members for leaf in _leaves(member)]


class Part(NamedTuple):
    """What one object file is made of.

    Attributes
    ----------
    exported
        Name of the function that is called from outside.
    texts
        Of each function, in LLVM's language.
    needs
        Names of functions that stand in other object files.
    is_unrolled
        Whether loops are written out.
    """

    exported: str
    texts: tuple[str, ...]
    needs: frozenset[str]
    is_unrolled: bool


class Lowered(NamedTuple):
    """A kernel in LLVM's language, with all that it calls: what is left is LLVM's, in any process.

    Attributes
    ----------
    arguments, result
        As in :class:`~gavel_opt.kernels.native.Code`.
    parts
        The kernel's own, and those that it shares with others.
    """

    arguments: tuple[Any, ...]
    result: Any
    parts: tuple[Part, ...]

    def code(self, machine_code: tuple[bytes, ...]) -> Code:
        """What is kept of it."""
        return Code(self.arguments, self.result, machine_code)


def lower_kernel(kernel: Any, forms: tuple[Any, ...], done: Callable[[], None]) -> Lowered:
    """Have numba translate a kernel for arguments of some forms; functions that kernels share, once.

    Parameters
    ----------
    kernel
        A :class:`~gavel_opt.kernels.jit.Kernel`.
    forms
        Of each argument.
    done
        Called whenever one of the functions that it is made of is through.

    Raises
    ------
    NotImplementedError
        If numba's functions are not called as this module knows it.
    """
    check_convention()
    return _lowered(kernel, forms, done)


def _lowered(kernel: Any, forms: tuple[Any, ...], done: Callable[[], None]) -> Lowered:
    with global_compiler_lock, _no_collections():
        _prepare(type(kernel))
        _Function.done = staticmethod(done)
        function = _Function.of(kernel, tuple(map(type_of, forms)))
        result = _form_of(function.signature.return_type)
        texts = _entry(function, forms, result), _RELEASE, _taking(result)
        return Lowered(
            forms, result, tuple(_parts(_Entry(texts, {function: None}, kernel.is_unrolled)))
        )


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Keep Python from looking for garbage where next to everything lives on, meanwhile and right after."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():  # nobody else has frozen anything
                gc.freeze()  # both together make all that is new old
                gc.unfreeze()
            gc.enable()


# functions ---------------------------------------------------------------------------------------


class _Function:
    """A kernel's function for arguments of some types, in LLVM's language, without those it calls."""

    _known: ClassVar[dict[tuple[Any, tuple[Any, ...]], _Function]] = {}
    _waiting: ClassVar[list[_Function]] = []
    done: ClassVar[Callable[[], None]]

    def __init__(self, kernel: Any, given: tuple[Any, ...]) -> None:
        function = kernel.py_func
        self.calls: dict[_Function, None] = {}
        self.is_apart, self.is_unrolled = kernel.is_apart, kernel.is_unrolled
        typing, target = _contexts()
        flags = Flags()
        cpu_target.options.parse_as_flags(flags, _OPTIONS)
        flags.no_compile = True
        texts = front_end.Texts(target.codegen(), function.__qualname__)
        self._waiting.append(self)
        try:
            found = compile_extra(
                typing,
                target,
                function,
                given,
                None,
                flags,
                {},
                texts,
                pipeline_class=front_end.Pipeline,
            )
        finally:
            self._waiting.pop()
        self.signature = found.signature
        self.fndesc = found.fndesc
        self.name: str = found.fndesc.mangled_name
        target.insert_user_function(self, found.fndesc)
        self.texts = tuple(texts.texts)
        self.libraries = texts.libraries
        self.done()

    @classmethod
    def of(cls, kernel: Any, given: tuple[Any, ...]) -> _Function:
        """A kernel's function, compiled when it is first asked for."""
        key = kernel.py_func, given
        if key not in cls._known:
            cls._known[key] = cls(kernel, given)
        found = cls._known[key]
        if cls._waiting:
            cls._waiting[-1].calls[found] = None
        return found


@dataclasses.dataclass(eq=False)
class _Entry:
    """What Python calls, as a function."""

    texts: tuple[str, ...]
    calls: dict[_Function, None]
    is_unrolled: bool
    name: ClassVar[str] = ENTRY
    libraries: ClassVar[dict[Any, None]] = {}
    is_apart: ClassVar[bool] = False


def _parts(entry: _Entry) -> list[Part]:
    """What it and all that it calls, directly or not, are made of."""
    parts: list[Part] = []
    roots: list[_Entry | _Function] = [entry]
    for root in roots:  # which grow meanwhile
        found: dict[_Entry | _Function, None] = {}
        waiting = [root]
        libraries: dict[Any, None] = {}
        needs: set[_Function] = set()
        while waiting:
            one = waiting.pop()
            if isinstance(one, _Function) and one is not root and one.is_apart:
                needs.add(one)
            elif one not in found:
                found[one] = None
                libraries |= one.libraries
                waiting += one.calls
        texts = [text for one in found for text in one.texts]
        texts += map(front_end.text_of, libraries)
        names = frozenset(one.name for one in needs)
        parts.append(Part(root.name, tuple(sorted(texts)), names, root.is_unrolled))
        roots += needs - set(roots)
    return parts


_OPTIONS = {
    "nopython": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


class _KernelType(types.Callable, types.Dummy):
    """A kernel that another one calls."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        super().__init__(f"kernel({kernel.name} {id(kernel)})")

    def get_call_type(self, context: Any, given: Any, named: Any) -> Any:
        if named:
            raise NotImplementedError(f"{self.kernel.name} is called with names")
        # a number as such has the type that a variable has
        given = tuple(map(types.unliteral, given))
        return _Function.of(self.kernel, given).signature

    def get_call_signatures(self) -> Any:
        return [], True

    def get_impl_key(self, signature: Any) -> Any:
        return _Function.of(self.kernel, signature.args)


_contexts = functools.cache(front_end.contexts)


register_model(_KernelType)(models.OpaqueModel)


_kernel_classes: set[type[Any]] = set()


def _prepare(kernels: type[Any]) -> None:
    """Have numba know kernels by their class."""
    if kernels not in _kernel_classes:
        _kernel_classes.add(kernels)
        typeof_impl.register(kernels)(lambda kernel, _: _KernelType(kernel))


# LLVM --------------------------------------------------------------------------------------------

_LARGE = 4 << 20
"""Bytes of a block from which on it is asked for in huge pages, as numpy does: a page at a time takes longer than what is done with it."""


_MEMORY = """
declare ptr @malloc(i64)
declare void @free(ptr)

define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {
  %more = zext i32 %align to i64
  %head = add i64 %more, 64
  %all = add i64 %head, %size
  %block = call ptr @malloc(i64 %all)
  %none = icmp eq ptr %block, null
  br i1 %none, label %out, label %there
out:
  ret ptr null
there:
  call void @gavel_opt_advise(ptr %block, i64 %all)
  %address = ptrtoint ptr %block to i64
  %past = add i64 %address, %head
  %less = sub i64 0, %more
  %start = and i64 %past, %less
  %data = inttoptr i64 %start to ptr
  store i64 1, ptr %block
  %data_at = getelementptr i8, ptr %block, i64 24
  store ptr %data, ptr %data_at
  ret ptr %block
}

define void @NRT_MemInfo_call_dtor(ptr %block) {
  call void @free(ptr %block)
  ret void
}
"""


_SMALL_PAGES = """
define void @gavel_opt_advise(ptr %block, i64 %size) {
  ret void
}
"""


_HUGE_PAGES = f"""
declare i32 @madvise(ptr, i64, i32)

define void @gavel_opt_advise(ptr %block, i64 %size) {{
  %large = icmp uge i64 %size, {_LARGE}
  br i1 %large, label %ask, label %out
ask:
  %address = ptrtoint ptr %block to i64
  %past = add i64 %address, {mmap.PAGESIZE - 1}
  %start = and i64 %past, {-mmap.PAGESIZE}
  %skipped = sub i64 %start, %address
  %length = sub i64 %size, %skipped
  %page = inttoptr i64 %start to ptr
  call i32 @madvise(ptr %page, i64 %length, i32 {getattr(mmap, "MADV_HUGEPAGE", 0)})
  br label %out
out:
  ret void
}}
"""
"""Whatever the answer is: pages are only a matter of time."""


_C_LIBRARY = frozenset(
    "malloc free madvise memcpy memmove memset acos asin atan atan2 cbrt ceil cos cosh exp exp2 expm1 fabs floor "  # noqa: SIM905
    "clock_gettime fmod hypot log log10 log1p log2 pow round sin sinh sqrt tan tanh trunc".split()
)
"""What every process has. All else is numba's own, which is not there when code is read back."""


def machine_code(lowered: Lowered) -> tuple[bytes, ...]:
    """Object files of a kernel and all that it calls.

    Raises
    ------
    NotImplementedError
        If it needs what machine code alone has not.
    """
    return tuple(map(object_file, lowered.parts))


@functools.lru_cache(8)
def object_file(part: Part) -> bytes:
    """Machine code of one part of a kernel, as :func:`machine_code`."""
    module = _llvm_module(part)
    seen = (ENTRY, RELEASE, TAKE) if part.exported == ENTRY else (part.exported,)
    for one in [*module.functions, *module.global_variables]:
        if not one.is_declaration and one.name not in seen:
            one.linkage = binding.Linkage.internal
    target = _target()
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.slp_vectorization = False
    options.loop_unrolling = part.is_unrolled
    builder = binding.create_pass_builder(target, options)
    first = binding.create_new_module_pass_manager()
    first.add_global_dead_code_eliminate_pass()
    first.add_sroa_pass()
    first.add_simplify_cfg_pass()
    first.add_instruction_combine_pass()
    first.add_refprune_pass()
    first.run(module, builder)
    builder.getModulePassManager().run(module, builder)
    outside = {
        one.name
        for one in module.functions
        if one.is_declaration and not one.name.startswith("llvm.")
    }
    if unknown := outside - _C_LIBRARY - part.needs:
        raise NotImplementedError(f"needs {', '.join(sorted(unknown))}")
    made: bytes = target.emit_object(module)
    return made


def _llvm_module(part: Part) -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    pages = _HUGE_PAGES if hasattr(mmap, "MADV_HUGEPAGE") else _SMALL_PAGES
    module = binding.parse_assembly(_MEMORY + pages + ALLOCATING)
    for text in part.texts:
        module.link_in(binding.parse_assembly(text))
    module.verify()
    return module


_RELEASE = f"""
declare void @NRT_MemInfo_call_dtor(ptr)

define void @{RELEASE}(i64 %owner) {{
  %block = inttoptr i64 %owner to ptr
  %held = atomicrmw sub ptr %block, i64 1 acq_rel
  %last = icmp eq i64 %held, 1
  br i1 %last, label %free, label %out
free:
  call void @NRT_MemInfo_call_dtor(ptr %block)
  br label %out
out:
  ret void
}}
"""


def _taking(result: Any) -> str:
    """The function that moves a result's arrays (:func:`_written`) into those of a tuple; where an address is 0, nothing."""
    lines: list[str] = []
    places: list[tuple[int, ArrayForm]] = []

    def look(form: Any, place: int) -> int:
        if isinstance(form, TupleForm):
            for member in form.members:
                place = look(member, place)
            return place
        if isinstance(form, ArrayForm):
            places.append((place, form))
        return place + result_words(form)

    look(result, 0)
    for i, (place, form) in enumerate(places):
        size = f"{form.dtype.itemsize}"
        lines += [
            f"%owner_at_{i} = getelementptr i64, ptr %found, i64 {place}",
            f"%owner_{i} = load i64, ptr %owner_at_{i}",
            f"%data_at_{i} = getelementptr i64, ptr %found, i64 {place + 1}",
            f"%data_{i} = load ptr, ptr %data_at_{i}",
        ]
        for axis in range(form.ndim):
            lines += [
                f"%length_at_{i}_{axis} = getelementptr i64, ptr %found, i64 {place + 2 + axis}",
                f"%length_{i}_{axis} = load i64, ptr %length_at_{i}_{axis}",
                f"%size_{i}_{axis} = mul i64 {size}, %length_{i}_{axis}",
            ]
            size = f"%size_{i}_{axis}"
        lines += [
            f"%none_{i} = icmp eq ptr %data_{i}, null",
            f"br i1 %none_{i}, label %next_{i}, label %move_{i}",
            f"move_{i}:",
            f"%item_{i} = getelementptr i8, ptr %into, i64 {ITEMS + 8 * i}",
            f"%array_{i} = load ptr, ptr %item_{i}",
            f"%target_at_{i} = getelementptr i8, ptr %array_{i}, i64 {DATA}",
            f"%target_{i} = load ptr, ptr %target_at_{i}",
            f"call ptr @memcpy(ptr %target_{i}, ptr %data_{i}, i64 {size})",
            f"%lent_{i} = icmp eq i64 %owner_{i}, 0",
            f"br i1 %lent_{i}, label %next_{i}, label %free_{i}",
            f"free_{i}:",
            f"call void @{RELEASE}(i64 %owner_{i})",
            f"br label %next_{i}",
            f"next_{i}:",
        ]
    body = "\n  ".join(lines)
    return f"""
declare void @{RELEASE}(i64)
declare ptr @memcpy(ptr, ptr, i64)

define void @{TAKE}(ptr %found, ptr %into) {{
  {body}
  ret void
}}
"""


@functools.cache
def _target() -> Any:
    return binding.Target.from_triple(binding.get_process_triple()).create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="default",
    )


# the calling convention --------------------------------------------------------------------------

SEEN_FROM, SEEN_BEFORE = (0, 62), (0, 69)
"""Versions of numba whose functions are known to be called as entries call them."""


@functools.cache
def check_convention() -> None:
    """Have a version of numba that is not known yet compile something small, in another process.

    A wrong call may end the process that makes it, so it must not be this one.

    Raises
    ------
    NotImplementedError
        If what it compiles does not do what the function does.
    """
    version = numba_version()
    if SEEN_FROM <= version < SEEN_BEFORE:
        return
    tried = subprocess.run(
        [sys.executable, "-m", "gavel_opt.kernels.calling_convention"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        words = tried.stderr.strip().splitlines()
        why = words[-1] if words else f"exit status {tried.returncode}"
        raise NotImplementedError(
            f"needs another numba than {numba.__version__}, which calls functions otherwise ({why[:200]})"
        )


def numba_version() -> tuple[int, ...]:
    """Version of numba, without what stands behind the second number."""
    return tuple(map(int, numba.__version__.split(".")[:2]))
