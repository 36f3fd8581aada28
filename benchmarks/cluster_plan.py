"""Estimate the time that a suite of a 70B model at up to 128K tokens takes on eight nodes. Nothing is measured; all assumptions are below.

    python benchmarks/cluster_plan.py > docs/cluster-plan.txt

Prefill: 2 operations per parameter and token, plus 2 per layer, head channel and pair of tokens (causal attention).
"""

from dataclasses import dataclass

LENGTHS = (16384, 32768, 65536, 131072)
QUESTIONS, RECORDS, WRITTEN = 500, 50, 20  # questions of a cell, records that they share (lines only), tokens of a reply


@dataclass(frozen=True)
class Shape:
    """Size of Llama-3.1-70B."""

    parameters: float = 70.6e9
    layers: int = 80
    heads: int = 64
    kv_heads: int = 8
    head_dim: int = 128

    def weights(self) -> float:
        """Return the bytes of the weights in bf16."""
        return 2 * self.parameters

    def cache(self, n: int) -> float:
        """Return the bytes of the keys and values of `n` tokens in bf16."""
        return 2.0 * 2 * self.layers * self.kv_heads * self.head_dim * n

    def reading(self, n: int) -> float:
        """Return the floating-point operations of prefilling `n` tokens."""
        return 2 * self.parameters * n + 2.0 * self.layers * self.heads * self.head_dim * n * n


@dataclass(frozen=True)
class Node:
    """Eight H100s of 80 GB: dense bf16 989 TFLOP/s and 3.35 TB/s each (NVIDIA's data sheet)."""

    gpus: int = 8
    memory: float = 80e9
    flops: float = 989e12
    bandwidth: float = 3.35e12
    used: float = 0.9  # share of memory that vLLM takes
    reached: float = 0.45  # share of the peak FLOP/s in prefill, assumed
    reached_memory: float = 0.6  # share of the memory bandwidth in decode, assumed
    other: float = 4e9  # bytes of activations and CUDA graphs per GPU, assumed


def main() -> None:
    """Print the table and the total."""
    shape, node, nodes = Shape(), Node(), 8
    free = node.gpus * (node.used * node.memory - node.other) - shape.weights()
    print(
        f"weights {shape.weights() / 1e9:.0f} GB in bf16, {shape.weights() / node.gpus / 1e9:.1f} GB on each of {node.gpus} GPUs; ", end=""
    )
    print(f"left for keys and values on a node {free / 1e9:.0f} GB")
    print(f"{'tokens':>8}{'cache':>10}{'at once':>9}{'read one':>10}{'lines, 500':>12}{'needle, 500':>13}")
    total = 0.0
    for n in LENGTHS:
        read = shape.reading(n) / (node.gpus * node.flops * node.reached)
        at_once = int(free // shape.cache(n))
        step = (shape.weights() + at_once * shape.cache(n)) / (node.gpus * node.bandwidth * node.reached_memory)
        write = QUESTIONS * WRITTEN * step / at_once
        lines, needle = RECORDS * read + write, QUESTIONS * read + write
        total += lines + needle
        row = f"{n:>8}{shape.cache(n) / 1e9:>7.1f} GB{at_once:>9}{read:>8.1f} s{lines / 60:>8.1f} min{needle / 60:>9.1f} min"
        print(row)
    methods = ("plain", "SEAL-C", "LoRA", "YaRN", "YaRN + SEAL-C")
    hours = total * len(methods) / 3600
    print(f"{len(methods)} checkpoints × 2 tasks × {len(LENGTHS)} lengths = {len(methods) * 2 * len(LENGTHS)} cells: ", end="")
    print(f"{hours:.0f} node-hours, {hours / nodes:.1f} h on {nodes} nodes")


if __name__ == "__main__":
    main()
