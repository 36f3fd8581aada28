"""A submission to forge, and the changes that forgers make (test_forged.py)."""

import gzip
import json

from seal_eval.core.files import sha256


class Forged:
    """A packed submission of one run, to be changed in place. `pack` brings hashes, names and manifest up to date, as a forger would."""

    def __init__(self, folder):
        self.folder = folder
        (self.results,) = folder.glob("*/results_*.json")
        self.run, self.stamp = self.results.parent, self.results.stem.removeprefix("results_")
        self.data = json.loads(self.results.read_text())
        self.manifest = json.loads((folder / "submission.json").read_text())
        self.own, self.config = self.data["config"].get("seal_eval", {}), self.data["config"]
        self.setup = self.data["configs"]["seal_lines"]
        self.metadata = self.setup["metadata"]
        self.command = self.run / f"command_{self.stamp}.txt"
        self.text = None  # of the results file, in place of `data`
        self.samples = self.run / f"samples_seal_lines_{self.stamp}.jsonl.gz"

    @property
    def rows(self):
        return [json.loads(line) for line in gzip.decompress(self.samples.read_bytes()).splitlines()]

    @rows.setter
    def rows(self, rows):
        self.samples.write_bytes(gzip.compress("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode(), 1, mtime=0))
        n = len(rows) - self.data["n-samples"]["seal_lines"]["effective"]
        self.manifest["runs"][0]["n_samples"] += n
        self.data["n-samples"]["seal_lines"]["effective"] = len(rows)

    def row(self, **fields):
        """Change fields of the first row; 'doc.NAME' of its doc."""
        rows = self.rows
        for name, value in fields.items():
            (rows[0]["doc"] if name in rows[0]["doc"] else rows[0])[name] = value
        self.rows = rows

    def both(self, key, value):
        """Change a model argument everywhere it is said."""
        self.config["model_args"][key] = value
        for setup in self.data["configs"].values():
            setup["metadata"][key] = value

    def restamp(self, stamp):
        for file in list(self.run.iterdir()):
            file.rename(file.with_name(file.name.replace(self.stamp, stamp)))
        self.stamp, self.results = stamp, self.run / f"results_{stamp}.json"
        self.manifest["runs"][0]["date"] = stamp

    def pack(self):
        if self.results.is_file():
            self.results.write_bytes(self.text.encode() if self.text is not None else json.dumps(self.data).encode())
            run = self.run.rename(self.folder / sha256(self.results)[:12])
        else:
            run = self.run
        (entry,) = self.manifest["runs"]
        entry["run_id"] = run.name
        entry["files"] = {f"{run.name}/{file.name}": sha256(file) for file in sorted(run.iterdir()) if file.is_file()}
        (self.folder / "submission.json").write_text(json.dumps(self.manifest))


def put(at, **values):
    """A change that sets values at a place such as 'config.seal_eval'; key names may be changed with __ for a dot or comma."""

    def change(f):
        place = f.data
        for part in filter(None, at.split("/")):
            place = place[part]
        place.update(values)

    return change


def key(at, name, value):
    return put(at, **{name: value})


def said(text):
    return lambda f: f.command.write_text(text(f.command.read_text().strip()) + "\n")


def about(**values):
    return put("config/seal_eval/about", **values)


def meta(**values):
    return put("configs/seal_lines/metadata", **values)


def best(f):
    f.rows, f.config["limit"] = f.rows[1:5], 4.0


def nested(depth):
    return lambda f: setattr(f, "text", json.dumps(f.data)[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}")


def raw(old, new):
    return lambda f: setattr(f, "text", json.dumps(f.data).replace(old, new, 1))


def other_stamp(stamp, date=None):
    def change(f):
        f.restamp(stamp)
        f.data["date"] = date or f.data["date"]

    return change


def gone(kind):
    return lambda f: next(f.run.glob(f"{kind}_*")).unlink()


def new(name, text="x"):
    return lambda f: (f.run / name).write_text(text)


def costs_of_plain(f):
    f.own["method"] = "plain"
    for setup in f.data["configs"].values():
        setup["metadata"] |= {"method": "plain"}
    f.config["model_args"] |= {"method": "plain"}
    del f.config["model_args"]["adapter"]
    f.own["settings"] = {}


def swapped(f):
    rows = f.rows
    f.rows = [rows[1], rows[0], *rows[2:]]


def deep_reply(f):
    f.row(filtered_resps=["x" * 20_000], resps=[["x" * 20_000]])


def foreign_group(f):
    f.data["results"]["mmlu"] = {"acc,none": 1.0, "alias": "mmlu"}


def another_file(f):
    f.samples.rename(f.samples.with_name(f.samples.name.replace("seal_lines", "seal_passkey")))


def one_twice(f):
    rows = f.rows
    f.rows = [rows[0], rows[0], *rows[2:]]


def asked(**options):
    def change(f):
        rows = f.rows
        rows[0]["arguments"]["gen_args_0"]["arg_1"] |= options
        f.rows = rows

    return change
