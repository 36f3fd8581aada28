"""What a suite will take: tokens, hours and memory, from the models' configurations and what this machine does in a second."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from seal_eval.suite.cells import Cell
from seal_eval.suite.spec import Suite

REPLY_TOKENS = 16  # tokens of a reply, as a guess
PEAK_SHARE = 0.5  # of the measured peak that a model reaches
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class CellCost:
    """Of one cell. seconds: on this machine. memory: bytes, weights and cache and activations."""

    n_read: int  # tokens
    n_written: int
    seconds: float
    memory: float


@lru_cache(maxsize=8)
def shape(model: str) -> dict[str, Any]:
    """Of a model's configuration: dtype, parameters, layers, widths of keys and values, of heads and inside. No weights are loaded."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from seal_eval.models.hub import resolve

    config = AutoConfig.from_pretrained(resolve(model))
    with torch.device("meta"):
        made: Any = AutoModelForCausalLM.from_config(config)
    text = config.get_text_config()
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    kv = (getattr(text, "num_key_value_heads", None) or text.num_attention_heads) * head
    dtype = str(getattr(text, "dtype", None) or "float32").removeprefix("torch.")
    return {
        "dtype": dtype if dtype in BYTES else "float32",
        "parameters": sum(p.numel() for p in made.parameters()), "layers": text.num_hidden_layers, "kv": kv,
        "heads": text.num_attention_heads * head, "inner": getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
    }  # fmt: skip


@lru_cache(maxsize=4)
def machine(dtype: str) -> tuple[float, float]:
    """(operations a second of a matrix product, bytes a second of copying), measured here in about a second."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(dtype, torch.float32)
    n = 8192 if device == "cuda" else 1024
    a, b = torch.randn(n, n, dtype=kind, device=device), torch.empty(1 << 26, dtype=torch.uint8, device=device)

    def rate(what: Any, amount: float) -> float:
        what()
        best = float("inf")
        for _ in range(5):
            if device == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
            what()
            if device == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - start)
        return amount / best

    return rate(lambda: a @ a, 2.0 * n**3), rate(lambda: b.clone(), 2.0 * b.numel())


def cell_cost(suite: Suite, cell: Cell) -> CellCost:
    """Arithmetic of reading (2 operations per parameter and token, 2 per layer, width and pair of tokens) and of writing (weights read)."""
    from seal_eval.harness.engine import PREFILL_CHUNK

    if cell.kind == "template":
        return CellCost(0, 0, 0.0, 0.0)
    of = shape(cell.model)
    dtype = of["dtype"] if cell.dtype == "auto" else cell.dtype
    if cell.kind == "run":
        metadata = cell.work["metadata"]
        per_record, n, passes = int(metadata.get("questions_per_record", 1)), cell.n_samples, 1
        size = cell.size * (23 if "lines" in metadata else 700 if "topics" in metadata else 1)  # tokens, about
    else:
        spec = cell.work["spec"]
        per_record, n, passes, size = 1, int(spec["samples"]) + int(spec.get("validation", 0)), 4, cell.size  # forward, backward, prose
    at_once = min(per_record, suite.batch_size)
    n_read, n_written = -(-n // per_record) * size * passes, n * REPLY_TOKENS
    operations, copied = machine(dtype)
    weights = of["parameters"] * BYTES[dtype]
    reading = n_read * (2 * of["parameters"] + 2 * of["layers"] * of["heads"] * size) / (PEAK_SHARE * operations)
    cache = 2 * of["layers"] * of["kv"] * BYTES[dtype] * size * (1 + (at_once if at_once > 1 else 0))
    activations = min(size, PREFILL_CHUNK) * (3 * of["inner"] + 8 * of["heads"]) * BYTES[dtype] * (of["layers"] if passes > 1 else 1)
    return CellCost(n_read, n_written, reading + n_written / at_once * weights / copied, weights + cache + activations)
