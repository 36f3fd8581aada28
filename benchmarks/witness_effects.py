"""Print how many of 100 lines each method retrieves with the two small models of tests/tuning/test_witness.py.

python benchmarks/witness_effects.py > docs/witness.md
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "tuning"))

import test_witness as tests

METHODS = (
    "plain", "linear,factor=4", "ntk,factor=8", "dynamic_ntk,factor=4", "yarn,factor=4", "streaming,recent=200", "self_extend,group=8",
    "self_extend,group=16", "dual_chunk",
)  # fmt: skip
SEEN = "[What it shows](methods.md#small-models-that-show-effects-in-seconds).\n"


def main() -> None:
    """Print one row per method: right answers of both models within and beyond their window of 256 tokens."""
    print("# Effects on two small models, as printed\n\n`python benchmarks/witness_effects.py`. Right answers of 100. " + SEEN)
    print("| method |", " | ".join(f"{name}, {size:,}" for name in ("reader", "habits") for size in (tests.WITHIN, tests.BEYOND)), "|")
    print("|---" * 5 + "|")
    for method in METHODS:
        counts = [sum(tests.right(length, method, name)) for name in ("reader", "habits") for length in (tests.WITHIN, tests.BEYOND)]
        print("|", " | ".join(map(str, [method, *counts])), "|", flush=True)
    print("|", " | ".join([f"{tests.ON} + SEAL, tuned here", "–", "–", "–", str(sum(tests.tuned()))]), "|")


if __name__ == "__main__":
    main()
