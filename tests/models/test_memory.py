"""A lack of memory is known by what any of the libraries says, in every place that asks."""

import pytest
import torch

from seal_eval.core.errors import SealError
from seal_eval.harness.model_args import clearly
from seal_eval.models.memory import out_of_memory
from seal_eval.models.selftest import _Trial

from conftest import tiny_model

LACKS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"),
    RuntimeError("HIP out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", LACKS, ids=str)
def test_known_everywhere(error):
    assert out_of_memory(error)
    with pytest.raises(SealError, match="model 'm' does not fit into memory; try dtype=bfloat16"), clearly("m", "plain"):
        raise error
    with pytest.raises(type(error)), _Trial(tiny_model()).stage("ntk", "its own settings"):
        raise error


def test_other_errors_are_none():
    other = RuntimeError("The size of tensor a (3) must match the size of tensor b (4)")
    assert not out_of_memory(other)
    with pytest.raises(SealError, match="cannot be run"), _Trial(tiny_model()).stage("ntk", "its own settings"):
        raise other
