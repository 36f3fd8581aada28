"""Small random models of every causal language model that transformers has: its own configuration, made small."""

from typing import Any

LIMIT = 20_000_000  # weights: a model that stays larger than this is not built
# names of sizes in transformers' configurations, and small values
SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "embed_dim", "word_embed_proj_dim", "embedding_size"), 64),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "decoder_ffn_dim", "encoder_ffn_dim", "dff"), 96),
    **dict.fromkeys(("intermediate_size_mlp", "shared_expert_intermediate_size", "shared_intermediate_size", "d_inner"), 96),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "num_layers", "decoder_layers", "encoder_layers", "n_layers"), 4),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("encoder_attention_heads",), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 2),
    **dict.fromkeys(("head_dim", "attention_head_dim", "v_head_dim", "global_head_dim", "kv_channels"), 16),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "top_k", "moe_k", "moe_topk"), 2),
    **dict.fromkeys(("n_group", "topk_group", "num_expert_group"), 1),
    **dict.fromkeys(("moe_intermediate_size", "expert_ffn_hidden_size"), 32),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank", "laurel_rank", "o_lora_rank", "mamba_dt_rank", "time_step_rank"), 16),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim"), 8),
    **dict.fromkeys(("linear_num_key_heads", "linear_num_value_heads", "mamba_n_heads", "mamba_num_heads"), 4),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim", "mamba_d_state", "ssm_state_size", "state_size"), 16),
    **dict.fromkeys(("mamba_n_groups", "n_groups", "mamba_ngroups"), 1),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 2048),
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input"), 1000),
    **dict.fromkeys(("bos_token_id", "decoder_start_token_id"), 0),
    **dict.fromkeys(("eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id"), 1),
    **dict.fromkeys(("sliding_window", "attention_chunk_size"), 32),
    "hidden_size_per_layer_input": 16, "attention_dropout": 0.0, "is_decoder": True, "first_k_dense_replace": 1,
}  # fmt: skip
SLIDING = ["sliding_attention", "full_attention"] * 2
LINEAR = ["linear_attention", "full_attention"] * 2
LATENT = ("axk1", "axk2", "deepseek_v2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "glm_moe_dsa", "minicpm3", "youtu")  # attention
# what a kind needs besides: which of its four layers attend, and sizes that depend on each other
OWN: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": None},
    "mixtral": {"sliding_window": None, "head_dim": None},
    "phi3": {"sliding_window": None},
    "phimoe": {"sliding_window": None, "head_dim": 16},
    "starcoder2": {"sliding_window": None},
    "minimax_m2": {"sliding_window": None},
    "qwen3_next": {"layer_types": LINEAR}, "qwen3_5_text": {"layer_types": LINEAR}, "qwen3_5_moe_text": {"layer_types": LINEAR},
    "olmo_hybrid": {"layer_types": LINEAR}, "minimax": {"layer_types": LINEAR},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1}, "bamba": {"attn_layer_indices": [1, 3], "mamba_d_head": 32},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2, "mamba_d_head": 32},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_d_head": 16},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2}, "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "gemma3n_text": {"layer_types": SLIDING, "num_kv_shared_layers": 0, "activation_sparsity_pattern": [0.0] * 4, "head_dim": 16},
    "gemma4_text": {"layer_types": SLIDING, "num_kv_shared_layers": 0},
    "nemotron_h": {"layer_types": ["mamba", "mlp", "attention", "mlp"], "mamba_head_dim": 32},
    "mamba2": {"num_heads": 8, "head_dim": 16, "expand": 2},
    "recurrent_gemma": {"attention_window_size": 32, "lru_width": 64},
    "llama4_text": {"num_experts_per_tok": 1},
    "hunyuan_v1_dense": {"head_dim": 16}, "hunyuan_v1_moe": {"head_dim": 16}, "ministral": {"head_dim": 16, "layer_types": SLIDING},
    "cohere_compass_text": {
        "layer_types": SLIDING,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2]}, "full_attention": None,
        },
    },
    "zaya": {"num_experts_per_tok": 1}, "dots1": {"num_key_value_heads": 2},
    "rwkv": {"attention_hidden_size": 64, "context_length": 2048},
    "openai-gpt": {"afn": "gelu"},
    **{kind: {"head_dim": 8, "num_key_value_heads": 4} for kind in LATENT},  # head_dim: the rotated channels of a key
    **{kind: {"rotary_dim": 8} for kind in ("gptj", "codegen")},
}  # fmt: skip


def kinds() -> list[str]:
    """The model types of all causal language models of the installed transformers, sorted."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def built(kind: str) -> Any:
    """A small random model of the kind, seed 0. Raises what transformers raises, and ValueError for a model that stays large."""
    import torch
    from transformers import AutoModelForCausalLM

    config = small_config(kind)
    with torch.device("meta"):
        weights = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if weights > LIMIT:
        raise ValueError(f"its configuration stays at {weights / 1e6:.0f} million weights when made small")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():  # larger weights than by default, so that attention is not nearly uniform
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "embed" not in name and "wte" not in name:
                weight.mul_(4)
    return model


def small_config(kind: str) -> Any:
    """The kind's own configuration with the values of SIZES and OWN where it has such a setting."""
    from transformers import CONFIG_MAPPING

    cls = CONFIG_MAPPING[kind]
    default = cls()
    text = default.get_text_config()
    if text is not default:
        raise ValueError("a multimodal wrapper; its text model is listed under a name of its own")
    known = {*vars(default), *getattr(cls, "attribute_map", {}).values()}
    own = {key: value for key, value in SIZES.items() if key in known and key not in getattr(cls, "attribute_map", {})}
    if isinstance(getattr(cls, "layers_block_type", None), property):  # else the configuration's own attribute_map sets it
        own["num_hidden_layers"] = 3
    if getattr(default, "layer_types", None) and "sliding_attention" in default.layer_types:
        own["layer_types"] = SLIDING
    for key in ("sliding_window", "q_lora_rank", "head_dim", "pad_token_id", "sep_token_id", "cls_token_id", "bos_token_id"):
        if vars(default).get(key) is None:
            own.pop(key, None)
    if "qk_rope_head_dim" in known:  # then a head's width is made of two parts
        own.pop("head_dim", None)
    own |= OWN.get(kind, {})
    return cls(**own)
