"""Fixtures and helpers: small random models with a trained tokenizer, an adapter, results and a site, each made once per session."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from seal_eval.core.streams import collect_rarely

import warm
from tiers import left_to_the_night
from tokenizers_made import CHATML, made

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))  # tests hold some of their functions to account

# no test may reach the hub; only test_wheel.py unsets this, for the process that may pull the real model
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # two workers with two threads each would slow each other down


collect_rarely()  # as the console script does
settings.register_profile("no deadline", deadline=None)  # a busy machine is not a failure
settings.load_profile("no deadline")

LONG = (
    "test_wheel", "test_docs", "test_suite", "test_seal_lm", "test_replier", "test_recipes", "test_thinking", "test_quickstart",
    "test_resume", "test_prefix_cache", "test_tune", "test_site_browser", "test_packaging", "test_tasks", "test_witness", "test_compare",
    "test_asked_for", "test_plugins", "test_methods", "test_dataset", "test_clusters",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(items):
    """Leave most variants of long tests to the night; run the slowest files first, so that two workers finish at about the same time."""
    here = Path(__file__).parent
    today = [item for item in items if item.path.is_relative_to(here) and not item.get_closest_marker("nightly")]
    for i in left_to_the_night([f"{item.path.relative_to(here)}::{item.originalname}" for item in today]):
        today[i].add_marker(pytest.mark.nightly)
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def shared_by_workers(tmp_path_factory):
    place = tmp_path_factory.getbasetemp()
    return (place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "shared"


def made_once(tmp_path_factory, name, make):
    """Return the folder that `make(folder)` fills, called in the first worker that needs it; the others wait for it."""
    place = shared_by_workers(tmp_path_factory)
    place.mkdir(exist_ok=True)
    with FileLock(place / f"{name}.lock"):
        if not (place / f"{name}.made").exists():
            (place / name).mkdir()
            make(place / name)
            (place / f"{name}.part").write_text(files_of(place / name))
            (place / f"{name}.part").rename(place / f"{name}.made")  # in one step: the other worker reads it when its session ends
    return place / name


def files_of(folder):
    """Return a line for each file of `folder`: its path, its size and the time when it was last written."""
    return "".join(f"{f} {f.stat().st_size} {f.stat().st_mtime_ns}\n" for f in sorted(folder.rglob("*")) if f.is_file())


@pytest.fixture(scope="session", autouse=True)
def shared_folders_stay_as_made(tmp_path_factory):
    """No test writes into a folder of `made_once`: the other worker may be reading it."""
    yield
    for listing in shared_by_workers(tmp_path_factory).glob("*.made"):
        assert files_of(listing.with_suffix("")) == listing.read_text(), f"a test wrote into {listing.with_suffix('')}"


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory):
    """A byte-level BPE tokenizer with single digits, trained on prose."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from seal_eval.prompts.corpus import prose

    def make(folder):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=1000, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
        tokenizer.train_from_iterator((s for d in prose("tune")[:4] for s in d.sentences), trainer)
        tokenizer.save(str(folder / "tokenizer.json"))

    return made_once(tmp_path_factory, "tokenizer", make) / "tokenizer.json"


@pytest.fixture(scope="session")
def tokenizer(tokenizer_file):
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file), bos_token="<s>", eos_token="</s>", pad_token="</s>")
    made.chat_template = CHATML
    return made


@pytest.fixture(scope="module")
def prompt_format(tokenizer):
    from seal_eval.prompts.prompt import PromptFormat

    return PromptFormat(tokenizer)


@pytest.fixture
def formatted(monkeypatch):
    """Makes a prompt format with a chat template of one's own."""
    from seal_eval.prompts.prompt import PromptFormat
    from seal_eval.prompts.settings import PromptSettings

    def make(template, **settings):
        tokenizer = made("bpe-digits")
        monkeypatch.setattr(tokenizer, "chat_template", template)
        return PromptFormat(tokenizer, PromptSettings(chat_template=True, **settings))

    return make


def pytest_terminal_summary(terminalreporter):
    """Print published values next to ours when they were tested."""
    if any("test_oracles" in report.nodeid for report in terminalreporter.getreports("passed")):
        from oracles import table

        terminalreporter.section("published values and ours")
        terminalreporter.write_line(table())


def tiny_config(kind="llama", **other):
    """Return a small model's configuration (220,608 weights for Llama); qwen3's and mistral's heads together are wider than hidden_size."""
    from transformers import AutoConfig

    size = {
        "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 2048, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
    }  # fmt: skip
    if kind == "gpt2":
        size = {"vocab_size": 1000, "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 2048, "bos_token_id": 0, "eos_token_id": 1}
    if kind in ("qwen3", "mistral"):
        size["head_dim"] = 32
    if kind == "mistral":
        size["sliding_window"] = None  # as in Mistral 0.2 and later
    if kind == "gemma3_text":  # by default, all of three layers would have sliding windows
        size |= {"layer_types": ["sliding_attention", "full_attention", "full_attention"], "sliding_window": 64}
    return AutoConfig.for_model(kind, **(size | other))


def tiny_model(kind="llama", seed=0, **other):
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(tiny_config(kind, **other)).eval()
    with torch.no_grad():  # larger weights than by default, so that attention is not nearly uniform
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.mul_(4 if "embed" not in name and "wte" not in name else 1)
    return model


def terse(model):
    """Return the model with one change: its replies end after a few tokens, because the end token's logit is among the extreme ones."""
    import torch

    with torch.no_grad():
        model.get_output_embeddings().weight[model.config.eos_token_id] *= 8
    return model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory, tokenizer):
    """A saved random Llama with its tokenizer."""

    def make(folder):
        tiny_model().save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    return made_once(tmp_path_factory, "tiny-llama", make)


@pytest.fixture(scope="session")
def adapter(tmp_path_factory, tiny_folder):
    """An adapter with strong random scales for the tiny Llama."""
    import torch

    from seal_eval.models.adapters import save_adapter
    from seal_eval.models.loading import load_model
    from seal_eval.models.modules import head_projections, in_features

    def make(folder):
        model, _ = load_model(str(tiny_folder))
        generator = torch.Generator().manual_seed(3)
        scales = {n: 0.2 + 2 * torch.rand(in_features(m), generator=generator) for n, m in head_projections(model)}
        save_adapter(model, scales, folder, {"method": "seal", "trained_parameters": 192})

    return made_once(tmp_path_factory, "random", make)


@pytest.fixture(scope="session")
def wheel_file(tmp_path_factory):
    """The project's wheel, built once for all workers as a release builds it: from its source archive, which lies next to it."""

    def make(folder):
        root = Path(__file__).resolve().parent.parent
        subprocess.run([sys.executable, "-m", "build", "-o", folder, root], check=True, stdout=subprocess.DEVNULL)

    return next(made_once(tmp_path_factory, "wheel", make).glob("*.whl"))


def program(name, start=False):
    """A program of this environment; with `start` the real one, else one that runs in a fork of a process that has imported everything."""
    return (Path(sys.executable).parent if start else warm.programs()) / name


def seal_eval(*args, cwd=None, env=None, code=0, start=False):
    """Run the console script as a user would; returns the finished process, after checking its exit status (code=None: any)."""
    script = program("seal-eval", start)
    done = subprocess.run(
        [script, *map(str, args)], capture_output=True, text=True, cwd=cwd, env={**os.environ, **(env or {})}, check=False
    )
    assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def torchrun(*command):
    """The command that starts two processes of `command` which join each other; each test has a port of its own."""
    joined = ["--nproc-per-node", "2", "--master-port", "0", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    return [sys.executable, "-m", "torch.distributed.run", *joined, *map(str, command)]


def there(folder, name):
    """The files called `name` below `folder`, in which other processes work. rglob would fail when one of them removes a folder."""
    return [Path(place) / name for place, _, names in os.walk(folder) if name in names]


@pytest.fixture(scope="session")
def results(tmp_path_factory, tiny_folder, adapter):
    """Real result files, written by the command line: plain and SEAL on the tiny model, two tasks, two lengths."""

    def make(out):
        for method in ("method=plain", f"method=seal,adapter={adapter}"):
            seal_eval(
                "run", "--model", "seal", "--model_args", f"pretrained={tiny_folder},{method}", "--tasks", "seal_lines,seal_needle",
                "--metadata", '{"lengths": [450, 700], "num_samples": 5}', "--output_path", out, "--device", "cpu",
            )  # fmt: skip

    return made_once(tmp_path_factory, "results", make)


@pytest.fixture(scope="session")
def site(results, tmp_path_factory):
    """The site of `results`, built by the command line."""

    def make(folder):
        out = folder / "out"
        assert seal_eval("site", results, "--out", out).stdout.strip() == str(out / "index.html")

    return made_once(tmp_path_factory, "site", make) / "out"


@pytest.fixture(autouse=True)
def task_files_read_once():
    """Where lm-eval's index is imported, its own task files are read once in a session."""
    index = sys.modules.get("lm_eval.tasks._index")
    if index and index.load_yaml.__module__ != "warm":
        warm.remember_task_files(warm.session())


@pytest.fixture(autouse=True)
def little_prose(request, monkeypatch):
    """Tests of tuning validate on four pieces of prose, not sixteen, except where a process of its own does, too."""
    if request.path.parent.name == "tuning" and request.path.name != "test_processes.py":
        from seal_eval.tuning import selection

        monkeypatch.setattr(selection, "PROSE_PIECES", 4)
