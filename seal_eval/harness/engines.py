"""Engines: the lm-eval model classes that a run can use, the arguments that each needs, and the folder of a run's files."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seal_eval.baselines import take_method
from seal_eval.core.errors import SealError, nearest
from seal_eval.core.names import ENGINE, method_label, safe
from seal_eval.harness.served_args import served_args
from seal_eval.harness.vllm import vllm_args
from seal_eval.models.hub import resolve
from seal_eval.models.placement import LOW_BITS, check_dtype, check_low_bits

TOKENS = ("token", "hf_token", "use_auth_token")  # arguments of transformers and vLLM that hold an access token of the hub


@dataclass(frozen=True)
class Engine:
    """One of lm-eval's model classes (`--model NAME`).

    applies_methods: the engine applies `method=` to the model. Other engines run a checkpoint unchanged.
    loads_checkpoint: the model is `pretrained=`, a short name, folder or hub id. Other engines (served models) name it in `model=`.
    logs_replies: the engine writes replies to the log of `reply_log` itself. For other engines `logged` does so.
    """

    name: str
    applies_methods: bool = False
    loads_checkpoint: bool = False
    logs_replies: bool = False

    def prepare(self, model_args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments for lm-eval's class.

        Raises SealError for a missing model, a method or type of weights that the engine cannot apply, and an argument that is not allowed.
        """
        args = dict(model_args)
        if key := next((key for key in TOKENS if self.name != "served" and isinstance(args.get(key), str)), ""):
            raise SealError(f"--model_args {key}=…: put the token into HF_TOKEN; model_args are written into the results")
        if self.loads_checkpoint and not isinstance(args.get("pretrained"), str):
            raise SealError("no model: pass --model_args pretrained=SHORT_NAME_FOLDER_OR_HUB_ID")
        if self.loads_checkpoint and Path(place := args["pretrained"]).name in ("", ".."):
            raise SealError(
                f"pretrained={place}: results are called by the folder's name; write its path, pretrained={Path(place).resolve()}"
            )
        if self.loads_checkpoint and args.get("dtype") is not None:
            check_dtype(str(args["dtype"]))
        if (bits := args.get("dtype")) in LOW_BITS:
            if not self.applies_methods:
                raise SealError(
                    f"--model {self.name}: dtype {bits} is a type of --model {ENGINE} alone; leave --model out, or choose another dtype"
                )
            check_low_bits(str(bits))
        if self.applies_methods:
            from seal_eval.harness.task_config import refuse_ambiguous  # not above: it imports torch

            refuse_ambiguous(args)
            take_method(args)
            return args
        method = args.pop("method", "plain")
        if method != "plain":
            raise SealError(
                f"--model {self.name} runs checkpoints only: fold method '{method}' first with seal-eval merge, then name its folder, "
                f"or leave --model out"
            )
        if self.loads_checkpoint and args.get("enable_thinking") is True and not args.get("think_end_token"):
            # without think_end_token lm-eval's classes refuse the argument, and with it they cut out the thinking; so it goes another way
            args["chat_template_args"] = {**(args.get("chat_template_args") or {}), "enable_thinking": args.pop("enable_thinking")}
        if self.name == "vllm":
            return vllm_args(args)
        if self.name == "served":
            if missing := [name for name in ("aiohttp", "requests", "tenacity") if find_spec(name) is None]:
                raise SealError(f"--model served needs {', '.join(missing)}: pip install 'lm-eval[api]'")
            return served_args(args)
        return {**args, "pretrained": resolve(args["pretrained"])} if self.loads_checkpoint else args

    def names_model(self, name: str, dtype: str) -> dict[str, Any]:
        """Return the arguments that name a model: its checkpoint and the type of its weights, or how a server calls it."""
        return {"pretrained": name, "dtype": dtype} if self.loads_checkpoint else {"model": name}

    def subject(self, model_args: Mapping[str, Any]) -> str:
        """Return the name of the evaluated model as the user wrote it: the checkpoint or the served model, else the engine's name."""
        return str(model_args.get("pretrained") or model_args.get("model") or self.name)

    def folder(self, out: Path, model_args: Mapping[str, Any]) -> Path:
        """Return the folder of a run's files: `out`/MODEL__METHOD."""
        return out / f"{safe(self.subject(model_args))}__{safe(method_label(self.name, dict(model_args)))}"


OWN = (  # engines that this package knows more about than their name
    Engine(ENGINE, applies_methods=True, loads_checkpoint=True, logs_replies=True),
    Engine("hf", loads_checkpoint=True),
    Engine("vllm", loads_checkpoint=True),
    Engine("served", logs_replies=True),
)


def register() -> None:
    """Register `--model seal` and `--model served` with lm-eval in this process. An engine is imported only when it is used."""
    import lm_eval.models  # noqa: F401  must come first, or lm-eval's own models are not registered
    from lm_eval.api.registry import model_registry

    for name, target in ((ENGINE, "seal_eval.harness.seal_lm:SealLM"), ("served", "seal_eval.harness.served:Served")):
        if name not in model_registry:
            model_registry.register(name, target=target)


def get_engine(name: str) -> Engine:
    """Return the engine for the name of an lm-eval model class. Raises SealError for a name that lm-eval does not have."""
    for engine in OWN:
        if engine.name == name:
            return engine
    register()
    from lm_eval.api.registry import model_registry

    if name not in model_registry:
        raise SealError(f"engine '{name}' is not a model class of lm-eval{nearest(name, [*model_registry])}")
    return Engine(name)
