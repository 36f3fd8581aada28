"""Damaged files of every kind are read or refused with one SealError: a short run of benchmarks/fuzz_readers.py, and the other readers."""

import json
import random
import re
import shutil
import subprocess

import pytest
from fuzz_readers import fuzz, mutated

from seal_eval.baselines.rule import read_map
from seal_eval.core.errors import SealError
from seal_eval.core.names import method_label
from seal_eval.harness.reply_log import Journal
from seal_eval.harness.resume import finished
from seal_eval.models.adapters import about, adapter_tensors
from seal_eval.prompts.longeval_cases import read_cases
from seal_eval.results.longeval_replies import rescore
from seal_eval.suite.schema import read_suite
from seal_eval.suite.status import status

from conftest import program

SUITE = {
    "name": "s", "models": ["m", {"pretrained": "x", "args": {"max_length": 5}}], "methods": ["plain", {"method": "ntk", "sizes": [512]}],
    "tasks": [{"task": "seal_lines", "sizes": [512], "num_samples": 4}], "adapters": {"a": {"task": "seal_lines"}}, "seed": 0, "cpus": 1,
}  # fmt: skip
LINE = "line a: REGISTER_CONTENT is <5>"
CASE = {"prompt": f"{LINE}\n", "expected_number": 5, "random_idx": ["a", 1], "correct_line": LINE}
PLAN = {"name": "s", "cells": [{"folder": "a/b", "ident": "x", "label": "l", "n_samples": 3}]}
RESPONSES = "Label: 123, Predict: it is 123, Parsed: 123, prompt length: 4567\nAccuracy: 0.5\n"
# file → (what it holds, how it is read, given its folder); a file named here is mutated in a folder of its own
READERS = {
    "suite.yaml": (SUITE, lambda folder: read_suite(folder / "suite.yaml")),
    "heads.json": ({"gradient": [[0.1, 0.2]], "pruned": None}, lambda folder: read_map(str(folder))),
    "seal_eval.json": (None, lambda folder: (about(str(folder)), method_label("hf", {"peft": str(folder)}))),
    "adapter_config.json": (None, lambda folder: adapter_tensors(str(folder))),
    "replies-0.jsonl": ({"key": "k", "reply": "r"}, lambda folder: Journal(folder).close()),
    "spec_1.json": ({"spec_id": "k"}, lambda folder: (folder / "results_1.json").touch() or finished(folder, "k")),
    "5_lines.jsonl": (CASE, lambda folder: read_cases(folder, "lines", 5)),
    "suite.json": (PLAN, status),
    "responses.txt": (RESPONSES, lambda folder: rescore(folder / "responses.txt")),
}


def test_results_folders(tmp_path):
    seen, faults, _ = fuzz(150, 7, tmp_path, site_every=75)
    assert not faults
    assert all(seen[kind, "used"] >= 5 and seen[kind, "refused"] >= 15 for kind in ("ours", "stock", "foreign")), seen


@pytest.mark.parametrize("name", READERS)
def test_other_files(adapter, tmp_path, name):
    value, read = READERS[name]
    folder = shutil.copytree(adapter, tmp_path / "in") if value is None else tmp_path
    value = json.loads((folder / name).read_text()) if value is None else value
    happened = set()
    for i in range(40):
        rng = random.Random(f"{name}-{i}")
        raw = value.encode() if isinstance(value, str) else mutated(value, rng).encode("utf-8", "surrogatepass") + b"\n"
        if isinstance(value, str) or rng.random() < 0.3:
            at = rng.randrange(len(raw) + 1)
            raw = raw[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(4))) + raw[at + 2 :]
        (folder / name).write_bytes(raw if i else json.dumps(value).encode() + b"\n" if not isinstance(value, str) else value.encode())
        try:
            read(folder)
            happened.add("used")
        except SealError as error:
            assert all(line.isprintable() and str(folder) in line for line in str(error).splitlines()), error
            happened.add("refused")
    assert happened == {"used", "refused"}


@pytest.mark.parametrize("metadata", ['{"lengths":', '{"lengths": [1e999]}', '{"seed": ' + "1" * 5000 + "}", "[" * 100_000])
def test_metadata_of_the_command_line(tiny_folder, tmp_path, metadata):
    command = [program("seal-eval"), "run", "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines"]
    done = subprocess.run(
        [*command, "--metadata", metadata, "--output_path", tmp_path], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode in (1, 2) and not list(tmp_path.rglob("results_*"))
    assert not re.search(r"Traceback|seal-eval: \w+(Error|Exception)", done.stderr), done.stderr[-500:]
