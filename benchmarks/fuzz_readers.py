"""Fuzz the readers of result folders: structure-aware damage to real results; every folder must be read or refused with one SealError.

    python benchmarks/fuzz_readers.py --folders 10000 > docs/fuzz-readers.txt

Each folder is a copy of a small real one (runs of this project, of stock lm-eval, or of a task from outside this project) with one to three
mutations. It is read, compared and printed in every format; every 100th is made into a site too. The table counts what happened; times
are of the processor.
"""

import argparse
import codecs
import copy
import gzip
import json
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "leaderboard" / "results" / "smollm2-within"
KINDS = ("ours", "stock", "foreign")
TASK, ROWS = "seal_lines", 8  # rows per sample file
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 512.9, -0.0, 1e308, -1e308, 10**30, 10**400, 2**63, float("nan"), float("inf"), "", "x", "-5", "1e3",
    "NaN", "\x00", "a\x1b]0;X\x07", "a\nb", "\u202eabc", "\ud800", "\u2028", "$x_{$", "_hidden", "=1+1", "<b>&amp;", "a|b`c`", "../../x",
    "x" * 5000, "0" * 10_000, [], {}, [[]], [{}], [[{}]], [1, "x"], {"a": None}, {"": 1}, [[1.0, 2.0], [3.0]], ["x"] * 300, "{{ 7 * 7 }}",
    "%s", "é😀",
)  # fmt: skip


def base_folder(folder: Path, kind: str) -> Path:
    """Write a small results folder of two runs: cut from published ones, and changed to look like a stock run or a foreign task."""
    for file in sorted(PUBLISHED.rglob("results_*.json")):
        data = json.loads(file.read_text(encoding="utf-8"))
        method, lengths = data["config"]["seal_eval"]["method"], data["configs"].get(TASK, {}).get("metadata", {}).get("lengths")
        if lengths != [512] or method not in ("plain", "seal") or (folder / method).exists():
            continue
        stamp, out = file.stem.removeprefix("results_"), folder / method
        out.mkdir(parents=True)
        with gzip.open(file.parent / f"samples_{TASK}_{stamp}.jsonl.gz", "rt", encoding="utf-8") as lines:
            all_rows = [json.loads(line) for line in lines]
            rows = all_rows[:: len(all_rows) // ROWS][:ROWS]  # of several documents
        data["n-samples"] = {TASK: {"effective": len(rows), "original": len(rows)}}
        task = "passages" if kind == "foreign" else TASK
        if kind != "ours":
            del data["config"]["seal_eval"]
            data["config"]["model"] = "hf"
            data["config"]["model_args"] = {"pretrained": "tiny"} | ({"peft": "adapters/seal"} if method == "seal" else {})
        if kind == "foreign":
            for part in ("results", "n-samples", "versions", "configs", "n-shot", "higher_is_better"):
                data[part] = {task: data[part][TASK]}
            for i, row in enumerate(rows):
                row["doc"] = {"passage": row["doc"]["input"][:300] + str(i // 2), "question": f"q{i}", "meta": {"id": i // 2}}
                row["metrics"] = ["acc", "recall"]
        (out / file.name).write_text(json.dumps(data), encoding="utf-8")
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        name = f"samples_{task}_{stamp}.jsonl"
        (out / (name + ".gz" if method == "seal" else name)).write_bytes(gzip.compress(text) if method == "seal" else text)
        shutil.copy(file.parent / f"command_{stamp}.txt", out)
    return folder


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every part of a JSON value (of a list, the first three items)."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return [at, *(path for key, one in inner for path in paths(one, (*at, key)))]


def mutated(value: Any, rng: random.Random) -> str:
    """JSON text of the value with one change: a part dropped, doubled, renamed, replaced, wrapped, moved or nested deeply."""
    value = copy.deepcopy(value)
    at = rng.choice(paths(value)[1:] or [()])
    if not at:
        return json.dumps(rng.choice(ODD))
    parent = value
    for key in at[:-1]:
        parent = parent[key]
    key, kind = at[-1], rng.choice(("drop", "double", "rename", "odd", "odd", "odd", "wrap", "move", "deep", "number"))
    if kind == "drop":
        del parent[key]
    elif kind == "rename" and isinstance(parent, dict):
        parent[rng.choice([x for x in ODD if isinstance(x, str)])] = parent.pop(key)
    elif kind == "wrap":
        parent[key] = rng.choice(([parent[key]], {"x": parent[key]}, str(parent[key])))
    elif kind == "move":
        other: Any = value
        for part in rng.choice(paths(value)[1:]):
            other = other[part]
        parent[key] = copy.deepcopy(other)
    elif kind in ("deep", "number", "double") or isinstance(parent, list):
        text = json.dumps(value | {} if not isinstance(parent, dict) else value)
        mark = json.dumps("\x00mark")
        kept, parent[key] = parent[key], "\x00mark"
        text = json.dumps(value)
        if kind == "double" and isinstance(parent, dict):
            return text.replace(mark, f"{json.dumps(kept)}, {json.dumps(key)}: {json.dumps(rng.choice(ODD))}")
        depth = rng.choice((20, 101, 600, 100_000))
        deep = rng.choice(("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth))
        return text.replace(
            mark, rng.choice(("1" * 5000, "9" * 2_000_000, "1e400", "-1e999", "0." + "3" * 1000)) if kind == "number" else deep
        )
    else:
        parent[key] = rng.choice(ODD)
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


def damage(folder: Path, rng: random.Random) -> None:
    """Change one file of a results folder."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    file = rng.choice([f for f in files for _ in range(1 if f.suffix == ".txt" else 4)])
    packed = file.suffix == ".gz"
    raw = file.read_bytes()
    if rng.random() < 0.75 and file.suffix != ".txt":
        try:
            text = (gzip.decompress(raw) if packed else raw).decode()
            lines = text.split("\n") if "samples" in file.name else [text]
            one = rng.randrange(max(1, len(lines) - 1))
            for number in range(len(lines) - 1) if rng.random() < 0.2 and len(lines) > 1 else (one,):
                state = rng.getstate()  # the same change on every line
                lines[number] = mutated(json.loads(lines[number]), rng)
                if number < len(lines) - 2:
                    rng.setstate(state)
            raw = "\n".join(lines).encode("utf-8", rng.choice(("surrogatepass", "replace")))
        except (ValueError, OSError, EOFError, IndexError, KeyError, RecursionError, zlib.error):
            return  # damaged by an earlier mutation
        file.write_bytes(gzip.compress(raw, 1) if packed else raw)
        return
    kind = rng.choice(("cut", "flip", "empty", "other", "utf-16", "latin-1", "bom", "nul", "lines", "gone", "link", "insert"))
    at = rng.randrange(len(raw) + 1)
    if kind == "other":
        raw = rng.choice(files).read_bytes()
    elif kind in ("utf-16", "latin-1"):
        raw = raw.decode("utf-8", "replace").encode(kind, "replace")
    elif kind == "lines":
        lines_ = raw.split(b"\n")
        rng.shuffle(lines_)
        raw = b"\n".join([*lines_, b"", rng.choice(lines_)])
    elif kind in ("gone", "link"):
        file.unlink()
        if kind == "link":
            file.symlink_to(rng.choice(("/dev/null", "/etc/passwd", file.name, str(folder))))
        return
    else:
        bits = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
        changed = {
            "cut": raw[:at],
            "flip": raw[:at] + bits + raw[at + len(bits) :],
            "empty": b"",
            "bom": codecs.BOM_UTF8 + raw,
            "nul": raw + b"\0",
        }
        raw = changed.get(kind, raw[:at] + bits + raw[at:])
    file.write_bytes(raw)


def use(folder: Path, site: Path | None, cluster: str = "") -> None:
    """Read a folder as every command does that reads results."""
    from seal_eval.leaderboard.build import build
    from seal_eval.results.compare import compare
    from seal_eval.results.paired import check_clusters, paired_scores
    from seal_eval.results.power import from_pilot, lines
    from seal_eval.results.reasons import examples
    from seal_eval.results.records import load_runs
    from seal_eval.results.splits import comparable_groups
    from seal_eval.results.tables import FORMATS, as_text, show

    runs = comparable_groups(load_runs(folder, foreign=True, cluster=cluster))
    for paired in paired_scores(runs, ""):
        check_clusters(paired)
        comparison = compare(paired)
        for kind in FORMATS:
            as_text([comparison], kind).encode()
        if site:
            show(comparison)
            for pilot in from_pilot(paired, None):
                "\n".join(lines(pilot, 0.8, 0.95, 1, 0.0, 1.0)).encode()
    examples(runs, "", "", "", 10)
    if site and "foreign" not in folder.name:  # a site holds this project's tasks only
        build(folder, site)


def attempt(base: Path, place: Path, rng: random.Random, whole: bool) -> tuple[str, str]:
    """Damage a copy of `base` in `place` and use it. Return (used, refused or the exception's type; the message or where)."""
    folder = place / base.name
    shutil.copytree(base, folder)
    for _ in range(rng.choice((1, 1, 2, 3))):
        damage(folder, rng)
    try:
        use(folder, place / "site" if whole else None, rng.choice(("", "", "meta.id")) if "foreign" in base.name else "")
    except SealError as error:
        text = str(error)
        if not text.isprintable() or len(text) > 2000:
            return "unclear message", ascii(text[:300])
        return "refused", text
    except Exception as error:  # this is what is looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        rooms = ("/seal_eval/", "/leaderboard/", "/tasks/")
        inside = [f for f in traceback.extract_tb(error.__traceback__) if any(room in f.filename for room in rooms)]
        place_ = inside[-1] if inside else frame
        return type(error).__name__, f"{Path(place_.filename).name}:{place_.lineno} {ascii(str(error))[:150]}"
    return "used", ""


def fuzz(folders: int, seed: int, place: Path, site_every: int = 100) -> tuple[Counter[tuple[str, str]], Counter[str], str]:
    """Try `folders` damaged folders. Return ((kind, what happened) → times, faults → times, the folder that took longest)."""
    warnings.simplefilter("ignore")
    bases = {kind: base_folder(place / f"base-{kind}", kind) for kind in KINDS}
    seen: Counter[tuple[str, str]] = Counter()
    faults: Counter[str] = Counter()
    slowest, which = 0.0, ""
    for i in range(folders):
        rng, kind = random.Random(f"{seed}-{i}"), KINDS[i % len(KINDS)]
        work, begun = place / "work", time.process_time()
        what, where = attempt(bases[kind], work, rng, i % site_every == 0)
        seconds = time.process_time() - begun
        if seconds > slowest:
            slowest, which = seconds, f"folder {i}, {kind}, {what}"
        seen[kind, what] += 1
        if what not in ("used", "refused"):
            faults[f"{what}: {where} (folder {i})"] += 1
        if seconds > 10:
            faults[f"took {seconds:.1f} s (folder {i}, {what} {where[:150]})"] += 1
        shutil.rmtree(work)
    return seen, faults, f"{slowest:.1f} s ({which})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    begun, out = time.time(), sys.stdout
    with tempfile.TemporaryDirectory() as place, Path("/dev/null").open("w") as nowhere:
        sys.stdout = nowhere
        seen, faults, slowest = fuzz(args.folders, args.seed, Path(place))
        sys.stdout = out
    happened = ["used", "refused", *sorted({what for _, what in seen} - {"used", "refused"})]
    print(f"python benchmarks/fuzz_readers.py --folders {args.folders} --seed {args.seed}")
    print(f"{'':10}" + "".join(f"{what:>18}" for what in happened))
    for kind in KINDS:
        print(f"{kind:10}" + "".join(f"{seen[kind, what]:18,}" for what in happened))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"not a SealError, or unclear, or above 10 s: {sum(faults.values())}")
    print(f"longest: {slowest}; peak memory: {peak:.2f} GB; in all {(time.time() - begun) / 60:.0f} minutes")
    for fault, times in faults.most_common(40):
        print(f"  {times} × {fault}")


if __name__ == "__main__":
    main()
