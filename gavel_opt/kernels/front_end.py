"""Numba as kernels use it: what it types, lowers and hands to LLVM, without what kernels have no use for.

Three quarters of compiling are numba's, most of it spent on writing at length what kernels do all the time
(an element of an array, a turn of a loop over a range), on passes that find nothing to do, on types that it has
found before, and on having LLVM improve what will be improved as a whole later. Here these are written in
few instructions, left out, looked up, and left to :mod:`gavel_opt.kernels.compiling`. What is computed is
the same.
"""

# mypy: disable-error-code="no-untyped-call, untyped-decorator, override, misc, assignment"
# numba's types say little

from __future__ import annotations

from collections import Counter
from typing import Any

from numba import types
from numba.core import cgutils, ir
from numba.core.codegen import CodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import AnalysisPass, FunctionPass, PassManager, register_pass
from numba.core.cpu import CPUContext
from numba.core.postproc import PostProcessor
from numba.core.registry import cpu_target
from numba.core.rewrites.registry import rewrite_registry
from numba.core.transforms import canonicalize_cfg
from numba.core.typed_passes import NoPythonBackend, NopythonTypeInference
from numba.core.typing.context import Context
from numba.core.untyped_passes import FixupArgs, TranslateByteCode
from numba.extending import models, register_model

from gavel_opt.kernels.lowering.arrays_and_ranges import WRITTEN
from gavel_opt.kernels.lowering.lending import LENT, Convention, References, packer
from gavel_opt.kernels.lowering.new_arrays import NEW, type_of_new
from gavel_opt.kernels.lowering.variables import Lowering


def contexts() -> tuple[Any, Any]:
    """What knows types, and what lowers."""
    typing = _Typing()
    # A copy as numba makes them: it shares what numba knows, now and later, of functions that it compiles itself.
    numbas = cpu_target.target_context
    numbas.refresh()
    target = numbas.with_aot_codegen("kernels", cpu_name="host").subtarget(typing_context=typing)
    target.__class__ = _Target
    typing.refresh()
    target.refresh()
    return typing, target


class _Known(types.Function):
    """A function of numba's own, which looks up what it gives for some types once it has found that."""

    def __init__(self, templates: Any) -> None:
        super().__init__(templates)
        self._signatures: dict[Any, Any] = {}

    def get_call_type(self, context: Any, given: Any, named: Any) -> Any:
        new = type_of_new(self.typing_key, given, named)
        if named or new is not None:
            return new or super().get_call_type(context, given, named)
        key = tuple(given)
        if key not in self._signatures:
            self._signatures[key] = super().get_call_type(context, given, named)
        return self._signatures[key]


register_model(_Known)(models.OpaqueModel)


class _Typing(Context):
    """Numba's rules for types."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Any, _Known] = {}

    def resolve_value_type(self, value: Any) -> Any:
        found = super().resolve_value_type(value)
        if type(found) is not types.Function:
            return found
        if found not in self._known:
            self._known[found] = _Known(found.templates)
        return self._known[found]

    def resolve_function_type(self, function: Any, given: Any, named: Any) -> Any:
        if callable(function) and not isinstance(function, types.Type):
            function = self.resolve_value_type(function)
        if isinstance(function, _Known):
            return function.get_call_type(self, given, named)
        return super().resolve_function_type(function, given, named)


# passes ------------------------------------------------------------------------------------------


@register_pass(mutates_CFG=True, analysis_only=False)
class _Prepare(FunctionPass):
    """Gives names of their own to constants of the module, and to each ``_``; tells constant indices.

    A variable that is set to such a constant has the type of this very number for numba, so another cannot be put
    there. With that mended, and ``_`` for things of several types, kernels need no static single assignment.
    """

    _name = "kernel_preparation"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        blocks = state.func_ir.blocks = canonicalize_cfg(state.func_ir.blocks)
        for kind in rewrite_registry.rewrites["before-inference"]:
            rewrite = kind(state)
            for label in blocks:
                while rewrite.match(state.func_ir, blocks[label], None, None):
                    blocks[label] = rewrite.apply()
        _give_names(blocks.values())
        return True


def _give_names(blocks: Any) -> None:
    statements = [one for block in blocks for one in block.body]
    count = Counter(one.target.name for one in statements if isinstance(one, ir.Assign))
    unread = {name for name in count if name.split(".")[0] == "_"}
    if unread:
        uses = Counter(name.name for one in statements for name in one.list_vars())
        unread = {name for name in unread if uses[name] == count[name]}
    for block in blocks:
        body: list[Any] = []
        for one in block.body:
            if isinstance(one, ir.Assign) and count[name := one.target.name] > 1:
                if isinstance(one.value, (ir.Global, ir.FreeVar)) or name in unread:
                    own = block.scope.redefine(f"${name}", one.loc)
                    body.append(ir.Assign(one.value, own, one.loc))
                    one = ir.Assign(own, one.target, one.loc)
                if name in unread:
                    continue
            body.append(one)
        block.body[:] = body


@register_pass(mutates_CFG=False, analysis_only=True)
class _CountReferences(AnalysisPass):
    """Tells when variables are no longer needed; but counts no references where a function neither makes arrays nor returns any."""

    _name = "kernel_references"

    def __init__(self) -> None:
        AnalysisPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        made = [call.return_type for call in state.calltypes.values() if call is not None]
        if any(
            state.targetctx.data_model_manager[kind].contains_nrt_meminfo()
            for kind in {state.return_type, *made}
        ):
            PostProcessor(state.func_ir).run(emit_dels=True)
        else:
            state.targetctx = state.targetctx.subtarget(enable_nrt=False)
        return True


class Pipeline(CompilerBase):
    """Numba's passes for one function, without those that find nothing to do in kernels, yet look at every line."""

    def define_pipelines(self) -> list[Any]:
        """The passes, in order."""
        passes = PassManager("kernel")
        for one in (
            TranslateByteCode,
            FixupArgs,
            _Prepare,
            NopythonTypeInference,
            _CountReferences,
            Lowering,
            NoPythonBackend,
        ):
            passes.add_pass(one, one.__name__)
        passes.finalize()
        return [passes]


class Texts(CodeLibrary):
    """What numba hands to LLVM, as text: LLVM has to do with it when all is there, and not before.

    Attributes
    ----------
    texts
        Of each module.
    libraries
        What numba has compiled of its own functions that these call.
    """

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.texts: list[str] = []
        self.libraries: dict[CodeLibrary, None] = {}

    def add_ir_module(self, module: Any) -> None:
        """Keep a module's text."""
        self.texts.append(cgutils.normalize_ir_text(str(module)))

    def add_linking_library(self, library: CodeLibrary) -> None:
        """Note what is called."""
        self.libraries[library] = None

    def finalize(self) -> None:
        """Do nothing: all is there."""

    def get_llvm_str(self) -> str:
        """All of the text."""
        return "\n".join(self.texts)

    def get_function(self, name: str) -> Any:
        """Refuse: there are no functions yet."""
        raise NotImplementedError

    get_asm_str = get_function


def text_of(library: CodeLibrary) -> str:
    """Text of what numba has compiled of its own functions, with all that it needs."""
    _ = library.has_dynamic_globals  # asks for all to be there
    return str(library.get_llvm_str())


# lowering ----------------------------------------------------------------------------------------


class _Target(CPUContext):
    """Numba's target, where :data:`WRITTEN` goes before what it knows."""

    def get_function(self, function: Any, signature: Any, *others: Any, **named: Any) -> Any:
        name = getattr(function, "typing_key", function)
        if name in NEW and signature.pysig is not None:
            write = NEW[name]
            return lambda builder, given, loc=None: write(self, builder, signature, given)
        written = WRITTEN.get(name)
        if written is not None and not self.enable_boundscheck:
            fits, write = written
            if fits(*signature.args):
                return lambda builder, given, loc=None: write(self, builder, signature, given)
        return super().get_function(function, signature, *others, **named)

    def get_getattr(self, typ: Any, attr: str) -> Any:
        field = {"shape": "shape", "size": "nitems"}.get(attr)
        if field is None or not isinstance(typ, types.Array):
            return super().get_getattr(typ, attr)
        place = self.data_model_manager[typ].get_field_position(field)
        return lambda context, builder, typ, value, attr: builder.extract_value(value, place)

    def pair_first(self, builder: Any, pair: Any, kind: Any) -> Any:
        return builder.extract_value(pair, 0)

    def pair_second(self, builder: Any, pair: Any, kind: Any) -> Any:
        return builder.extract_value(pair, 1)

    @property
    def call_conv(self) -> Any:
        return Convention(self)

    def get_arg_packer(self, fe_args: Any) -> Any:
        return packer(self.data_model_manager, tuple(fe_args))

    def declare_function(self, module: Any, fndesc: Any) -> Any:
        if fndesc.mangled_name in LENT:
            kind = self.call_conv.lending().get_function_type(fndesc.restype, fndesc.argtypes)
            cgutils.get_or_insert_function(module, kind, fndesc.mangled_name)
        return super().declare_function(module, fndesc)

    @property
    def nrt(self) -> Any:
        return References(self, self.enable_nrt)
