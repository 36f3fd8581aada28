"""What results record about the engine: under `seal_eval` in the `config` of lm-eval's results file."""

from typing import TYPE_CHECKING, Any

import torch

from seal_eval import __version__
from seal_eval.baselines import settings
from seal_eval.core.about import checked_about
from seal_eval.harness.dataset import material_versions
from seal_eval.harness.machine import hardware
from seal_eval.harness.planned import SUITE
from seal_eval.models.timing import choices
from seal_eval.prompts.prompt import end_token

if TYPE_CHECKING:
    from seal_eval.harness.seal_lm import SealLM


def recorded(engine: "SealLM") -> dict[str, Any]:
    """Return what identifies the model and the method, and what the replies and their speed depend on."""
    limited = engine.batch_limit < int(engine.batch_size)
    return {
        "version": __version__,
        "model": engine.model_label,
        "model_source": engine.model_source,
        "model_content": engine.model_content,
        "trained_window": engine.trained_window,
        "suite": SUITE.get(),
        "method": engine.method_name,
        "settings": settings(engine.method),
        "about": checked_about(engine.method_name, engine.method),
        "attention": engine.attention,
        "max_length": engine.max_length,
        "prefix_sharing": engine.unshared or True,
        "ends_prompts_with": end_token(engine.tokenizer, engine.tok_encode("Question")),
        "torch": torch.__version__,
        "material": material_versions(),
        "device": str(engine.device),
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
        "pace": engine.together.told(),
        **({"processes": engine.world_size} if engine.world_size > 1 else {}),
        **({"timed": timed} if (timed := choices()) else {}),
        **({"generation": engine.penalties} if engine.penalties else {}),
        **({"batch_limit": engine.batch_limit} if limited else {}),
    }
