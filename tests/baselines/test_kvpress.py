"""The example that makes kvpress's presses methods, with kvpress itself, installed as the example's README says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seal_eval.baselines import take_method
from seal_eval.core.errors import SealError
from seal_eval.harness.seal_lm import SealLM
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.records import check_spec

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


@pytest.fixture(scope="module")
def asked(tiny_folder):
    """(documents, lm-eval's requests for them): four questions on two records of lines."""
    from lm_eval.api.instance import Instance

    from seal_eval.harness.dataset import documents

    metadata = {"tokenizer": str(tiny_folder), "lengths": [450], "num_samples": 4, "questions_per_record": 2}
    docs = [dict(doc) for doc in documents("seal_lines", **metadata)["test"]]
    options = {"until": [], "do_sample": False, "max_gen_toks": 12}
    return docs, lambda **own: [
        Instance("generate_until", doc, (doc["input"] + doc["prefix"], options | own), i, metadata=("seal_lines", i, 1))
        for i, doc in enumerate(docs)
    ]


def size(lm, doc):
    """Tokens of a document's record, as the engine found them."""
    return lm._record_first.sizes[tuple(lm.tok_encode(doc["input"] + doc["prefix"]))]


def engine(tiny_folder, **own):
    return SealLM(str(tiny_folder), method=f"{EXAMPLE}/kvpress_method.py:Press", device="cpu", **own)


@pytest.mark.parametrize("name", ["KnormPress", "SnapKVPress", "ExpectedAttentionPress"])
def test_a_record_is_compressed_before_its_questions(tiny_folder, asked, name, monkeypatch):
    """Replies are those of kvpress's own pipeline on the same tokens, and each record is read once for its questions."""
    import kvpress

    docs, requests = asked
    lm = engine(tiny_folder, press=name, ratio=0.5, query_aware=False, batch_size=4)
    read, whole = [], lm.model.forward
    monkeypatch.setattr(lm.model, "forward", lambda *a, **k: read.append(k["input_ids"].shape[1]) or whole(*a, **k))
    ours = lm.generate_until(requests(), disable_tqdm=True)
    assert sorted(n for n in read if n > 100) == sorted({doc["document"]: size(lm, doc) for doc in docs}.values())
    lm._method_context.close()
    hook = type(lm.method).apply.__wrapped__.__globals__["with_cache_position"]
    handles = [layer.self_attn.register_forward_pre_hook(hook, with_kwargs=True) for layer in lm.model.model.layers]
    for doc, reply in zip(docs, ours, strict=True):
        ids, n = lm.tok_encode(doc["input"] + doc["prefix"]), size(lm, doc)
        assert lm.tok_decode(ids[n:]).strip().startswith("Now the record is over.")
        pipeline = kvpress.KVPressTextGenerationPipeline.__new__(kvpress.KVPressTextGenerationPipeline)
        pipeline.model, pipeline.tokenizer = lm.model, lm.tokenizer
        given = {"context_ids": torch.tensor([ids[:n]]), "questions_ids": [torch.tensor([ids[n:]])]}
        with torch.no_grad():
            (theirs,) = pipeline._forward(given, max_new_tokens=doc["answer_tokens"], press=getattr(kvpress, name)(compression_ratio=0.5))
        assert theirs.startswith(reply) and reply
    for handle in handles:
        handle.remove()


def test_a_record_first_that_keeps_everything(tiny_folder, asked):
    """With a ratio of 0, replies are those of the plain model."""
    _, requests = asked
    plain = SealLM(str(tiny_folder), device="cpu").generate_until(requests(), disable_tqdm=True)
    assert engine(tiny_folder, press="KnormPress", ratio=0.0, query_aware=False).generate_until(requests(), disable_tqdm=True) == plain


def test_record_first_obeys_the_checkpoints_penalties(tiny_folder, asked):
    """Many Qwen checkpoints penalise repetition, of the prompt too; a press must not escape that."""
    _, requests = asked

    def replies(**own):
        lm = engine(tiny_folder, **own) if own else SealLM(str(tiny_folder), device="cpu")
        lm.model.generation_config.repetition_penalty, lm.model.generation_config.no_repeat_ngram_size = 1.8, 2
        return lm.generate_until(requests(), disable_tqdm=True)

    without = SealLM(str(tiny_folder), device="cpu").generate_until(requests(), disable_tqdm=True)
    assert replies(press="KnormPress", ratio=0.0, query_aware=False) == replies() != without


def test_record_first_refuses(tiny_folder, asked):
    docs, requests = asked
    lm = engine(tiny_folder, press="KnormPress", query_aware=False)
    with pytest.raises(SealError, match="do_sample is True: the method reads records first and decodes greedily"):
        lm.generate_until(requests(do_sample=True, temperature=1.0), disable_tqdm=True)
    foreign = requests()
    foreign[0].doc = {"question": "?"}
    with pytest.raises(SealError, match="only tasks of this project say where a question begins"):
        lm.generate_until(foreign, disable_tqdm=True)
    changed = requests()
    changed[0].doc = docs[0] | {"input": docs[0]["input"].replace("Now the record", "There the record")}
    with pytest.raises(SealError, match="where its question begins is not known"):
        lm.generate_until(changed, disable_tqdm=True)
    with pytest.raises(SealError, match="reads a record without its question"):
        check_spec(TuneSpec(recipe="fixed", on=f"{EXAMPLE}/kvpress_method.py:Press,press=KnormPress,query_aware=false"))


def test_what_is_refused():
    model = tiny_model()
    unknown = "kvpress has no press 'SnapKvPress'; did you mean 'SnapKVPress'"
    with pytest.raises(SealError, match=unknown), press(press="SnapKvPress").apply(model):
        pass
    with pytest.raises(SealError, match="kvpress knows no padding; use --batch_size 1"), press(press="KnormPress").apply(model):
        model(IDS.repeat(2, 1))
    with pytest.raises(SealError, match=r"ratio is 1\.0"):
        press(press="KnormPress", ratio=1.0)
