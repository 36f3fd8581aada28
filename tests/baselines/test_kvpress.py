"""The example that makes kvpress's presses methods, with kvpress itself, installed as the example's README says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seal_eval.baselines import take_method
from seal_eval.core.errors import SealError

from conftest import tiny_model
from method_cases import IDS, logits

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "kvpress"


@pytest.fixture(scope="module", autouse=True)
def kvpress(tmp_path_factory):
    """Install what the README names into a folder of its own, and look for packages there meanwhile."""
    (packages,) = re.findall(r"pip install --no-deps (kvpress.*)", (EXAMPLE / "README.md").read_text(encoding="utf-8"))
    place = tmp_path_factory.mktemp("kvpress")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place)]
    subprocess.run([*pip, *packages.split()], check=True)
    sys.path.append(str(place))
    yield
    sys.path.remove(str(place))


def press(**own):
    return take_method({"method": f"{EXAMPLE}/kvpress_method.py:Press", **own})[1]


def replies(model):
    return model.generate(IDS, attention_mask=torch.ones_like(IDS), max_new_tokens=8, do_sample=False, pad_token_id=1)


@pytest.mark.parametrize("name", ["KnormPress", "SnapKVPress", "ExpectedAttentionPress", "StreamingLLMPress"])
def test_presses(name):
    """A ratio of 0 changes nothing, another one drops that share of the prompt's keys, and afterwards the model is as before."""
    model = tiny_model()
    plain, before = replies(model), logits(model)
    with press(press=name, ratio=0.0).apply(model):
        assert torch.equal(replies(model), plain)
    with torch.no_grad(), press(press=name, ratio=0.5).apply(model):
        cache = model(IDS, use_cache=True).past_key_values
        assert [layer.get_seq_length() for layer in cache.layers] == [45] * 3
        replies(model)
        assert torch.equal(logits(model, use_cache=False), before)  # what is read at once loses nothing
    assert torch.equal(logits(model), before) and torch.equal(replies(model), plain)
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


@torch.no_grad()
def test_which_keys_are_kept():
    """KnormPress keeps the keys of the smallest norm (Devoto et al. 2024), found here by sorting the plain model's."""
    model = tiny_model()
    keys = model(IDS, use_cache=True).past_key_values.layers[0].keys[0]  # [n_kv_heads, n_tokens, head_dim]
    with press(press="KnormPress", ratio=0.4).apply(model):
        kept = model(IDS, use_cache=True).past_key_values.layers[0].keys[0]
    for mine, every in zip(kept, keys, strict=True):
        assert sorted(mine.norm(dim=-1).tolist()) == pytest.approx(sorted(every.norm(dim=-1).tolist())[: len(mine)], rel=1e-5)


def test_what_is_refused():
    model = tiny_model()
    unknown = "kvpress has no press 'SnapKvPress'; did you mean 'SnapKVPress'"
    with pytest.raises(SealError, match=unknown), press(press="SnapKvPress").apply(model):
        pass
    with pytest.raises(SealError, match="kvpress knows no padding; use --batch_size 1"), press(press="KnormPress").apply(model):
        model(IDS.repeat(2, 1))
    with pytest.raises(SealError, match=r"ratio is 1\.0"):
        press(press="KnormPress", ratio=1.0)
