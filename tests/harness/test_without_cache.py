"""Models whose forward pass takes no cache of the prompt: our engine replies as stock lm-eval does, and says why nothing is shared."""

import json

import pytest

from seal_eval.results.records import load_runs

from conftest import seal_eval, tiny_config

SIZES = {
    "openai-gpt": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 2048},
    "rwkv": {"attention_hidden_size": 64, "context_length": 2048},
    "t5": {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0, "n_positions": 2048},
}


@pytest.mark.parametrize("kind", SIZES)
def test_replies_are_those_of_stock_lm_eval(kind, tokenizer, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    torch.manual_seed(0)
    config = tiny_config(kind, **SIZES[kind])
    folder = tmp_path / kind
    (AutoModelForSeq2SeqLM if kind == "t5" else AutoModelForCausalLM).from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    replies = {}
    for name, engine in (("stock", ("hf", "1")), ("one", ("seal", "1")), ("four", ("seal", "4"))):
        out = tmp_path / name
        metadata, budget = '{"lengths": [450], "num_samples": 2}', "max_gen_toks=80,until=<never>"
        asked = ("--tasks", "seal_lines", "--metadata", metadata, "--gen_kwargs", budget, "--log_samples", "--output_path", out)
        model = ("--model", engine[0], "--batch_size", engine[1], "--model_args", f"pretrained={folder}", "--device", "cpu")
        seal_eval("run", *model, *asked)
        (run,) = load_runs(out)
        replies[name] = {record.sample_id: record.reply for record in run.records}
        if engine[0] == "seal":
            (results,) = out.rglob("results_*.json")
            assert "cache" in json.loads(results.read_text())["config"]["seal_eval"]["prefix_sharing"]
    assert len(replies["stock"]) == 2 and replies["stock"] == replies["one"] == replies["four"]
