"""Log-likelihood tasks with methods that act on the cache, while decoding, or by the other texts of a batch."""

import re

import pytest
from lm_eval.api.instance import Instance

from seal_eval.core.errors import SealError
from seal_eval.harness.seal_lm import SealLM

from method_cases import made

FORGETS = """
from contextlib import contextmanager
from dataclasses import dataclass
from seal_eval.core.plugins import Method

@dataclass(frozen=True)
class Forgets(Method):
    summary = "reads records first"
    record_first = True

    @contextmanager
    def apply(self, model):
        yield model
"""
TEXTS = [("The first king of the land was", " old."), ("One", " two three four five six seven eight nine ten eleven."), ("A b", " c d")]


def asked(kind="loglikelihood"):
    given = TEXTS if kind == "loglikelihood" else [(a + b,) for a, b in TEXTS]
    return [Instance(kind, {}, args, i, metadata=("hellaswag", i, 1)) for i, args in enumerate(given)]


def engine(tiny_folder, method, batch_size=1, **own):
    return SealLM(str(tiny_folder), method=method, device="cpu", batch_size=batch_size, **own)


@pytest.mark.parametrize("method", ["dysco", "forgets", "ntk+dysco"])
def test_methods_that_would_not_act_are_refused(tiny_folder, tmp_path, method):
    own = made("dysco", "llama", 1.0, tmp_path / "map") if "dysco" in method else {}
    (tmp_path / "f.py").write_text(FORGETS)
    name = f"{tmp_path}/f.py:Forgets" if method == "forgets" else method
    lm = engine(tiny_folder, name, selftest=False, **own)
    for kind in ("loglikelihood", "loglikelihood_rolling"):
        with pytest.raises(SealError, match=f"'hellaswag' scores .* method '{re.escape(name)}' .* plain model's"):
            getattr(lm, kind)(asked(kind), disable_tqdm=True)


@pytest.mark.parametrize("method", ["ms_poe", "ms_poe+seal"])
def test_a_method_that_goes_by_the_prompts_last_token_is_refused(tiny_folder, adapter, method):
    """In one pass over prompt and answer, Ms-PoE orders its heads by the answer's last token."""
    lm = engine(tiny_folder, method, selftest=False, **({"adapter": str(adapter)} if "seal" in method else {}))
    with pytest.raises(SealError, match=f"'hellaswag' scores .* method '{re.escape(method)}' goes by the prompt's last token"):
        lm.loglikelihood(asked(), disable_tqdm=True)


@pytest.mark.parametrize(
    ("method", "own"), [(name, {"factor": 4.0, "original": 8, "selftest": False}) for name in ("dynamic_ntk", "dynamic_ntk+seal")]
)
def test_scores_do_not_depend_on_the_batch(tiny_folder, adapter, capsys, method, own):
    own = own | ({"adapter": str(adapter)} if "seal" in method else {})
    for kind in ("loglikelihood", "loglikelihood_rolling"):
        one, four = (getattr(engine(tiny_folder, method, n, **own), kind)(asked(kind), disable_tqdm=True) for n in (1, 4))
        assert one == four
    assert f"method '{method}' depends on the texts of a batch; log-likelihoods are scored one by one" in capsys.readouterr().err


def test_other_methods_keep_their_batch(tiny_folder, capsys):
    lm = engine(tiny_folder, "self_extend", 4)
    assert len(lm.loglikelihood(asked(), disable_tqdm=True)) == 3 and lm.batch_size == 4
    assert "one by one" not in capsys.readouterr().err
