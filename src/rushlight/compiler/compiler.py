"""LLVM, asked for object code: the only file that loads llvmlite, and only when something must be compiled.

In: LLVM IR as text, and the `Target` it is for. Out: an ELF object, which `objects` lays out; or its assembly, for
people. Raises `CompilerMissing` where llvmlite cannot be imported.

A convolution microkernel of 14 × 2 registers with four tail variants (900 lines of IR) takes 20 ms: 1 to parse,
4 in the passes below, 15 to select instructions and allocate registers. LLVM's -O1 costs 36 ms and -O3 42 ms for
the same inner loop: most of it goes into looking for loops to vectorise or unroll, which kernels do themselves.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import TYPE_CHECKING, Any

from rushlight.core.extras import how_to_install

if TYPE_CHECKING:
    from ..plan.target import Target

# LLVM is not asked to do two things at once: llvmlite locks each call, this keeps one kernel's calls together.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    # A fork waits until LLVM is done, so that the child finds it in order.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class CompilerMissing(RuntimeError):
    """llvmlite is not installed, or cannot be loaded."""


def compile_object(text: str, target: Target) -> bytes:
    """The position-independent ELF object of a module."""
    with _lock:
        machine = _machine(target)
        return machine.emit_object(_optimised(text, machine))


def assembly(text: str, target: Target) -> str:
    """The assembly of a module, as `RUSHLIGHT_DEBUG=asm` shows it and tests inspect it."""
    with _lock:
        machine = _machine(target)
        return machine.emit_assembly(_optimised(text, machine))


def link_with_llvm(image: bytes, exports: list[str]) -> tuple[Any, dict[str, int]]:
    """Load an object that `objects` cannot lay out: LLVM's own loader, and the addresses of the exports."""
    llvm = _llvm()
    with _lock:
        empty = llvm.parse_assembly("", context=llvm.create_context())
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        engine = llvm.create_mcjit_compiler(empty, machine)
        engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(image))
        engine.finalize_object()
        return engine, {name: engine.get_function_address(name) for name in exports}


@functools.lru_cache(maxsize=1)
def _llvm() -> Any:
    """llvmlite's binding, its targets ready; other architectures than the host's can be compiled for, not run."""
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError) as error:
        raise CompilerMissing(f"llvmlite cannot be loaded ({error}); {how_to_install('llvmlite')}") from error
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


@functools.lru_cache(maxsize=8)
def _machine(target: Target) -> Any:
    llvm = _llvm()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="small"
    )


def _optimised(text: str, machine: Any) -> Any:
    llvm = _llvm()
    # A context of its own, so that types and constants are freed with the module.
    module = llvm.parse_assembly(text, context=llvm.create_context())
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    return module
