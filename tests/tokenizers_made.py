"""Tokenizers of several kinds, trained on a little prose when they are needed."""

from functools import cache

CHATML = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '</s>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
TRIMMED = (  # trims messages and has no system turn
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "{{ '[' + m['role'] + '] ' + m['content'] | trim + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}"
)
NO_SYSTEM_TURN = ("bytes", "superword")  # kinds with that template
KINDS = ("bpe-digits", "unigram-bos", "llama2-like", "bytes", "superword")


@cache
def text():
    from seal_eval.prompts.corpus import prose

    sentences = [s for d in prose("tune")[:3] for s in d.sentences]
    return [
        *sentences,
        "line old-tower: REGISTER_CONTENT is <48211>",
        "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ <>-_'.,:;?!()=",
    ]


@cache
def made(kind):
    """Return a fast tokenizer of a kind.

    bpe-digits: byte-level BPE, single digits, no special tokens added. unigram-bos: SentencePiece-like unigram with <s> before every
    text. llama2-like: BPE over '▁' without pre-tokenizer, with <s>. bytes: one token per byte. superword: BPE whose tokens cross words.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "</s>"]
    bos = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    byte_level = pre_tokenizers.ByteLevel.alphabet()
    if kind == "unigram-bos":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer, tokenizer.decoder, tokenizer.post_processor = pre_tokenizers.Metaspace(), decoders.Metaspace(), bos
        tokenizer.normalizer = normalizers.NFKC()
        trainer = trainers.UnigramTrainer(vocab_size=1200, special_tokens=[*special, "<unk>", "\n"], unk_token="<unk>", show_progress=False)
    elif kind == "llama2-like":
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<s>"))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.pre_tokenizer, tokenizer.post_processor = pre_tokenizers.Split("▁", "merged_with_next"), bos
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        trainer = trainers.BpeTrainer(
            vocab_size=1200, special_tokens=[*special, *(f"<0x{b:02X}>" for b in range(256))], show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE())
        digits = [pre_tokenizers.Digits(individual_digits=True)] if kind == "bpe-digits" else []
        words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind != "superword")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*digits, words])
        tokenizer.decoder = decoders.ByteLevel()
        size = {"bytes": 258, "superword": 1500, "bpe-digits": 1000}[kind]
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=byte_level, show_progress=False)
    tokenizer.train_from_iterator(text(), trainer)
    if kind == "llama2-like":
        tokenizer.pre_tokenizer = None  # as in Llama 2: nothing but the merges separates words
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    wrapped.chat_template = TRIMMED if kind in NO_SYSTEM_TURN else CHATML
    return wrapped
