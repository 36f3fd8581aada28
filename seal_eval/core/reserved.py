"""Arguments of --model_args that are the engine's, so that no setting of a method can have their names."""

# of lm-eval's HFLM, of our engine, and of transformers' loading; a test holds them to harness/model_args.known_arguments
ENGINE_ARGUMENTS = frozenset({
    "add_bos_token", "attn_implementation", "autogptq", "backend", "batch_size", "cache_dir", "chat_template_args", "delta", "device",
    "device_map", "dtype", "enable_thinking", "gguf_file", "gptqmodel", "local_files_only", "logits_cache", "low_cpu_mem_usage",
    "max_batch_size", "max_cpu_memory", "max_length", "max_memory", "max_memory_per_gpu", "method", "mixed_precision_dtype",
    "offload_folder", "parallelize", "peft", "prefill_chunk", "prefix_token_id", "pretrained", "quantization_config", "revision",
    "selftest", "share_prefixes", "softmax_dtype", "subfolder", "think_end_token", "token", "tokenizer", "tp_plan", "truncation",
    "trust_remote_code", "use_fast_tokenizer", "use_safetensors", "variant",
    # of other engines: a run may continue with others of these, so a method's would not count
    "max_retries", "num_concurrent", "timeout",
})  # fmt: skip
