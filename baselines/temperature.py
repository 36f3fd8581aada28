"""Attention temperature: a factor on the scores before the softmax, constant (YaRN's) or growing with the text (Scalable-Softmax)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from seal_eval.core.plugins import Method
from seal_eval.core.settings import Positive
from seal_eval.models.query_scale import scaled_queries


@dataclass(frozen=True)
class Temperature(Method):
    """Scores of layers with full attention are multiplied by `factor`, or by factor * ln(n), where n is the number of tokens a query sees.
    Models that cap their scores (Gemma 2) cap the product.

    form: 'constant' for a factor alone. YaRN's temperature for a window extended s times is the factor (0.1 ln(s) + 1)^2, because YaRN
    multiplies queries and keys by the root (Peng et al. 2023, arXiv 2309.00071, equation 22); where only a part of each head is rotated
    (Phi, GLM, GPT-NeoX), yarn multiplies that part alone, as transformers and vLLM do. 'log' for Scalable-Softmax, whose factor s
    is learned in its paper, about 0.43 (equation 2). A model that was trained without it keeps its sharpness at L tokens with
    factor = 1 / ln(L). The method `logn` differs in one thing: it leaves queries within the trained window as they are.
    """

    summary: ClassVar[str] = "multiplies attention scores by a constant, or by the logarithm of the number of tokens"
    citation: ClassVar[str] = "Nakanishi 2025, Scalable-Softmax, arXiv 2501.19399; Peng et al. 2023, YaRN, arXiv 2309.00071"
    changes: ClassVar[str] = "attention"
    shares_prefix: ClassVar[bool] = True
    neutral: ClassVar[Mapping[str, Any]] = {"factor": 1.0, "form": "constant"}
    active: ClassVar[Mapping[str, Any]] = {"factor": 0.5, "form": "constant"}

    factor: Positive
    form: Literal["constant", "log"] = "constant"

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        with scaled_queries(model, lambda n: self.factor * n.log() if self.form == "log" else self.factor):
            yield model
