"""Time the building of every task with three tokenizers from 1K to 128K tokens, and of lm-eval's RULER tasks and ours.

python benchmarks/building.py > docs/building.txt   (an otherwise idle machine; about ten minutes on two cores)
"""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.models.loading import load_tokenizer
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import tasks

from tokenizers_made import made

MODEL = "smollm2-135m-instruct"
LENGTHS = tuple(1024 * 2**k for k in range(8))
N = 20


def table(name: str, prompt_format: PromptFormat) -> None:
    """Print, for each task and size: seconds, how far prompts lie below the nominal length, and distinct samples.

    Every prompt's token count is checked against the whole prompt. A size that cannot be built prints the error, with the smallest one.
    """
    print(
        f"\n{name}: vocabulary {len(prompt_format.tokenizer):,}, counts add up: {prompt_format.apart(' ')} (words), "
        f"{prompt_format.apart('')} (lines); n = {N}"
    )
    print(f"{'task':24}{'size':>8}{'seconds':>9}{'below its length by':>24}{'distinct':>10}")
    for task in tasks().values():
        sizes = (
            LENGTHS if task.unit == "tokens" else [s for s in task.sizes if task.unit == "topics" or s in (10, 100, 200, 680, 1350, 2000)]
        )
        for size in sizes:
            start = time.perf_counter()
            try:
                samples = task.build(prompt_format, size, N, 0)
            except SealError as error:
                print(f"{task.name:24}{size:>8,}  {error}")
                continue
            seconds = time.perf_counter() - start
            wrong = [s for s in samples if prompt_format.count(s.input, s.prefix) != s.n_tokens]
            assert not wrong, f"{len(wrong)} counts are wrong"
            below = [1 - (s.n_tokens + s.answer_tokens) / size for s in samples]
            deviation = f"{min(below):.2%} to {max(below):.2%}" if task.unit == "tokens" else task.unit
            print(f"{task.name:24}{size:>8,}{seconds:>9.2f}{deviation:>24}{len({s.input for s in samples}):>10}", flush=True)


def beside_ruler(prompt_format: PromptFormat) -> None:
    """Compare lm-eval's builders with ours on 500 documents at 4,096 tokens, then time ours alone at 131,072 tokens."""
    from lm_eval.tasks.ruler import cwe_utils, fwe_utils, niah_utils, vt_utils

    theirs = {
        "niah_single_1": (niah_utils.niah_single_1, 128), "niah_multikey_2": (niah_utils.niah_multikey_2, 128),
        "ruler_vt": (vt_utils.get_vt_dataset, 30),
        "ruler_cwe": (cwe_utils.get_cw_dataset, 120), "ruler_fwe": (fwe_utils.fwe_download, 50),
    }  # fmt: skip
    ours = {
        "niah_single_1": "seal_passkey", "niah_multikey_2": "seal_needle_multikey", "ruler_vt": "seal_variable_tracking",
        "ruler_cwe": "seal_common_words", "ruler_fwe": "seal_frequent_words",
    }  # fmt: skip  # RULER's other builders download essays and data sets
    print("\n500 documents at 4,096 tokens; tokens: prompt with begun answer + answer budget")
    print(f"{'task':24}{'seconds':>9}{'tokens':>18}{'distinct':>10}{'depth kept':>12}")
    for name, (build, budget) in theirs.items():
        start = time.perf_counter()
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            rows = build(pretrained=resolve(MODEL), max_seq_lengths=[4096])["test"]
        seconds = time.perf_counter() - start
        n_tokens = [prompt_format.count(r["input"], r["gen_prefix"]) + budget for r in rows]
        distinct, depth = len({r["input"] for r in rows}), any("depth" in key for key in rows.features)
        print(f"{name:24}{seconds:>9.2f}{f'{min(n_tokens):,} to {max(n_tokens):,}':>18}{distinct:>10}{depth!s:>12}", flush=True)
        task = tasks()[ours[name]]
        start = time.perf_counter()
        samples = task.build(PromptFormat(load_tokenizer(resolve(MODEL))), 4096, 500, 0)
        seconds = time.perf_counter() - start
        n_tokens = [s.n_tokens + s.answer_tokens for s in samples]
        row = f"{task.name:24}{seconds:>9.2f}{f'{min(n_tokens):,} to {max(n_tokens):,}':>18}{len({s.input for s in samples}):>10}"
        print(f"{row}{samples[0].depth is not None!s:>12}", flush=True)
    for name in ("seal_needle", "seal_lines"):
        for again in ("first time", "again"):
            start = time.perf_counter()
            samples = tasks()[name].build(PromptFormat(load_tokenizer(resolve(MODEL))), 4096, 500, 0)
            print(f"{name + ', ' + again:24}{time.perf_counter() - start:>9.2f}")
    print(f"\n{'every task':24}{'500 of 4,096, s':>18}{'100 of 131,072, s':>20}   (seal_documents: of 60 and of 2,000 documents)")
    for task in tasks().values():
        small, large = (4096, 131_072) if task.unit == "tokens" else (60, 2000)
        if task.unit in ("tokens", "documents"):
            seconds = []
            for size, n in ((small, 500), (large, 100)):
                start = time.perf_counter()
                task.build(prompt_format, size, n, 0)
                seconds.append(time.perf_counter() - start)
            print(f"{task.name:24}{seconds[0]:>18.2f}{seconds[1]:>20.2f}", flush=True)


if __name__ == "__main__":
    smollm2 = PromptFormat(load_tokenizer(resolve(MODEL)))
    with tempfile.TemporaryDirectory() as cache:  # an empty cache, so that every sample is built
        os.environ["SEAL_EVAL_CACHE"] = cache
        beside_ruler(smollm2)
        table("SmolLM2-135M-Instruct", smollm2)
        table("SentencePiece-like unigram with BOS", PromptFormat(made("unigram-bos")))
        table("one token a byte", PromptFormat(made("bytes")))
