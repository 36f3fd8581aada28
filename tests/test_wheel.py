"""The wheel in a new environment that holds only its dependencies: stock lm_eval, the quick start, a plugin."""

import subprocess
import time
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from conftest import terse, tiny_model

ROOT = Path(__file__).resolve().parent.parent
USUAL = 0.04  # seconds in which Python starts and imports json and typing


@pytest.fixture(scope="module")
def alone(wheel_file, tmp_path_factory):
    """The bin folder of a new environment that holds the wheel and what its metadata asks for, without extras, and nothing else.

    The dependencies are links to those of this environment, whose versions pip has chosen: they need not be unpacked and compiled again.
    """
    place = tmp_path_factory.mktemp("alone")
    venv.create(place / "env", with_pip=True)
    python = place / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", wheel_file], check=True, cwd=place)
    packages = next((place / "env" / "lib").glob("python*")) / "site-packages"
    wheel = next(metadata.distributions(name="seal-eval", path=[str(packages)]))
    for dist in required(wheel):
        for name in {file.parts[0] for file in dist.files} - {"..", "__pycache__"}:
            link(packages / name, Path(dist.locate_file(name)).resolve())
        for script in dist.entry_points.select(group="console_scripts"):
            file = python.parent / script.name
            file.write_text(f"#!{python}\nimport sys\nfrom {script.module} import {script.attr}\nsys.exit({script.attr}())\n")
            file.chmod(0o755)
    return python.parent


def link(place, target):
    """Make `place` a link to `target`; a folder that exists (lm_eval, to which the wheel adds tasks) gets links to what it lacks."""
    if not place.exists():
        place.symlink_to(target)
    elif place.is_dir() and not place.is_symlink():
        for inner in target.iterdir():
            link(place / inner.name, inner)


def required(wheel):
    """Return the distributions that a distribution needs, and what they need in turn, as installed here."""
    found, asked = {}, [(wheel, "")]
    while asked:
        dist, extra = asked.pop()
        for requirement in map(Requirement, dist.requires or []):
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            for wanted in requirement.extras or {""}:
                if (requirement.name, wanted) not in found:
                    found[requirement.name, wanted] = needed = metadata.distribution(requirement.name)
                    asked += [(needed, wanted), (needed, "")]
    return {dist.name: dist for dist in found.values()}.values()


@pytest.fixture(scope="module")
def run(alone, tmp_path_factory, tokenizer):
    """Return a function that runs a command of that environment in a new folder, with a small random model as the embedded one."""
    here = tmp_path_factory.mktemp("here")
    folder = here / "cache" / "models" / "smollm2-135m-instruct"
    terse(tiny_model(max_position_embeddings=8192)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    env = {"PATH": f"{alone}:/usr/bin:/bin", "HOME": str(here), "SEAL_EVAL_CACHE": str(here / "cache"), "HF_HUB_OFFLINE": "1"}

    def call(*command):
        done = subprocess.run(list(map(str, command)), cwd=here, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    call.here, call.model = here, folder
    return call


def test_dependencies_agree(run):
    assert "No broken requirements" in run("python", "-m", "pip", "check")


def test_stock_lm_eval(run):
    metadata = '{"lengths": [1024], "num_samples": 2}'
    args = ("--tasks", "seal_*", "--metadata", metadata, "--limit", "1", "--device", "cpu")
    said = run("lm_eval", "--model", "hf", "--model_args", f"pretrained={run.model}", *args)
    assert all(task in said for task in ("seal_lines", "seal_needle_multikey", "seal_variable_tracking", "seal_longeval_topics"))


def test_quick_start(run):
    said = run("seal-eval", "quickstart")
    assert "Cost: 192 scales tuned" in said  # 3 layers × 4 heads × 16 channels
    assert (run.here / "quickstart" / "site" / "index.html").is_file()


def test_plugin(run):
    run("python", "-m", "pip", "install", "-q", "--no-deps", ROOT / "examples" / "plugin")
    assert "first_heads\n  the first head of every layer" in run("seal-eval", "baselines")


@pytest.mark.parametrize(("command", "limit"), [(("python", "-c", "import seal_eval"), 0.3), (("seal-eval", "--help"), 0.5)])
def test_starts_at_once(alone, command, limit, tmp_path):
    """The fastest of ten starts, interpreter included, is below `limit` seconds, or that share of a slow machine's start of json."""

    def seconds(*command):
        start = time.perf_counter()
        subprocess.run([alone / command[0], *command[1:]], check=True, cwd=tmp_path, capture_output=True, env={"PATH": str(alone)})
        return time.perf_counter() - start

    ours, bare = (min(seconds(*started) for _ in range(10)) for started in (command, ("python", "-c", "import json, typing")))
    assert ours < max(limit, limit * bare / USUAL)


def test_the_command_line_imports_nothing_heavy(run):
    heavy = ("torch", "transformers", "lm_eval", "scipy", "pandas", "numpy", "matplotlib")
    assert run("python", "-c", f"import seal_eval.cli, sys; print([m for m in {heavy} if m in sys.modules])").strip() == "[]"
