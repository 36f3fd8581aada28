"""Settings with which every method is tested, and folders of tuned methods for small random models."""

import torch

from seal_eval.baselines import take_method
from seal_eval.core.files import write_json
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.parameters import trainable

from conftest import tiny_model

# (settings that must change nothing, settings that must change something) for 90 tokens
CASES = {
    "linear": ({"factor": 1.0}, {"factor": 4.0}),
    "ntk": ({"factor": 1.0}, {"factor": 4.0}),
    "dynamic_ntk": ({"factor": 4.0, "original": 128}, {"factor": 2.0, "original": 64}),
    "yarn": ({"factor": 1.0, "original": 64}, {"factor": 4.0, "original": 64}),
    "self_extend": ({"group": 1, "neighbours": 16}, {"group": 4, "neighbours": 16}),
    "streaming": ({"sinks": 4, "recent": 512}, {"sinks": 4, "recent": 24}),
    "dual_chunk": ({"chunk": 600, "local": 100}, {"chunk": 30, "local": 8}),
    "logn": ({"original": 2048}, {"original": 16}),
    "temperature": ({"factor": 1.0}, {"factor": 0.5, "form": "log"}),
    "string": ({"shift": 24, "local": 24}, {"shift": 24, "local": 4}),
    "ms_poe": ({"least": 1.0, "most": 1.0, "skip": 0}, {"least": 1.2, "most": 1.8, "skip": 0}),
}


MADE = ("seal", "rule", "lora", "dora", "duo", "dysco")  # methods read from a folder


IDS = torch.arange(2, 92)[None] * 7 % 900


def method(name, **own):
    return take_method({"method": name, **own})[1]


@torch.no_grad()
def logits(model, ids=IDS, **kwargs):
    return model(ids, **kwargs).logits


def close(a, b):
    return torch.allclose(a, b, atol=3e-5 * float(b.abs().max()), rtol=0)


def made(name, kind, strength, folder):
    """Write the folder of a method for this architecture; return the method's settings. Strength 0 changes nothing."""
    folder.mkdir()
    if name in ("rule", "duo", "dysco"):
        effect = torch.linspace(-1, 1, 12).reshape(3, 4).tolist()
        write_json(folder / "heads.json", {"gradient": effect})
        if name == "dysco":
            return {"heads": str(folder), "top": 5, "strength": 1.0 + 7 * strength, "nucleus": 0.6}
        if name == "duo":
            return {"heads": str(folder), "share": 1 - 0.6 * strength, "sinks": 4, "recent": 16}
        return {"heads": str(folder), "up": 1 + 0.5 * strength, "down": 1 - 0.5 * strength}
    with trainable(tiny_model(kind), TuneSpec(recipe="fixed", method=name)) as trained:
        generator = torch.Generator().manual_seed(1)
        start = trained.state()
        trained.load({n: t + strength * 0.2 * torch.randn(t.shape, generator=generator) for n, t in start.items()})
        trained.save(folder, {"model": kind})
    return {"adapter": str(folder)}
