"""A checkpoint's generation_config: its penalties are obeyed, told and recorded; its budget, stop strings, beams and sampling are not."""

import json
import shutil

import pytest
from lm_eval.api.instance import Instance
from transformers import GenerationConfig

from seal_eval.core.names import GENERATION_KEY
from seal_eval.harness.greedy import keep_penalties
from seal_eval.harness.logged import replies_logged
from seal_eval.harness.seal_lm import SealLM
from seal_eval.leaderboard.published import Config

BREAKING = {
    "budget": {"max_new_tokens": 3}, "long": {"max_new_tokens": 300}, "beams": {"num_beams": 2}, "stop": {"stop_strings": ["e", " "]},
    "dict": {"return_dict_in_generate": True}, "cache": {"cache_implementation": "static"}, "forced": {"forced_eos_token_id": 1},
    "least": {"min_new_tokens": 60}, "sampling": {"do_sample": True, "temperature": 0.3, "top_k": 5},
    "lookup": {"prompt_lookup_num_tokens": 2},
}  # fmt: skip


def asked():
    options = {"until": [], "do_sample": False, "max_gen_toks": 40}
    text = "A long street. " * 30
    return [Instance("generate_until", {}, (f"{text}The number of house {i} is", options), 0, metadata=("street", i, 1)) for i in range(3)]


def replies(folder):
    return SealLM(pretrained=str(folder), device="cpu").generate_until(asked(), disable_tqdm=True)


@pytest.fixture(scope="module")
def plain(tiny_folder):
    return replies(tiny_folder)


def configured(tiny_folder, out, **fields):
    shutil.copytree(tiny_folder, out)
    (out / "generation_config.json").write_text(json.dumps({"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1} | fields))
    return out


@pytest.mark.parametrize("kind", BREAKING)
def test_what_is_not_obeyed(tmp_path, tiny_folder, plain, kind, capsys):
    assert replies(configured(tiny_folder, tmp_path / "m", **BREAKING[kind])) == plain
    assert "generation_config" not in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["budget", "long", "stop"])  # the others change nothing there, as lm-eval calls it
def test_stock_hf_in_our_run_obeys_the_task(tmp_path, tiny_folder, plain, kind, capsys):
    from lm_eval.api.registry import get_model

    folder = configured(tiny_folder, tmp_path / "m", repetition_penalty=1.0, **BREAKING[kind])
    with replies_logged("hf", 1):
        engine = get_model("hf")(pretrained=str(folder), device="cpu")
    assert engine.generate_until(asked(), disable_tqdm=True) == plain
    assert "generation_config sets" not in capsys.readouterr().err
    with replies_logged("hf", 1):
        strict = get_model("hf")(pretrained=str(configured(tiny_folder, tmp_path / "penalty", repetition_penalty=1.8)), device="cpu")
    assert strict.get_model_info()[GENERATION_KEY] == {"repetition_penalty": 1.8} and GENERATION_KEY not in engine.get_model_info()
    assert GENERATION_KEY in Config.model_fields  # of a published file
    assert "hf: the checkpoint's generation_config sets repetition_penalty=1.8, which changes replies" in capsys.readouterr().err


def test_penalties_are_obeyed_told_and_recorded(tmp_path, tiny_folder, plain, capsys):
    engine = SealLM(pretrained=str(configured(tiny_folder, tmp_path / "m", repetition_penalty=1.8, top_k=9)), device="cpu")
    told = capsys.readouterr().err
    assert told.count("generation_config sets repetition_penalty=1.8, which changes replies") == 1
    assert engine.get_model_info()["seal_eval"]["generation"] == {"repetition_penalty": 1.8}
    assert engine.generate_until(asked(), disable_tqdm=True) != plain
    ordinary = SealLM(pretrained=str(tiny_folder), device="cpu")
    assert "generation" not in ordinary.get_model_info()["seal_eval"] and "generation_config" not in capsys.readouterr().err


def test_ids_stay(tiny_folder):
    from conftest import tiny_model

    model = tiny_model()
    model.generation_config = GenerationConfig(
        eos_token_id=[1, 7], pad_token_id=3, bos_token_id=0, suppress_tokens=[5], repetition_penalty=1.0
    )
    assert keep_penalties(model) == {"suppress_tokens": [5]}
    kept = model.generation_config
    assert (kept.eos_token_id, kept.pad_token_id, kept.bos_token_id, kept.suppress_tokens) == ([1, 7], 3, 0, [5])
    model.generation_config = None  # some models with their own code have none
    assert keep_penalties(model) == {} and model.generation_config.eos_token_id is None
