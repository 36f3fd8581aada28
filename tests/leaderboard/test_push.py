"""Adapters and checkpoints go to the hub: against a server that answers as the hub does, on its address in HF_ENDPOINT."""

import base64
import hashlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from seal_eval.core.errors import SealError
from seal_eval.leaderboard.push import files_of, renamed
from seal_eval.results.records import load_runs
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.tune import tune

from conftest import seal_eval

TOKEN = "hf_" + "t" * 34


class Hub(BaseHTTPRequestHandler):
    """Keeps what is uploaded: small files come in the commit, weights by LFS, as on the hub."""

    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.git-lfs+json" if "lfs" in self.path else "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        hub, body = self.server, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            hub.repos.append(asked)
            self.answer({"url": f"http://{self.headers['Host']}/me/{asked['name']}"})
        elif self.path == "/api/validate-yaml":
            hub.validated.append(json.loads(body)["content"])
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [
                {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular", "shouldIgnore": False}
                for f in json.loads(body)["files"]
            ]
            self.answer({"files": files})
        elif self.path.endswith("/objects/batch"):
            href = f"http://{self.headers['Host']}/lfs/"
            objects = [{**o, "actions": {"upload": {"href": href + o["oid"]}}} for o in json.loads(body)["objects"]]
            self.answer({"transfer": "basic", "objects": objects})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    hub.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    hub.files[value["path"]] = hub.objects[value["oid"]]
                else:
                    hub.messages.append(value["summary"])
            root = f"http://{self.headers['Host']}/me/adapter"
            self.answer({"success": True, "commitOid": "0" * 40, "commitUrl": f"{root}/commit/{'0' * 40}", "hookOutput": ""})
        else:
            self.answer({"error": f"unknown {self.path}"}, 404)

    def do_PUT(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.objects[hashlib.sha256(data).hexdigest()] = data
        self.answer({})


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.repos, server.validated, server.files, server.objects, server.messages = [], [], {}, {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, tiny_folder):
    """(adapter, results of plain and of the adapter)."""
    place = tmp_path_factory.mktemp("push")
    tune(str(tiny_folder), TuneSpec(recipe="fixed", length=420, samples=2, validation=1), place / "adapter")
    for method in ("plain", f"seal,adapter={place / 'adapter'}"):
        seal_eval(
            "run", "--model_args", f"pretrained={tiny_folder},method={method}", "--tasks", "seal_lines", "--metadata",
            '{"lengths": [450], "num_samples": 6}', "--output_path", place / "results", "--device", "cpu",
        )  # fmt: skip
    return place / "adapter", place / "results"


def pushed(hub, *args, token=TOKEN, code=0):
    """`seal-eval push` with the hub's address; the real program, because huggingface_hub reads it when it is imported."""
    own = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    env = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    return seal_eval("push", *args, env={**own, **env}, code=code, start=True)


def test_an_adapter_with_what_it_gains(hub, tuned, tiny_folder):
    adapter, results = tuned
    more = ("--base-model", "lab/tiny-llama", "--results", results, "--dataset", "lab/long-context", "--private")
    done = pushed(hub, adapter, "me/adapter", *more)
    assert done.stdout.strip().endswith(f"/commit/{'0' * 40}") and TOKEN not in done.stdout + done.stderr
    (made,) = hub.repos
    assert (made["name"], made["organization"]) == ("adapter", "me") and (made.get("private") or made.get("visibility") == "private"), made
    assert set(hub.files) == {*(f.name for f in adapter.iterdir() if f.name != ".lock"), ".eval_results/seal-eval.yaml"}
    assert hub.files["adapter_model.safetensors"] == (adapter / "adapter_model.safetensors").read_bytes()
    config = json.loads(hub.files["adapter_config.json"])
    assert config == json.loads((adapter / "adapter_config.json").read_text()) | {"base_model_name_or_path": "lab/tiny-llama"}
    readme = hub.files["README.md"].decode()
    assert hub.validated and readme.startswith("---\nbase_model: lab/tiny-llama\n") and "## What it gains" in readme
    assert str(tiny_folder.parent) not in "".join(text.decode(errors="replace") for text in hub.files.values())
    run = next(run for run in load_runs(results) if run.method == "seal")
    right = sum(record.score for record in run.records)
    (entry,) = yaml.safe_load(hub.files[".eval_results/seal-eval.yaml"])
    assert (entry["dataset"]["id"], entry["dataset"]["task_id"]) == ("lab/long-context", "seal_lines_450")
    assert entry["value"] == round(100 * right / 6, 1) and "n = 6" in entry["notes"] and entry["date"]
    assert "| seal_lines | 450 | " in readme


def test_a_dry_run_asks_nobody(hub, tuned):
    done = pushed(hub, tuned[0], "me/adapter", "--base-model", "lab/tiny-llama", "--dry-run")
    assert "adapter_model.safetensors" in done.stdout and "base_model: lab/tiny-llama" in done.stdout
    assert not hub.repos and not hub.files


def test_a_token_that_is_refused(hub, tuned):
    done = pushed(hub, tuned[0], "me/adapter", "--base-model", "lab/tiny-llama", token="hf_wrong", code=1)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("seal-eval: ")]
    assert "me/adapter was not pushed: " in line and "401" in line and "HF_TOKEN" in line
    assert "hf_wrong" not in done.stderr and not hub.files


def test_a_folded_checkpoint(tuned, tiny_folder, tmp_path):
    seal_eval("merge", "--model", tiny_folder, "--adapter", tuned[0], "--out", tmp_path / "folded")
    with pytest.raises(SealError, match=r"names its base model .* which others do not have"):
        files_of(tmp_path / "folded")
    files = files_of(tmp_path / "folded", base_model="lab/tiny-llama")
    said = (files["README.md"] + files["seal_eval.json"]).decode()
    assert str(tiny_folder) not in said and said.count("lab/tiny-llama") >= 3
    assert set(files) == {f.name for f in (tmp_path / "folded").iterdir() if f.name != ".lock"} and "model.safetensors" in files
    with pytest.raises(SealError, match="is no adapter; --results is for adapters"):
        files_of(tmp_path / "folded", base_model="lab/x", results=tuned[1])


def test_what_is_refused(tuned, results, tmp_path):
    adapter, own = tuned
    for wrong, said in (
        ({"folder": tmp_path}, "push a folder that seal-eval tune or seal-eval merge has written"),
        ({"folder": adapter}, "which others do not have; name it on the hub: --base-model OWNER/NAME"),
        ({"folder": adapter, "base_model": "no id"}, "is no id on the hub"),
        ({"folder": adapter, "base_model": "lab/x", "dataset": "lab/y"}, "pass both"),
        ({"folder": adapter, "base_model": "lab/x", "results": results}, "holds no run of this adapter"),
        ({"folder": adapter, "base_model": "lab/x", "results": next(own.glob("*__seal"))}, "holds no plain run"),
    ):  # fmt: skip
        with pytest.raises(SealError, match=said):
            files_of(**wrong)
    assert "is no id on the hub" in seal_eval("push", adapter, "adapter", code=1).stderr


def test_an_edited_readme_is_kept(tuned, tmp_path):
    import shutil

    shutil.copytree(tuned[0], tmp_path / "mine")
    readme = tmp_path / "mine" / "README.md"
    readme.write_text(readme.read_text() + "\nMy own words.\n")
    text = files_of(tmp_path / "mine", base_model="lab/tiny-llama")["README.md"].decode()
    assert "My own words." in text and "lab/tiny-llama" in text


@pytest.mark.parametrize(("text", "kept"), [
    ("base: tiny. Of tiny, not tiny-seal or my/tiny.", "base: lab/tiny. Of lab/tiny, not tiny-seal or my/tiny."),
    ("./tiny/x, tiny.bin, tinytiny, `tiny` (lab/tiny)", "./tiny/x, tiny.bin, tinytiny, `lab/tiny` (lab/tiny)"),
])  # fmt: skip
def test_a_models_name_inside_other_words_stays(text, kept):
    assert renamed(text, "tiny", "lab/tiny") == kept
    assert renamed(text, "", "lab/tiny") == text
    assert renamed("/data/a+b/x here", "/data/a+b", r"lab/\1") == r"lab/\1/x here"
