"""Measure the cost of prefill: dtypes, folded SEAL, Self-Extend, and growth with length, compared with the machine's measured peak.

    python benchmarks/engine_costs.py > docs/engine-costs.txt             (about ten minutes on two cores)
    python benchmarks/engine_costs.py --shape 7b --lengths 4096 8192 16384 32768 65536      (on a GPU; weights are random)

The cases take turns in one process. Each time is the best of two after one that is not counted (one instead of two above 16,384 tokens).
A prompt is random tokens, and eight tokens are generated after it.
Operations: 2 per parameter and token, without the embedding, plus 2 per layer, head channel and pair of tokens (causal attention).
The peak is that of a large matrix product in the same dtype.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

from seal_eval.baselines import method_of
from seal_eval.core.applied import method_applied
from seal_eval.harness.machine import hardware
from seal_eval.models.adapters import fold
from seal_eval.models.loading import forget_peak, load_model, peak_memory
from seal_eval.models.modules import head_projections, in_features

MODEL = "smollm2-135m-instruct"
SHAPES = {
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000},
}
SELF_EXTEND = "self_extend,group=4,neighbours=512"
WRITTEN = 8  # tokens generated after a prompt


def prepared(shape: str, dtype: torch.dtype) -> Any:
    """Return the embedded model in `dtype`, or a randomly initialised Llama of a shape; on the GPU when there is one."""
    if not shape:
        return load_model(MODEL)[0].to(dtype)
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        torch.set_default_dtype(dtype)
        model = LlamaForCausalLM(LlamaConfig(max_position_embeddings=1 << 17, **SHAPES[shape])).eval()
        torch.set_default_dtype(torch.float32)
    return model


def seconds(call: Callable[[], Any]) -> float:
    """Return the seconds of one call, including its GPU work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def in_turn(calls: dict[str, Callable[[], Any]], rounds: int = 2) -> dict[str, float]:
    """Return the best time of each call in seconds. The calls take turns; one more round comes first and is not counted."""
    best = dict.fromkeys(calls, float("inf"))
    for i in range(rounds + 1):
        for name, call in calls.items():
            elapsed = seconds(call)
            best[name] = min(best[name], elapsed) if i else best[name]
    return best


def answer(model: Any, n: int, method: str = "") -> Callable[[], Any]:
    """Return a call that prefills `n` random tokens and generates WRITTEN more, with `method` (NAME,KEY=VALUE,…) active."""
    ids = torch.randint(10, 1000, (1, n), generator=torch.Generator().manual_seed(n)).to(model.device)
    chosen = method_of(method)

    def call() -> Any:
        with method_applied(method, chosen, model):
            mask = torch.ones_like(ids)
            return model.generate(ids, attention_mask=mask, max_new_tokens=WRITTEN, min_new_tokens=WRITTEN, do_sample=False, pad_token_id=0)

    return call


def peak(dtype: torch.dtype, device: Any) -> float:
    """Return the floating-point operations per second of a large matrix product, the best of five."""
    n = 8192 if str(device).startswith("cuda") else 3072
    a = torch.randn(n, n, dtype=dtype, device=device)
    return 2 * n**3 / min(in_turn({"product": lambda: a @ a}, 5).values())


def operations(model: Any, n: int) -> float:
    """Return the floating-point operations of prefilling `n` tokens."""
    config = model.config
    parameters = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name)
    width = config.num_attention_heads * (getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
    return 2.0 * parameters * n + 2.0 * config.num_hidden_layers * width * n * n


def kernels(call: Callable[[], Any]) -> str:
    """Return the names of the attention kernels that a call runs, comma-separated."""
    from torch.profiler import ProfilerActivity, profile

    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    with profile(activities=kinds) as profiled:
        call()
    names = {e.key for e in profiled.key_averages() if any(w in e.key.lower() for w in ("flash", "fmha", "attention"))}
    return ", ".join(sorted(n.removeprefix("aten::")[:60] for n in names if n.startswith(("aten::_", "void", "flash", "fmha", "cudnn"))))


def main() -> None:
    """Parse the arguments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="", choices=["", *SHAPES], help="random weights of this shape instead of the embedded model")
    parser.add_argument("--lengths", type=int, nargs="+", default=[1024, 2048, 4096, 8192], help="prompt lengths in tokens")
    args = parser.parse_args()
    with torch.no_grad():
        run(args.shape, args.lengths)


def run(shape: str, lengths: list[int]) -> None:
    """Print all tables for one shape ("" is the embedded model)."""
    dtypes = (torch.bfloat16,) if shape else (torch.float32, torch.bfloat16)
    models = {dtype: prepared(shape, dtype) for dtype in dtypes}
    device = models[dtypes[0]].device
    print(f"{shape or MODEL}, {hardware()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"attention: {kernels(answer(models[dtypes[-1]], lengths[0]))}\n")
    if not shape:
        calls = {str(dtype): answer(model, 2048) for dtype, model in models.items()}
        best = in_turn(calls)
        print("dtype at 2,048 tokens      seconds   tokens/s")
        for name, elapsed in best.items():
            print(f"{name:24}{elapsed:>10.2f}{2048 / elapsed:>11,.0f}")
        print(f"bfloat16 is {best['torch.float32'] / best['torch.bfloat16']:.2f} times as fast\n")
    dtype = dtypes[-1]
    plain, folded = models[dtype], prepared(shape, dtype)
    draw = torch.Generator().manual_seed(0)
    fold(folded, {name: 0.5 + torch.rand(in_features(m), generator=draw) for name, m in head_projections(folded)})
    top = peak(dtype, device)
    print(f"{dtype}, peak of a matrix product {top / 1e9:,.0f} GFLOP/s")
    heads = ("tokens", "plain", "tokens/s", "of peak", "folded SEAL", "Self-Extend", "memory, plain", "Self-Extend")
    print("".join(f"{head:>{width}}" for head, width in zip(heads, (8, 10, 10, 9, 13, 13, 15, 13), strict=True)))
    for n in lengths:
        calls = {"plain": answer(plain, n), "folded": answer(folded, n), "extended": answer(plain, n, SELF_EXTEND)}
        memory = {}
        for name in ("plain", "extended"):
            forget_peak()
            calls[name]()
            memory[name] = peak_memory() / 1e9
        best = in_turn(calls, 2 if n <= 16384 else 1)
        share = operations(plain, n) / best["plain"] / top
        line = f"{n:>8}{best['plain']:>8.2f} s{n / best['plain']:>10,.0f}{share:>9.0%}{best['folded'] / best['plain']:>12.2f}×"
        print(f"{line}{best['extended'] / best['plain']:>12.2f}×{memory['plain']:>12.2f} GB{memory['extended']:>10.2f} GB", flush=True)


if __name__ == "__main__":
    main()
