"""Without a network, a name that only the hub could know is refused at once, in one line; what is in the cache is used as ever."""

import time

import huggingface_hub
import pytest
from huggingface_hub import constants

from seal_eval.core.errors import SealError
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
