"""Estimate a cell's tokens, time and memory from the model's configuration and a short measurement of this machine."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from seal_eval.suite.cells import Cell
from seal_eval.suite.schema import Suite
from seal_eval.tuning.config import TuneSpec

REPLY_TOKENS = 16  # guessed length of a reply
PEAK_SHARE = 0.5  # guessed share of the measured peak rate that a model reaches
BYTES = {"float32": 4, "float": 4, "bfloat16": 2, "float16": 2, "half": 2, "8bit": 1, "4bit": 0.5}


@dataclass(frozen=True)
class CellCost:
    """Estimated cost of one cell. seconds: on this machine. memory: bytes of weights, key-value cache and activations.

    All but the weights are 0 for a task that is not ours, whose lengths are unknown.
    """

    n_read: int  # tokens in the prefill
    n_written: int  # tokens in the decode
    seconds: float
    memory: float


@lru_cache(maxsize=8)
def shape(model: str) -> dict[str, Any]:
    """What the estimate needs of a model: dtype, parameters and layers (numbers), widths kv (keys), heads (queries), inner (feed-forward).

    Comes from the model's configuration; no weights are loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from seal_eval.models.hub import resolve
    from seal_eval.models.hub_reached import config_of

    config = config_of(resolve(model))
    with torch.device("meta"):
        skeleton: Any = AutoModelForCausalLM.from_config(config)
    text = config.get_text_config()
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    kv = (getattr(text, "num_key_value_heads", None) or text.num_attention_heads) * head
    inner = getattr(text, "intermediate_size", None)  # a list where layers differ
    dtype = str(getattr(text, "dtype", None) or "float32").removeprefix("torch.")
    return {
        "dtype": dtype if dtype in BYTES else "float32",
        "parameters": sum(p.numel() for p in skeleton.parameters()), "layers": text.num_hidden_layers, "kv": kv,
        "heads": text.num_attention_heads * head, "inner": max(inner) if isinstance(inner, list) else inner or 4 * text.hidden_size,
    }  # fmt: skip


@lru_cache(maxsize=4)
def machine(dtype: str) -> tuple[float, float]:
    """(operations per second in a matrix product, bytes per second read and written in a copy), measured in a second or two."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(dtype, torch.float32)
    n = 8192 if device == "cuda" else 512  # a processor without bf16 takes seconds for each larger product
    a, b = torch.randn(n, n, dtype=kind, device=device), torch.empty(1 << 26, dtype=torch.uint8, device=device)

    def rate(operation: Any, amount: float) -> float:
        operation()
        best = float("inf")
        for _ in range(5):
            if device == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
            operation()
            if device == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - start)
        return amount / best

    return rate(lambda: a @ a, 2.0 * n**3), rate(lambda: b.clone(), 2.0 * b.numel())


def cell_cost(suite: Suite, cell: Cell) -> CellCost | None:
    """`_cell_cost`, or None for a model whose shape cannot be read: a served one, or one with code of its own."""
    try:
        return _cell_cost(suite, cell)
    except Exception:  # of any configuration; an estimate is no reason to refuse a plan
        return None


def _cell_cost(suite: Suite, cell: Cell) -> CellCost:
    """Estimated cost of a cell on this machine.

    Prefill: 2 operations per parameter and token, and 2 per layer, unit of width and pair of tokens. Decode: the weights are read once per
    step of a batch. Tuning and maps of heads count as four forward passes; removing each head in turn is not counted.
    """
    from seal_eval.harness.seal_lm import AUTO_BATCH, PREFILL_CHUNK

    if cell.kind == "template":
        return CellCost(0, 0, 0.0, 0.0)
    model = shape(cell.model)
    dtype = model["dtype"] if cell.dtype == "auto" else cell.dtype
    if cell.kind == "run":
        metadata = cell.work["metadata"]
        per_record, n, passes = int(metadata.get("questions_per_record", 1)), cell.n_samples, 1
        if not cell.size:
            return CellCost(0, 0, 0.0, model["parameters"] * BYTES[dtype])
        size = in_tokens(cell.work["argv"][cell.work["argv"].index("--tasks") + 1], cell.size)
    else:
        per_record, passes = 1, 4  # forward, backward, prose
        n, size = _asked(cell)
    flags = cell.work["faster"]
    asked = flags[flags.index("--batch_size") + 1] if "--batch_size" in flags else str(suite.batch_size)
    batch = min(per_record, int(asked) if asked.isdecimal() else AUTO_BATCH)
    n_read, n_written = -(-n // per_record) * size * passes, n * REPLY_TOKENS
    operations, copied = machine(dtype)
    weights = model["parameters"] * BYTES[dtype]
    reading = n_read * (2 * model["parameters"] + 2 * model["layers"] * model["heads"] * size) / (PEAK_SHARE * operations)
    cache = 2 * model["layers"] * model["kv"] * BYTES[dtype] * size * (1 + (batch if batch > 1 else 0))
    activations = (
        min(size, PREFILL_CHUNK) * (3 * model["inner"] + 8 * model["heads"]) * BYTES[dtype] * (model["layers"] if passes > 1 else 1)
    )
    return CellCost(n_read, n_written, reading + n_written / batch * weights / copied, weights + cache + activations)


def _asked(cell: Cell) -> tuple[int, int]:
    """(number of records, tokens of the longest) of a tuning run or a map of heads."""
    spec = cell.work["spec"]
    if cell.kind == "heads":
        return int(spec["samples"]), in_tokens(spec["task"], int(spec["length"]))
    tuning = TuneSpec(**spec)
    mixture = {*tuning.mixture(), *tuning.validation_mixture()}
    return tuning.samples + tuning.validation * len(tuning.validation_mixture()), max(in_tokens(*part) for part in mixture)


def in_tokens(task: str, size: int) -> int:
    """The approximate number of tokens in a sample of `size` units of the task."""
    from seal_eval.tasks import get_task

    return size * get_task(task).tokens_per_unit
