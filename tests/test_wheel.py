"""The wheel in a new environment that holds only its dependencies: stock lm_eval, the quick start, a plugin."""

import subprocess
import time
import venv
from pathlib import Path

import pytest

from conftest import tiny_model

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def alone(wheel_file, tmp_path_factory):
    """The bin folder of a new environment that holds the wheel and its dependencies."""
    place = tmp_path_factory.mktemp("alone")
    venv.create(place / "env", with_pip=True)
    python = place / "env" / "bin" / "python"
    # compiling every file takes as long as unpacking it; what is used is compiled when it is first imported
    install = [python, "-m", "pip", "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt", wheel_file]
    subprocess.run(install, check=True, cwd=place)
    return python.parent


@pytest.fixture(scope="module")
def run(alone, tmp_path_factory, tokenizer):
    """Return a function that runs a command of that environment in a new folder, with a small random model as the embedded one."""
    here = tmp_path_factory.mktemp("here")
    folder = here / "cache" / "models" / "smollm2-135m-instruct"
    tiny_model(max_position_embeddings=8192).save_pretrained(folder)
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
    """The fastest of ten starts, interpreter included, is below `limit` seconds."""

    def seconds():
        start = time.perf_counter()
        subprocess.run([alone / command[0], *command[1:]], check=True, cwd=tmp_path, capture_output=True, env={"PATH": str(alone)})
        return time.perf_counter() - start

    assert min(seconds() for _ in range(10)) < limit


def test_the_command_line_imports_nothing_heavy(run):
    heavy = ("torch", "transformers", "lm_eval", "scipy", "pandas", "numpy", "matplotlib")
    assert run("python", "-c", f"import seal_eval.cli, sys; print([m for m in {heavy} if m in sys.modules])").strip() == "[]"
