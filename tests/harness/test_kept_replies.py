"""lm-eval's --use_cache finds replies by a task's prompt and options: only a run of ours keeps those of other settings apart."""

import pytest
from lm_eval.api.model import CachingLM

from seal_eval.core.errors import SealError
from seal_eval.harness.reply_log import recording
from seal_eval.harness.seal_lm import SealLM
from seal_eval.harness.served import Served

from conftest import seal_eval


def test_by_itself_an_engine_takes_no_cache(tiny_folder, tmp_path):
    """Stock lm_eval would answer for another method, model or budget with the replies of the first."""
    with pytest.raises(SealError, match=r"^--use_cache: lm-eval finds cached replies by their prompt alone, .* use seal-eval run"):
        CachingLM(SealLM(str(tiny_folder), device="cpu"), str(tmp_path / "cache.db"))
    assert Served.set_cache_hook is SealLM.set_cache_hook


def test_replies_are_kept_when_they_have_ended(tiny_folder, tmp_path):
    with recording(tmp_path):
        engine = SealLM(str(tiny_folder), device="cpu")
        cached = CachingLM(engine, str(tmp_path / "cache.db"))
    engine.cache_hook.add_partial("generate_until", ("prompt", {}), "1995. And then")
    assert not len(cached.dbdict)
    engine.cache_hook.add_partial("loglikelihood", ("prompt", "end"), (-1.0, True))
    assert len(cached.dbdict) == 1


def test_runs_of_other_budgets_have_other_caches(tiny_folder, tmp_path):
    """The prompts of seal_lines are the same, and lm-eval knows the task's own budget alone."""
    for budget in (40, 50):
        seal_eval(
            "run", "--model_args", f"pretrained={tiny_folder}", "--tasks", "seal_lines", "--use_cache", tmp_path / "cache",
            "--metadata", f'{{"lengths": [450], "num_samples": 1, "answer_tokens": {budget}}}', "--output_path", tmp_path / str(budget),
            "--device", "cpu",
        )  # fmt: skip
    assert len(list(tmp_path.glob("cache-*.db"))) == 2
