"""Learn SEAL's scales on generated samples (Lee et al. 2025, section 4) while holding the model's distribution on prose."""

import contextlib
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

from seal_eval import __version__
from seal_eval.adapters import Scales, save_adapter, scaled
from seal_eval.cost import perplexity
from seal_eval.errors import SealError
from seal_eval.files import new_folder
from seal_eval.models import load_model, resolve, source
from seal_eval.prompts import Frame
from seal_eval.seams import head_projections, in_features, n_heads, weight
from seal_eval.tasks import get_task
from seal_eval.text import prose
from seal_eval.types import Sample

Granularity = Literal["head", "channel"]
PROSE_TOKENS = 256  # a piece of prose per step for the KL term,
PROSE_STRIDE = 4  # compared at every fourth token: neighbours say much the same, logits are dear


@dataclass(frozen=True)
class TuneSpec:
    """Everything a tuning run depends on, besides the model's weights."""

    task: str = "seal_lines"
    length: int = 1024  # tokens of a sample
    granularity: Granularity = "channel"  # one scale per head (SEAL-H) or per channel (SEAL-C)
    samples: int = 50  # one step each, one epoch
    seed: int = 0
    lr: float = 0.02  # decays linearly to 0
    kl: float = 1.0  # weight of KL(plain ‖ tuned) on prose, nats per token

    def __post_init__(self) -> None:
        if self.granularity not in ("head", "channel"):
            raise SealError(f"granularity '{self.granularity}' is not known; choose head (SEAL-H) or channel (SEAL-C)")
        for name, value, good in (
            ("length", self.length, self.length > 0), ("samples", self.samples, self.samples > 0), ("seed", self.seed, self.seed >= 0),
            ("lr", self.lr, math.isfinite(self.lr) and self.lr > 0), ("kl", self.kl, math.isfinite(self.kl) and self.kl >= 0),
        ):  # fmt: skip
            if not good:
                raise SealError(f"{name} is {value}, must be {'at least 0' if name in ('seed', 'kl') else 'above 0'} and finite")


@dataclass(frozen=True)
class Learned:
    """What learning gives: the scales, how many numbers were trained, and the log of steps."""

    scales: Scales
    n_parameters: int
    log: list[dict[str, float]]


def learn(model: Any, tokenizer: Any, spec: TuneSpec, progress: bool = False) -> Learned:
    """Learn the scales. The model itself is left unchanged.

    Loss of a step: cross-entropy of the answer's tokens (mean, nats) + kl * KL(plain ‖ tuned) on a piece of prose.
    Raises SealError when the loss is no longer finite.
    """
    from tqdm import tqdm

    samples = get_task(spec.task).build(Frame(tokenizer), spec.length, spec.samples, spec.seed, part="tune")
    pieces = prose_pieces(tokenizer, spec.samples, PROSE_TOKENS, spec.seed) if spec.kl else [None] * spec.samples
    gains = Gains(model, spec.granularity)
    optimizer = torch.optim.AdamW(gains.parameters(), lr=spec.lr, weight_decay=0.0)  # decay would pull s to 0, not to 1
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / spec.samples)
    log: list[dict[str, float]] = []
    bar = tqdm(zip(samples, pieces, strict=True), total=spec.samples, desc="tuning", unit="step", disable=None if progress else True)
    with frozen(model):
        for sample, piece in bar:
            start = time.perf_counter()
            with gains.on(model):
                answer = answer_loss(model, tokenizer, sample)
                answer.backward()
            drift = prose_kl(model, gains, piece) if piece is not None else torch.zeros(())
            if spec.kl:
                (spec.kl * drift).backward()
            if not math.isfinite(answer.item() + drift.item()):
                raise SealError(
                    f"tuning diverged at step {len(log) + 1} of {spec.samples} (loss {answer.item()}); lower --lr from {spec.lr}"
                )
            norm = nn.utils.clip_grad_norm_(gains.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            log.append({
                "loss": answer.item(), "kl": drift.item(), "grad_norm": float(norm), "n_tokens": sample.n_tokens,
                "seconds": time.perf_counter() - start,
            })  # fmt: skip
            bar.set_postfix(loss=f"{answer.item():.2f}", kl=f"{drift.item():.3f}")
    return Learned(gains.scales(), sum(p.numel() for p in gains.parameters()), log)


class Gains(nn.Module):
    """Learnable δ with s = 1 + δ: [n_heads] or [n_heads * head_dim] per layer."""

    def __init__(self, model: Any, granularity: Granularity) -> None:
        super().__init__()
        self.projections = head_projections(model)
        heads = n_heads(model)
        self.repeats = [in_features(m) // heads if granularity == "head" else 1 for _, m in self.projections]
        self.delta = nn.ParameterList(
            torch.zeros(in_features(m) // r, device=weight(m).device) for (_, m), r in zip(self.projections, self.repeats, strict=True)
        )

    def scale(self, layer: int) -> torch.Tensor:
        """[n_heads * head_dim]"""
        return (1 + self.delta[layer]).repeat_interleave(self.repeats[layer])

    def scales(self) -> Scales:
        """The scales as they are now, by projection name."""
        return {name: scale.detach().clone() for name, scale in self._live().items()}

    def on(self, model: Any) -> contextlib.AbstractContextManager[Any]:
        """Inside the block the model runs with the scales, differentiably: one backward pass a block."""
        return scaled(model, self._live())

    def _live(self) -> Scales:
        return {name: self.scale(i) for i, (name, _) in enumerate(self.projections)}


@contextlib.contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Inside the block no weight of the model asks for a gradient."""
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    model.requires_grad_(False)
    try:
        yield
    finally:
        for name, p in model.named_parameters():
            p.requires_grad_(before[name])


def answer_loss(model: Any, tokenizer: Any, sample: Sample, copies: int = 0) -> torch.Tensor:
    """Mean cross-entropy (nats) of the answer's tokens after the prompt; logits only where they are needed.

    With `copies`, the sample is asked that many times in one batch, for a model whose rows differ: [copies].
    """
    prompt = tokenizer(sample.input + sample.prefix)["input_ids"]
    whole = tokenizer(sample.input + sample.prefix + sample.answer)["input_ids"]
    if whole[-1] == tokenizer.eos_token_id != prompt[-1]:
        whole = whole[:-1]
    same = 0  # a tokenizer may join the prompt's last characters with the answer's first
    while same < min(len(prompt), len(whole) - 1) and prompt[same] == whole[same]:
        same += 1
    ids = torch.tensor([whole] * (copies or 1), device=model.device)
    n_answer = len(whole) - same
    logits = model(ids, logits_to_keep=n_answer + 1, use_cache=False).logits[:, :-1]  # [copies, n_answer, vocab]
    losses = torch.stack([F.cross_entropy(row.float(), ids[0, same:]) for row in logits])
    return losses if copies else losses[0]


def prose_kl(model: Any, gains: Gains, piece: torch.Tensor) -> torch.Tensor:
    """KL(plain ‖ tuned) in nats, mean over every PROSE_STRIDE-th token of a piece of prose."""
    ids = piece.to(model.device)[None]
    where = torch.arange(PROSE_STRIDE - 1, len(piece), PROSE_STRIDE, device=ids.device)
    with torch.no_grad():
        plain = model(ids, use_cache=False, logits_to_keep=where).logits[0].float().log_softmax(-1)  # [positions, vocab]
    with gains.on(model):
        tuned = model(ids, use_cache=False, logits_to_keep=where).logits[0].float().log_softmax(-1)
    return F.kl_div(tuned, plain, log_target=True, reduction="batchmean")


def prose_pieces(tokenizer: Any, n: int, n_tokens: int, seed: int) -> list[torch.Tensor]:
    """`n` pieces of `n_tokens` ids each from the tuning part's prose, one address each in turn."""
    rng = random.Random(f"{seed}:prose")
    documents = [d for d in prose("tune") if len(d.sentences) > 40]
    rng.shuffle(documents)
    pieces = []
    for i in range(n):
        sentences = documents[i % len(documents)].sentences
        first = rng.randrange(len(sentences) - 30)
        ids = tokenizer(" ".join(sentences[first : first + 30]))["input_ids"][:n_tokens]
        pieces.append(torch.tensor(ids))
    return pieces


def tune(model_name: str, spec: TuneSpec, out: Path, progress: bool = True) -> dict[str, Any]:
    """Learn, measure the cost elsewhere, save a PEFT adapter with its card in the new folder `out`. Returns the card."""
    get_task(spec.task)
    with new_folder(out) as folder:
        model, tokenizer = load_model(model_name)
        start = time.perf_counter()
        learned = learn(model, tokenizer, spec, progress)
        seconds = time.perf_counter() - start
        before = perplexity(model, tokenizer, progress="perplexity of prose before" if progress else "")
        with scaled(model, learned.scales):
            after = perplexity(model, tokenizer, progress="perplexity of prose after" if progress else "")
        values = torch.cat(list(learned.scales.values()))
        card = {
            "method": "seal",
            "seal_eval": __version__,
            "torch": torch.__version__,
            "model": model_name,
            "model_source": source(resolve(model_name)),
            **asdict(spec),
            "optimizer": "AdamW, no weight decay, linear decay to 0, gradient clip 1.0, batch 1",
            "trained_parameters": learned.n_parameters,
            "tuning_seconds": round(seconds, 1),
            "scale_min": values.min().item(),
            "scale_max": values.max().item(),
            "prose_perplexity_before": before,
            "prose_perplexity_after": after,
            "prose_perplexity_ratio": after / before,
            "log": learned.log,
        }
        save_adapter(model, learned.scales, folder, card)
    return card


def cost_line(card: dict[str, Any]) -> str:
    """A tuning run's price in one line, from its card."""
    before, after, ratio = (card[f"prose_perplexity_{what}"] for what in ("before", "after", "ratio"))
    return (
        f"{card['trained_parameters']:,} scales tuned in {card['tuning_seconds']:.0f} s; "
        f"perplexity of prose {before:.2f} → {after:.2f} ({100 * (ratio - 1):+.1f} %)"
    )
