"""Modules for a while: given other hidden states and heard, or computing in fp32."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

HALVES = (torch.float16, torch.bfloat16)


@contextmanager
def hooked(
    modules: list[nn.Module], given: Callable[[nn.Module, Any], Any], returned: Callable[[nn.Module, Any], Any] | None
) -> Iterator[None]:
    """Context manager: inside it each module gets given(module, its hidden states) as such; `returned` is told what it returns.

    The hidden states are the first argument, or `hidden_states`. What is told are fp32 copies.
    """

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (given(module, args[0]), *args[1:]), kwargs
        if "hidden_states" in kwargs:
            return args, {**kwargs, "hidden_states": given(module, kwargs["hidden_states"])}
        return args, kwargs

    def after(module: nn.Module, _: Any, out: Any) -> None:
        if returned is not None:
            returned(module, (out[0] if isinstance(out, tuple | list) else out).detach().float())

    handles: list[Any] = [module.register_forward_pre_hook(before, with_kwargs=True) for module in modules]
    handles += [module.register_forward_hook(after) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def in_fp32(modules: list[nn.Module]) -> Iterator[None]:
    """Context manager: inside it the modules compute in fp32, one after the other, and return what they get in their own dtype.

    Raises TypeError for weights that are quantised, or not in memory.
    """
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []  # (weight, its values)
    for weight in (weight for module in modules for weight in module.parameters()):
        if type(weight) is not nn.Parameter or weight.device.type == "meta" or weight.dtype not in (*HALVES, torch.float32):
            raise TypeError(f"{type(weight).__name__} of {weight.dtype} does not widen")

    def before(module: nn.Module, *_: Any) -> None:
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.dtype in HALVES:
                kept.append((tensor, tensor.data))
                tensor.data = tensor.data.float()

    def restore(*_: Any) -> None:
        while kept:
            tensor, values = kept.pop()
            tensor.data = values

    def after(module: nn.Module, _: Any, out: Any) -> Any:
        dtype = kept[0][1].dtype if kept else torch.float32
        restore()
        return (out[0].to(dtype), *out[1:]) if isinstance(out, tuple | list) else out.to(dtype)

    handles: list[Any] = [module.register_forward_pre_hook(before) for module in modules]
    handles += [module.register_forward_hook(after) for module in modules]
    try:
        yield
    finally:
        restore()
        for handle in handles:
            handle.remove()
