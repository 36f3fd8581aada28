"""DySCO: Ye et al. 2026, "DySCO: Dynamic Attention-Scaling Decoding for Long-Context LMs", arXiv 2602.22175."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Gt, Le

from seal_eval.baselines.rule import By, FromMap
from seal_eval.core.settings import Count, Factor, Share
from seal_eval.models.attention import check_attends_fully
from seal_eval.models.modules import attention_layers


@dataclass(frozen=True)
class Dysco(FromMap):
    """Each token of the reply is computed twice. First plainly: the mean attention of a map's `top` heads says which tokens matter now.

    Their importance is a <- normalised(attention + decay * a), so that earlier steps count less and less; it begins with the prompt's last
    `warmup` tokens. The most important tokens that together have at most the share `nucleus`, and at most `keys` of them, are chosen. Then
    the token is computed again with ln(strength) added to the scores of the chosen tokens and of itself, in every head with full
    attention. The rest of the prompt is read plainly. Its last token writes the first of the reply, so it is computed twice too.

    The paper's heads are QRHeads, and its authors never choose tokens of the chat template; here heads come from a map (of copy scores,
    for heads like theirs), and template tokens may be chosen. The defaults are the authors' for Llama-3.1-8B.

    heads: folder written by `seal-eval heads`. by: the scores in it that count; '' for the exact effects, else the predicted ones, else the
    copy scores. top: the number of heads that are asked. strength: the factor on the attention to chosen tokens. decay: the share of the
    earlier importance that stays at each token. nucleus, keys: the share of all importance, and the number of tokens, that are chosen at
    most. warmup: the prompt's last tokens, with which importance begins.
    """

    title: ClassVar[str] = "DySCO"
    summary: ClassVar[str] = "while replying, adds attention to the tokens that retrieval heads attend to"
    citation: ClassVar[str] = "Ye et al. 2026, DySCO, arXiv 2602.22175"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True
    while_decoding = True
    neutral: ClassVar[Mapping[str, Any]] = {"strength": 1.0}

    heads: str
    top: Count = 16
    strength: Factor = 2.0
    decay: Share = 0.75
    nucleus: Annotated[float, Gt(0), Le(1)] = 0.975
    keys: Count = 4096
    warmup: Count = 8
    by: By = ""

    @property
    def last_together(self) -> int:  # type: ignore[override]
        """The tokens with which importance begins; a pass that reads one token alone continues a reply."""
        return max(2, self.warmup)

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        from seal_eval.models.two_pass import Importance, two_passes

        check_attends_fully(model)
        scores = self.scores(model)
        best = scores.flatten().argsort(descending=True, stable=True)[: self.top].tolist()
        layers = attention_layers(model)  # a hybrid has fewer rows in its map than layers
        chosen = [(layers[row], head) for row, head in (divmod(index, scores.shape[1]) for index in best)]
        if self.strength == 1:  # nothing would be added
            yield model
            return
        importance = Importance(self.decay, self.nucleus, self.keys)
        with two_passes(model, chosen, importance, self.warmup, math.log(self.strength)):
            yield model
