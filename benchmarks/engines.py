"""Compare engines on the same weights: seconds per question, and how many replies are equal.

    python benchmarks/engines.py OUT --model smollm2-135m-instruct [--vllm VENV] [--llama-server PROGRAM --gguf FILE] [--engines NAME …]
    python benchmarks/engines.py OUT --table

Each engine answers each work twice, with n and with 2n questions, as a process of its own with an empty folder. The difference of the two
times, over n, is the time of a question; the rest is the start. The two ask other records, because a server remembers what it has read.
`hf` shares nothing between questions, so it gets a quarter of them. Rows are lines of OUT/rows.jsonl and are not repeated. Run it with
nothing else running.
VENV: made by benchmarks/vllm_cpu.sh, or any environment with vLLM and this package. llama.cpp serves the same weights from a GGUF file.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from seal_eval.models.hub import resolve
from seal_eval.results.records import load_runs

# name → (task, metadata, questions of the shorter run)
WORKS: dict[str, tuple[str, dict[str, Any], int]] = {
    "10 questions on 2K": ("seal_lines", {"lengths": [2048], "questions_per_record": 10}, 20),
    "20 questions on 4K": ("seal_lines", {"lengths": [4096], "questions_per_record": 20}, 20),
    "needle grid at 2K": ("seal_needle", {"lengths": [2048], "depths_per_haystack": 11}, 11),
    "independent at 1K": ("seal_lines", {"lengths": [1024]}, 12),
}
PORT = 18321
# of vLLM's CPU build: by default it leaves one processor idle, and takes half of the memory for keys and values
VLLM_ON_CPU = {"VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_NUM_OF_RESERVED_CPU": "0"}
BIN = Path(sys.executable).parent


def commands(args: argparse.Namespace) -> dict[str, list[Any]]:
    """Return name → command up to the task."""
    place, run = resolve(args.model), "run"
    weights = f"pretrained={place},dtype={args.dtype}"
    served = f"base_url=http://localhost:{PORT}/v1,model=model,tokenizer={place}"
    found: dict[str, list[Any]] = {
        "hf": [BIN / "seal-eval", run, "--model", "hf", "--model_args", weights],
        "seal, batch 1": [BIN / "seal-eval", run, "--model_args", weights],
        "seal, batch 8": [BIN / "seal-eval", run, "--model_args", weights, "--batch_size", "8"],
    }
    batching = Path(__file__).with_name("generate_batch.py")
    found["transformers, generate_batch"] = [sys.executable, batching, run, "--model", "generate_batch", "--model_args", weights]
    if args.vllm:
        in_process = f"{weights},enable_prefix_caching=True,max_model_len=8192"
        found["vLLM"] = [args.vllm / "bin" / "seal-eval", run, "--model", "vllm", "--model_args", in_process, "--batch_size", "auto"]
        found["vLLM, served"] = [BIN / "seal-eval", run, "--model", "served", "--model_args", f"{served},num_concurrent=8"]
    if args.llama_server:  # one request at a time: its slots do not share what they have read, so eight would read a record eight times
        in_turn = f"{served},tokenized_requests=False,num_concurrent=1"
        found["llama.cpp, served"] = [BIN / "seal-eval", run, "--model", "served", "--model_args", in_turn]
    return {name: command for name, command in found.items() if not args.engines or name in args.engines}


@contextmanager
def server(name: str, args: argparse.Namespace) -> Iterator[None]:
    """Context manager: the server of an engine that needs one."""
    command: list[Any] = []
    if name == "vLLM, served":
        command = [args.vllm / "bin" / "vllm", "serve", resolve(args.model), "--served-model-name", "model", "--port", PORT]
        command += ["--dtype", args.dtype, "--max-model-len", "8192"]
    elif name == "llama.cpp, served":
        command = [args.llama_server, "-m", args.gguf, "--alias", "model", "--port", PORT, "-c", 8192, "-np", 1]
    if not command:
        yield
        return
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + 600
        while process.poll() is None and time.monotonic() < limit:
            with suppress(OSError), urllib.request.urlopen(f"http://localhost:{PORT}/v1/models", timeout=5):
                break
            time.sleep(1)
        yield
    finally:
        process.terminate()
        process.wait()


def answered(command: list[Any], work: str, n: int, seed: int, out: Path) -> tuple[float, dict[str, str]]:
    """Return (seconds of the process, sample id → reply). seed: of the samples."""
    task, metadata, _ = WORKS[work]
    shutil.rmtree(out, ignore_errors=True)
    full = [*command, "--tasks", task, "--metadata", json.dumps(metadata | {"num_samples": n, "seed": seed}), "--output_path", out]
    began = time.perf_counter()
    subprocess.run(list(map(str, full)), check=True, stdout=subprocess.DEVNULL, env=os.environ | {"TOKENIZERS_PARALLELISM": "false"})
    seconds = time.perf_counter() - began
    return seconds, {record.sample_id: record.reply for run in load_runs(out) for record in run.records}


def table(rows: list[dict[str, Any]], against: str = "hf") -> str:
    """Return the rows as Markdown: seconds of a question and its ratio to `against`, start, replies equal to those of `against`."""
    by = {(row["engine"], row["work"]): row for row in rows}
    names = list(dict.fromkeys(row["engine"] for row in rows))
    lines = ["| engine | " + " | ".join(f"{work}, s (× {against})" for work in WORKS) + " | start, s | equal replies |"]
    lines.append("|---" * (3 + len(WORKS)) + "|")
    for name in names:
        cells, same, n, starts = [], 0, 0, []
        for work in WORKS:
            row, base = by.get((name, work)), by.get((against, work))
            if row is None:
                cells.append("–")
                continue
            each = (row["seconds"][1] - row["seconds"][0]) / row["n"]
            starts.append(row["seconds"][0] - each * row["n"])
            ratio = f" ({(base['seconds'][1] - base['seconds'][0]) / base['n'] / each:.1f})" if base else ""
            cells.append(f"{each:.2f}{ratio}")
            if base:
                # replies of `hf` go on behind the answer, where ours ends; an empty reply begins like any other
                asked = base["replies"].keys() & row["replies"].keys()
                pairs = [(base["replies"][key].strip(), row["replies"][key].strip()) for key in asked]
                same += sum(whole.startswith(reply) and bool(reply) == bool(whole) for whole, reply in pairs)
                n += len(pairs)
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {sum(starts) / len(starts):.0f} | {same} of {n} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--vllm", type=Path, help="virtual environment with vLLM and this package")
    parser.add_argument("--llama-server", type=Path)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--engines", nargs="+")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--table", action="store_true", help="print the table of OUT and do nothing else")
    args = parser.parse_args()
    os.environ.update({} if torch.cuda.is_available() else VLLM_ON_CPU)
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "rows.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    for name, command in {} if args.table else commands(args).items():
        left = [work for work in args.works if (name, work) not in {(row["engine"], row["work"]) for row in rows}]
        with server(name if left else "", args):
            for work in left:
                n = WORKS[work][2] // (4 if name == "hf" else 1)
                runs = [answered(command, work, count, seed, args.out / "run") for count, seed in ((n, 1), (2 * n, 0))]
                rows.append({"engine": name, "work": work, "n": n, "seconds": [seconds for seconds, _ in runs], "replies": runs[1][1]})
                with file.open("a") as opened:
                    opened.write(json.dumps(rows[-1]) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
