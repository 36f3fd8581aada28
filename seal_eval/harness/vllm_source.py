"""Facts about vLLM that are read from its source: from the installed one, because importing it takes long, or else as recorded here."""

import ast
import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

ARGUMENTS, WINDOWS = "engine/arg_utils.py", "config/model.py"  # files in the package vllm
RECORDED = Path(__file__).with_name("vllm_args.json")  # written by benchmarks/vllm_args.py
# rope types whose factor vLLM 0.32 and 0.33 do not multiply a configuration's length by
COUNTED = ("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling")


def installed_args() -> list[str]:
    """Return the fields of the installed vLLM's EngineArgs; [] without vLLM."""
    return fields_of(source("vllm", ARGUMENTS))


@lru_cache(maxsize=1)
def recorded_args() -> list[str]:
    """Return the arguments that at least one of the recorded versions of vLLM has."""
    return list(json.loads(RECORDED.read_text(encoding="utf-8"))["arguments"])


def fields_of(tree: ast.AST) -> list[str]:
    """Return the fields of the class EngineArgs in a syntax tree; [] when there is no such class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "EngineArgs":
            return [field.target.id for field in node.body if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)]
    return []


def counted_types() -> tuple[str, ...]:
    """Return the rope types whose factor is already in a configuration's length, for the installed vLLM; COUNTED without vLLM.

    They stand in `_get_and_verify_max_len` as `rope_type not in (…)`. Versions before 0.32 may have fewer.
    """
    for function in ast.walk(source("vllm", WINDOWS)):
        if isinstance(function, ast.FunctionDef) and function.name == "_get_and_verify_max_len":
            for node in ast.walk(function):
                if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotIn) and isinstance(node.comparators[0], ast.Tuple):
                    return tuple(str(item.value) for item in node.comparators[0].elts if isinstance(item, ast.Constant))
    return COUNTED


def source(package: str, file: str) -> ast.AST:
    """Return the syntax tree of a file of an installed package; an empty one when it is not there."""
    found = find_spec(package)
    path = Path(next(iter(found.submodule_search_locations))) / file if found and found.submodule_search_locations else None
    return ast.parse(path.read_text(encoding="utf-8") if path and path.is_file() else "")
