"""The self-test of a method on the model at hand: a few hundred tokens that show whether it does what it says there.

Architectures differ in more ways than a list of names can hold. So a method is tried on the loaded model, and refused for what it does:
settings that change nothing must change nothing, settings that change much must change what layers with full attention see, a cache must
not matter, and afterwards the model must be as before.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from seal_eval.core.applied import method_applied
from seal_eval.core.errors import SealError, first_line
from seal_eval.core.plugins import Method
from seal_eval.models.beginnings import only_beginning
from seal_eval.models.hooks import HALVES, hooked, in_fp32
from seal_eval.models.layer_windows import WINDOWED, check_reach, covers_all, slides, window_of_layers
from seal_eval.models.memory import out_of_memory
from seal_eval.models.modules import ATTENTIONS, WITHOUT_HEADS, device_of, layer_index, layer_kinds, text_config, text_decoder

TOKENS = 48  # read by each of about ten forward passes
FIRST = 32  # of them are read before the others when a cache is tried
TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 6e-2}  # of the logits' root mean square
# of an attention output's root mean square: less is rounding, which is up to 0.0004 in fp16 and 0.003 in bf16
CHANGE = {torch.float32: 1e-4, torch.float16: 1e-3, torch.bfloat16: 8e-3}
UNLIKE = 0.1  # of the logits' root mean square: no rounding is as large
NOT_FOUND = "it has no layer with full attention that could be found, so nothing would be extended"
ABOVE = 3  # times what settings that change nothing change there: less may be rounding, too


def check_method(name: str, method: Method, model: Any, tokens: int | None = None) -> None:
    """Raise SealError, naming method, model and what failed, unless the method passes its self-test on the model.

    `method.neutral` and `method.active` say with which settings it is tried besides its own. A composition's parts are tried one by one,
    then together. What runs out of memory is raised as it is. tokens: the longest text that it is to read, 0 if that is not known
    yet, None for the window that the method claims: see `check_reach`.
    """
    check_reach(name, method, model, tokens)
    parts: Any = getattr(method, "parts", None) or ((name, method),)
    if all(part.neutral == {} for _, part in parts):  # plain: its own settings change nothing
        return
    trial = _Trial(model, extends=any(_extends(part) for _, part in parts))
    with trial.stage(name, "the plain model"):
        trial.read_plain()
    for part_name, part in parts:
        still = None if part.neutral is None else dataclasses.replace(part, **part.neutral)
        if still is not None:
            with trial.stage(part_name, "settings that change nothing"):
                trial.neutral(part_name, still)
        if _extends(part):
            with trial.stage(part_name, "settings that change much"):
                trial.active(part_name, dataclasses.replace(part, **part.active), still)
    with trial.stage(name, "its own settings"):
        trial.own(name, method)


def _extends(part: Method) -> bool:
    """Whether a method is tried with settings that must change what layers with full attention see."""
    return part.active is not None and part.changes in ("rope", "attention")


def trial_tokens(model: Any, n: int) -> torch.Tensor:
    """Return random token ids [1, n], always the same for a vocabulary."""
    vocabulary = int(text_config(model).vocab_size)
    low = min(10, vocabulary // 2)  # the first tokens are often special
    return torch.randint(low, vocabulary, (1, n), generator=torch.Generator().manual_seed(0)).to(device_of(model))


def trial_dtype(model: Any) -> torch.dtype:
    """Return the type whose TOLERANCE holds for a model: that of its first weights of such a type."""
    return next((p.dtype for p in model.parameters() if p.dtype in TOLERANCE), torch.float32)


class _Trial:
    """Forward passes over the same few tokens, and comparisons with the plain model's."""

    def __init__(self, model: Any, extends: bool = False) -> None:
        self.extends = extends  # whether the method is about layers with full attention
        self.model, self.kind = model, f"{type(model).__name__} ({model.config.model_type})"
        self.ids, self.dtype = trial_tokens(model, TOKENS), trial_dtype(model)
        self.attentions = full_attentions(model)

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[None]:
        """Context manager: turns any error but SealError and a lack of memory into a SealError about `name` with `what`."""
        try:
            with torch.no_grad():
                yield
        except SealError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            if self.extends and not self.attentions:  # what failed then is no attention
                raise self.refused(name, NOT_FOUND) from error
            raise self.refused(name, f"{what} cannot be run ({type(error).__name__}: {first_line(error)})") from error

    def refused(self, name: str, what: str) -> SealError:
        return SealError(f"method '{name}' on {self.kind}: {what}; choose another method or model (--no-selftest runs it all the same)")

    def read_plain(self) -> None:
        """Read the tokens with the model as it is, whole and in two parts with a cache."""
        self.inputs: dict[nn.Module, Any] = {}
        with hooked(self.attentions, lambda m, x: self.inputs.setdefault(m, x), None):
            self.plain = self.logits()
        self.noise = TOLERANCE[self.dtype]
        apart = self.cached(self.plain)
        # transformers' MiniMax counts positions from 0 again behind its cache, so its predictions there tell nothing about a method
        self.plain_cached = apart if apart is not None and apart < UNLIKE else None

    def neutral(self, name: str, method: Method) -> None:
        with method_applied(name, method, self.model):
            found = self.logits()
        if not self.distance(found, self.plain) <= self.noise:
            raise self.refused(name, f"settings that must change nothing ({shown(method)}) change the model's predictions")

    def active(self, name: str, method: Method, still: Method | None) -> None:
        """Refuse a method that changes no more than rounding does. `still`: the method with settings that change nothing."""
        if not self.attentions:
            raise self.refused(name, NOT_FOUND)
        half = self.dtype in HALVES
        try:
            seen = self.seen(name, method, still, wide=half)
        except Exception:
            if not half:
                raise
            seen = self.seen(name, method, still, wide=False)  # the attention or the method does not compute in fp32
        if not seen:
            raise self.refused(name, f"it changes nothing in layers with full attention (tried with {shown(method)}): they do not see it")

    def seen(self, name: str, method: Method, still: Method | None, wide: bool) -> bool:
        """Whether what some attention returns is changed by the method: by more than rounding, and than by `still`.

        wide: compute attention in fp32, where the rounding of half precision does not hide small changes.
        """
        plain = self.outputs(wide)

        def effects(tried: Method) -> dict[nn.Module, float]:
            with method_applied(name, tried, self.model):
                found = self.outputs(wide)
            return {m: rms(found[m] - out) / max(rms(out), 1e-30) for m, out in plain.items() if m in found}

        floor = effects(still) if still else {}
        least = CHANGE[torch.float32 if wide else self.dtype]
        return any(effect > max(least, ABOVE * floor.get(m, 0.0)) for m, effect in effects(method).items())

    def own(self, name: str, method: Method) -> None:
        with method_applied(name, method, self.model):
            found = self.logits()
            if not found.isfinite().all() and self.plain.isfinite().all():
                raise self.refused(name, "its predictions are not finite")
            apart = self.cached(found) if method.shares_prefix and self.plain_cached is not None else None
        if apart is not None and self.plain_cached is not None and not apart <= max(self.noise, 3 * self.plain_cached):
            raise self.refused(name, "with a cache its predictions are others than without, although it says that prompts can share one")
        if not self.distance(self.logits(), self.plain) <= self.noise / 10:
            raise self.refused(name, "the model is not as before when it ends")

    def logits(self) -> torch.Tensor:
        """The predictions [TOKENS, vocabulary], fp32."""
        more = {"decoder_input_ids": self.ids} if self.model.config.is_encoder_decoder else {}
        return self.model(input_ids=self.ids, use_cache=False, **more).logits[0].float()

    def cached(self, whole: torch.Tensor) -> float | None:
        """How far predictions with a cache are from `whole`; None for a model that returns no cache."""
        if self.model.config.is_encoder_decoder:
            return None
        with only_beginning():
            cache = getattr(self.model(input_ids=self.ids[:, :FIRST], use_cache=True), "past_key_values", None)
        if cache is None:
            return None
        rest = self.model(input_ids=self.ids[:, FIRST:], past_key_values=cache, use_cache=True).logits[0].float()
        return self.distance(rest, whole[FIRST:])

    def distance(self, a: torch.Tensor, b: torch.Tensor) -> float:
        """Root mean square of a token's difference, relative to that of `b`; the upper quartile of all tokens.

        So a few tokens may take another expert because of rounding.
        """
        apart = (a - b).square().mean(-1).sqrt() / b.square().mean(-1).sqrt().clamp(min=1e-12)
        return float(apart.quantile(0.75))

    def outputs(self, wide: bool) -> dict[nn.Module, torch.Tensor]:
        """What each attention with all tokens in view returns for the plain model's inputs, so that layers below do not matter.

        wide: as fp32 computes it, from the same weights and inputs.
        """
        found: dict[nn.Module, torch.Tensor] = {}
        given = {m: x.float() if wide else x for m, x in self.inputs.items()}
        with hooked(self.attentions, lambda m, _: given[m], found.setdefault), in_fp32(self.attentions if wide else []):
            self.logits()
        return found


def rms(x: torch.Tensor) -> float:
    """Return the root mean square."""
    return float(x.square().mean().sqrt())


def full_attentions(model: Any) -> list[nn.Module]:
    """Return the text decoder's attention modules whose window, if they have one, is no shorter than the model's.

    Recognised by their names; of nested ones, the outer. Layers of other kinds (state-space, convolution) are left out.
    """
    prefix, decoder = text_decoder(model)
    kinds, config = layer_kinds(model), text_config(model)
    window, short = window_of_layers(config), not covers_all(config)
    found: dict[str, nn.Module] = {}
    for name, module in decoder.named_modules(prefix=prefix):
        kind = kinds[layer_index(name)] if kinds else ""
        leaf = next((part for part in reversed(name.split(".")) if not part.isdecimal()), "")  # LongCat Flash has lists of two in a layer
        if leaf not in ATTENTIONS or isinstance(module, nn.ModuleList) or not len(list(module.children())) or kind in WITHOUT_HEADS:
            continue
        if any(name.startswith(f"{outer}.") for outer in found):
            continue
        # without kinds of layers, a window in the configuration is that of all of them
        all_slide = getattr(module, "is_sliding", None) is None and window
        slid = kind in WINDOWED if kind else slides(module, {}) or all_slide
        if not (slid and short):
            found[name] = module
    return list(found.values())


def shown(method: Method) -> str:
    """Return a method's settings in short: 'group=4, neighbours=16'."""
    fields = dataclasses.fields(method)  # type: ignore[arg-type]
    return ", ".join(f"{field.name}={getattr(method, field.name)}" for field in fields)
