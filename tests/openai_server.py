"""A small OpenAI-compatible server around a real model: completions, chat completions and its list of models, with faults on demand."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch


class ModelServer:
    """A server as a context manager: `url` is its root. faults: what happens to the next requests, one by one ('' for none).

    Faults: a status; '429' with Retry-After; 'hang' until the server ends; 'cut' in the middle of the answer; 'html'; 'choices'; 'abort'
    and 'error' as finish reason. `seen`: the payloads answered.
    limit: tokens that are read of a prompt, the rest is dropped without a word, as some servers do. newer: max_tokens is refused, as by
    OpenAI's newer models.
    """

    def __init__(self, model, tokenizer, name="tiny", window=2048, key="", listed=True, limit=None, owner="vllm", newer=False):
        self.model, self.tokenizer, self.name, self.window, self.key = model, tokenizer, name, window, key
        self.listed, self.limit, self.owner, self.newer = listed, limit, owner, newer
        self.faults, self.seen, self.most, self.now = [], [], 0, 0
        self.lock, self.over = threading.Lock(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def send(self, status, body, **headers):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                if not outer.allowed(self.headers):
                    return self.send(401, {"error": {"message": "no such key"}})
                if self.path != "/v1/models" or not outer.listed:
                    return self.send(404, {"detail": "Not Found"})
                return self.send(200, {"data": [{"id": outer.name, "owned_by": outer.owner, "max_model_len": outer.window}]})

            def do_POST(self):
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    fault = outer.faults.pop(0) if outer.faults else ""
                    outer.now += 1
                    outer.most = max(outer.most, outer.now)
                try:
                    self.answer(payload, fault)
                finally:
                    with outer.lock:
                        outer.now -= 1

            def answer(self, payload, fault):
                if not outer.allowed(self.headers):
                    return self.send(401, {"error": {"message": "no such key"}})
                if fault == "hang":
                    outer.over.wait()
                    self.close_connection = True
                    return None
                if fault == "429":
                    return self.send(429, {"error": {"message": "slow down"}}, **{"Retry-After": "0.2"})
                if fault.isdigit():
                    return self.send(int(fault), {"error": {"message": f"fault {fault}"}})
                if fault == "html":
                    return self.send(200, b"<html>gateway</html>")
                status, body = outer.complete(payload, chat=self.path.endswith("/chat/completions"))
                if fault == "choices":
                    body["choices"] = []
                if fault in ("abort", "error"):
                    body["choices"][0]["finish_reason"] = fault
                if fault == "cut":
                    data = json.dumps(body).encode()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data[: len(data) // 2])
                    self.close_connection = True
                    return None
                return self.send(status, body)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def allowed(self, headers):
        return not self.key or headers.get("Authorization") == f"Bearer {self.key}"

    def complete(self, payload, chat):
        """Return (status, answer): greedy, cut at the first stop string."""
        if self.newer and "max_tokens" in payload:
            return 400, {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}
        payload = payload | {"max_tokens": payload.get("max_tokens") or payload["max_completion_tokens"]}
        if payload["model"] != self.name:
            return 404, {"error": {"message": f"The model `{payload['model']}` does not exist."}}
        if chat:
            going_on = payload.get("continue_final_message", False)
            text = self.tokenizer.apply_chat_template(
                payload["messages"], tokenize=False, add_generation_prompt=not going_on, continue_final_message=going_on
            )
            ids = self.tokenizer(text, add_special_tokens=False).input_ids
        else:
            ids = payload["prompt"] if isinstance(payload["prompt"], list) else self.tokenizer(payload["prompt"]).input_ids
        if len(ids) + payload["max_tokens"] > self.window:
            return 400, {"error": {"message": f"maximum context length is {self.window} tokens, you asked for {len(ids)}"}}
        ids = ids[-self.limit :] if self.limit else ids
        with self.lock, torch.no_grad():
            out = self.model.generate(
                torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids)),
                max_new_tokens=payload["max_tokens"],
                do_sample=False,
                pad_token_id=0,
            )
            self.seen.append(payload)
        text = self.tokenizer.decode(out[0][len(ids) :], skip_special_tokens=True)
        for stop in payload.get("stop") or []:
            text = text.split(stop)[0]
        said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return 200, {"choices": [{"index": 0, **said}], "usage": {"prompt_tokens": len(ids)}}

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        with contextlib.suppress(OSError):
            self.http.shutdown()
            self.http.server_close()
