"""Commands and snippets of README and docs run, page by page, in a copy of the checkout, with a small random model under the embedded
model's name. Commands in running text exist with their flags. The documentation builds, and links to files of the repository exist."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from seal_eval.cli import app
from seal_eval.models.adapters import save_adapter
from seal_eval.models.loading import load_model
from seal_eval.models.modules import head_projections, in_features

from conftest import program, seal_eval, terse, tiny_model

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "leaderboard").rglob("*.md")])
FENCE = re.compile(r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.M | re.S)
NOT_RUN = {  # (page, beginning of the block): no other block may be left out
    ("CONTRIBUTING.md", "python3 -m venv .venv"),  # the commands that run this test
    ("README.md", "python3 -m venv .venv"),  # the quick start (see test_wheel.py) and the test command
    ("docs/tutorial.md", "python3 -m venv .venv"),
    ("docs/tutorial.md", "seal-eval models pull gemma-3-270m"),
    ("docs/architectures.md", "python benchmarks/architectures.py"),  # test_architectures.py
    ("docs/ship.md", "vllm serve"),
    ("docs/tuning.md", "seal-eval tune --model MODEL"),  # tests/tuning/test_processes.py, tests/models/test_placement.py
    ("docs/served.md", "vllm serve"),  # test_served.py starts a server
    ("docs/served.md", "python benchmarks/engines.py"),  # needs vLLM
    ("docs/recipes.md", "seal-eval suite benchmarks/suites/longchat-7b-32k.yaml"),  # test_recipes.py
    ("docs/cluster.md", "ray start"),  # test_suite.py starts a cluster
    ("docs/thinking.md", "seal-eval run --model_args pretrained=Qwen/Qwen3-1.7B"),  # test_thinking.py runs it on small models
}


ONCE = """#!{python} -IS
# `seal-eval`, which does the same tuning only once for all pages
import os, shutil, subprocess, sys
asked = [word for word in sys.argv[1:] if word not in ("--task", "seal_lines")]
kept = os.path.join({kept!r}, " ".join(asked).replace("/", "|"))
if asked[0] != "tune":
    os.execv({real!r}, [{real!r}, *sys.argv[1:]])
if not os.path.isdir(kept):
    code = subprocess.run([{real!r}, *sys.argv[1:]]).returncode
    if code:
        sys.exit(code)
    shutil.copytree(asked[-1], kept)
elif not os.path.exists(asked[-1]):
    shutil.copytree(kept, asked[-1])
"""


def blocks(page):
    return [found.groupdict() for found in FENCE.finditer(page.read_text(encoding="utf-8"))]


def name(page):
    return str(page.relative_to(ROOT))


def left_out(block):
    return (block["mark"] or "").startswith("not run here: ")


@pytest.fixture(scope="module")
def cache(tmp_path_factory, tokenizer):
    """A cache that holds a random Llama under the embedded model's name, half as wide as that of other tests."""
    folder = tmp_path_factory.mktemp("cache") / "models" / "smollm2-135m-instruct"
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 48}
    terse(tiny_model(max_position_embeddings=8192, **size)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder.parent.parent


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, cache):
    """An adapter with random scales for that model."""
    import torch

    model, _ = load_model(str(cache / "models" / "smollm2-135m-instruct"))
    draw = torch.Generator().manual_seed(0)
    scales = {name: 0.2 + 2 * torch.rand(in_features(module), generator=draw) for name, module in head_projections(model)}
    folder = tmp_path_factory.mktemp("adapter") / "random"
    save_adapter(model, scales, folder, {"method": "seal", "trained_parameters": 64})
    return folder


@pytest.fixture(scope="module")
def asked(tmp_path_factory, cache, adapter):
    """Results of that model, plain and with an adapter, for pages whose commands need results."""
    out = tmp_path_factory.mktemp("asked") / "results"
    for method in ("plain", f"seal,adapter={adapter}"):
        seal_eval(
            "run", "--model_args", f"pretrained=smollm2-135m-instruct,method={method}", "--tasks", "seal_lines", "--metadata",
            '{"lengths": [600], "num_samples": 8}', "--output_path", out, "--device", "cpu", env={"SEAL_EVAL_CACHE": str(cache)},
        )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of all files that git tracks or would track."""
    place = tmp_path_factory.mktemp("checkout") / "seal-eval"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = listed.stdout.splitlines() if listed.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
    for file in files:
        if (ROOT / file).is_file():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, place / file)
    return place


def test_what_is_left_out():
    """Exactly the blocks of NOT_RUN are left out."""
    found = {(name(page), start) for page in PAGES for block in blocks(page) if left_out(block) for start in [block["text"]]}
    known = {(page, start): [text for where, text in found if where == page and text.startswith(start)] for page, start in NOT_RUN}
    assert all(known.values()), known
    assert len(found) == sum(map(len, known.values())), found


@pytest.mark.parametrize("page", [p for p in PAGES if any(b["kind"] == "bash" and not left_out(b) for b in blocks(p))], ids=name)
def test_commands_of_a_page(page, checkout, cache, asked, adapter, tmp_path):
    follow(blocks(page), checkout, cache, asked, adapter, tmp_path / "seal-eval")


def test_a_command_that_fails_is_seen(checkout, cache, asked, adapter, tmp_path):
    wrong = [{"kind": "bash", "mark": None, "title": None, "text": "seal-eval compare nowhere\ntrue\n"}]
    with pytest.raises(AssertionError, match="nowhere"):
        follow(wrong, checkout, cache, asked, adapter, tmp_path / "seal-eval")


def follow(page, checkout, cache, asked, adapter, here):
    """Write a page's files and run its commands in order in one shell, which stops at the first failure."""
    shutil.copytree(checkout, here)
    script = []
    for block in page:
        if block["title"]:
            (here / block["title"]).parent.mkdir(exist_ok=True)
            (here / block["title"]).write_text(block["text"])
        elif block["kind"] == "bash" and not left_out(block):
            script.append(block["text"])
    text = "\n".join(script)
    if not re.search(r"seal-eval (run|suite)", text):  # the page needs results
        shutil.copytree(asked, here / "results")
    if "quickstart/adapter" in text:
        shutil.copytree(adapter, here / "quickstart" / "adapter")
    (here / ".venv" / "bin").mkdir(parents=True)  # this environment, with the programs that start at once
    once = here / ".venv" / "bin" / "seal-eval"
    once.write_text(ONCE.format(python=sys.executable, real=str(program("seal-eval")), kept=str(cache / "tuned")))
    once.chmod(0o755)
    path = f"{once.parent}:{program('').resolve()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    (here / ".venv" / "bin" / "activate").write_text(f'export PATH="{path}"\n')
    env = {**os.environ, "SEAL_EVAL_CACHE": str(cache), "PATH": path, "CUDA_VISIBLE_DEVICES": "", "LITTLE_TUNING": "1"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=here, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def script_of(notebook):
    """The code of a notebook as one Python program; lines after ! are commands, as in Jupyter, but of the programs that start at once."""
    lines = ["import matplotlib, os, subprocess", "matplotlib.use('Agg')", "AT_ONCE = os.environ['PATH']"]
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
        for line in source.replace("\\\n", " ").splitlines():
            run = f"subprocess.run(['bash', '-c', {line[1:]!r}], check=True, env={{**os.environ, 'PATH': AT_ONCE}})"
            lines.append(run if line.startswith("!") else line)
    return "\n".join(lines)


def test_the_notebook_runs_whole(cache, tmp_path):
    """Every cell of examples/quickstart.ipynb, in order, on a small random model under the embedded model's name."""
    path = f"{program('').resolve()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "SEAL_EVAL_CACHE": str(cache), "PATH": path, "CUDA_VISIBLE_DEVICES": "", "LITTLE_TUNING": "1"}
    script = script_of(ROOT / "examples" / "quickstart.ipynb")
    (tmp_path / "notebook.py").write_text(script)
    done = subprocess.run([program("python"), "notebook.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert re.search(r"^seal +\d+\.\d% .* gain ", done.stdout, re.M) and (tmp_path / "site" / "index.html").is_file()
    assert (tmp_path / "folded" / "model.safetensors").is_file()


def commands(command, path):
    found = {path: {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}}
    for inner, below in getattr(command, "commands", {}).items():
        found |= commands(below, f"{path} {inner}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_running_text(page):
    """For `seal-eval …` and `python FILE` between backticks, the command with its flags or the file exists."""
    known = commands(typer.main.get_command(app), "seal-eval")
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for said in re.findall(r"`((?:seal-eval|python(?: -m)?) [^`]+)`", text.replace("\n", " ")):
        words = said.split()
        if words[0] == "python":
            target = words[2].replace(".", "/") + ".py" if words[1] == "-m" else words[1]
            assert (ROOT / target).is_file(), said
            continue
        while len(words) > 1 and " ".join(words[:2]) in known:
            words = [" ".join(words[:2]), *words[2:]]
        flags = {w.split("=")[0] for w in words[1:] if w.startswith("--")} - {"--help"}
        if words[0] in ("seal-eval run", "seal-eval"):
            continue  # lm-eval's own flags, or a sentence about the command line in general
        assert words[0] in known and flags <= known[words[0]] | known["seal-eval"], said


@pytest.fixture(scope="module")
def built(checkout, tmp_path_factory):
    """The site that README's two commands write in the copied checkout."""
    out = tmp_path_factory.mktemp("built") / "site"
    for command in ([program("python"), "docs/write.py"], [sys.executable, "-m", "mkdocs", "build", "-d", out]):
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out


def test_documentation_and_leaderboard_by_one_command(built):
    """mkdocs is strict: broken links and pages outside of the navigation are errors. Pages load nothing from other sites."""
    assert "seal-eval tune" in (built / "reference" / "commands.html").read_text()
    assert "Jin et al. 2024" in (built / "reference" / "methods.html").read_text()
    assert "head_projections" in (built / "reference" / "python.html").read_text()
    assert (built / "leaderboard" / "index.html").is_file()
    for page in built.glob("*.html"):
        loaded = re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"(https?://[^\"]+)", page.read_text())
        assert not loaded, (page, loaded)


def test_plain_markdown_for_any_builder(built, checkout):
    """What the builder reads has no mark and no link that leaves it; without a repository, such links are text and path."""
    written = checkout / "build" / "docs"
    assert {p.name for p in written.rglob("*.md")} == {p.name for p in (ROOT / "docs").rglob("*.md")} and not list(written.rglob("*.py"))
    for page in written.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert "{{ " not in text
        for place in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / place).resolve().is_relative_to(written) and (page.parent / place).exists(), (page, place)
    assert "published runs (`leaderboard/results`)" in (written / "leaderboard.md").read_text(encoding="utf-8")


def test_a_folder_of_other_things_is_left_alone(checkout, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = subprocess.run([program("python"), "docs/write.py", tmp_path], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "was not written by docs/write.py" in done.stderr and (tmp_path / "thesis.txt").read_text() == "mine"


def test_the_search_is_shown_only_where_it_works(built):
    """Opened from disk, a page has no search box; from a server it has one."""
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"], timeout=120_000)
        for address, shown in (((built / "index.html").as_uri(), False), (f"http://127.0.0.1:{server.server_port}/index.html", True)):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address, timeout=120_000)
            box = page.locator('[data-md-component="search"]')
            assert (box.count() > 0 and box.first.is_visible()) is shown
        browser.close()
    server.shutdown()


def test_links_into_the_repository():
    for page in PAGES:
        for place in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert place.startswith("http") or (page.parent / place).exists(), (name(page), place)
