"""Without a network, a name that only the hub could know is refused at once, in one line; what is in the cache is used at once."""

import shutil
import time

import huggingface_hub
import pytest
from huggingface_hub import constants

from seal_eval.core.errors import SealError
from seal_eval.harness.model_args import check_names_reached
from seal_eval.harness.run import model_files
from seal_eval.harness.seal_lm import SealLM
from seal_eval.models import hub_reached
from seal_eval.models.hub import content
from seal_eval.models.hub_reached import check_reached
from seal_eval.models.loading import load_tokenizer
from seal_eval.models.window import window_of

from conftest import seal_eval

NOWHERE = "http://127.0.0.1:9"  # nothing listens there


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", NOWHERE)
    monkeypatch.setattr(hub_reached, "_asked", [])
    monkeypatch.setattr(hub_reached, "_alone", [])


def test_nobody_waits(nowhere):
    began = time.monotonic()
    with pytest.raises(SealError, match=rf"^model 'no/such' is no folder here .* no connection to {NOWHERE} \(.*\); check"):
        load_tokenizer("no/such")
    assert content("no/such") == "" and window_of("no/such") is None
    assert time.monotonic() - began < 15  # the client waits 23 s for each


def test_what_is_in_the_cache_is_not_asked_for(nowhere, tmp_path):
    (tmp_path / "models--no--such" / "snapshots").mkdir(parents=True)
    check_reached("no/such")
    check_reached(str(tmp_path))


def test_what_is_in_the_cache_is_loaded_at_once(nowhere, tiny_folder, tmp_path, capsys, monkeypatch):
    """The client would repeat its requests for each load, though it has the files. What is not there is refused as before."""
    held = tmp_path / "models--own--tiny"
    shutil.copytree(tiny_folder, held / "snapshots" / "abc")
    (held / "refs").mkdir()
    (held / "refs" / "main").write_text("abc")
    began = time.monotonic()
    assert window_of("own/tiny") == 2048 and content("own/tiny") == "abc"
    load_tokenizer("own/tiny")
    assert time.monotonic() - began < 20 and constants.HF_HUB_OFFLINE
    assert capsys.readouterr().err.count(f"no connection to {NOWHERE}") == 1
    with pytest.raises(SealError, match=r"^adapter 'no/such' is no folder here and not in the hub's cache"):
        check_reached("no/such", "adapter")
    monkeypatch.setattr(hub_reached, "_asked", [(time.monotonic(), "")])  # the network is back
    check_reached("own/tiny")
    assert not constants.HF_HUB_OFFLINE


def test_a_run_knows_the_commit_of_an_adapter(nowhere, tmp_path):
    """An adapter's folder has no config.json: a killed run went on with whatever adapter the name stood for by then."""
    held = tmp_path / "models--own--adapter"
    for name, text in (("snapshots/abc/adapter_config.json", "{}"), ("refs/main", "abc")):
        (held / name).parent.mkdir(parents=True)
        (held / name).write_text(text)
    assert model_files({"peft": "own/adapter"}) == {"peft": "abc"}


@pytest.mark.parametrize(("key", "what"), [("peft", "adapter"), ("tokenizer", "tokenizer"), ("delta", "model")])
def test_other_names_of_a_run(nowhere, tiny_folder, key, what):
    """peft alone would wait for half a minute, and several times."""
    began = time.monotonic()
    with pytest.raises(SealError, match=f"^{what} 'no/such' is no folder here .* no connection to {NOWHERE}"):
        check_names_reached({"pretrained": str(tiny_folder), key: "no/such"})
    assert time.monotonic() - began < 15
    check_names_reached({"pretrained": str(tiny_folder), key: str(tiny_folder)})
    with pytest.raises(SealError, match=f"^{what} 'no/such' is no folder here"):
        SealLM(str(tiny_folder), device="cpu", **{key: "no/such"})


@pytest.mark.parametrize("error", [OSError("slow"), FileNotFoundError("404")])
def test_a_hub_that_answers_or_is_slow_is_there(nowhere, monkeypatch, error):
    def answer(*_, **__):
        raise error

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", answer)
    check_reached("no/such")


def test_a_run_ends_at_once(tmp_path):
    env = {"HF_ENDPOINT": NOWHERE, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    command = ("run", "--model", "hf", "--model_args", "pretrained=no/such", "--tasks", "arc_easy")
    done = seal_eval(*command, env=env, cwd=tmp_path, code=1, start=True)
    assert "no connection to" in done.stderr.strip().splitlines()[-1] and "Retrying" not in done.stderr
