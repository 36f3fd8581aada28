"""Kill real runs (SIGKILL) at random moments and at every step of publication, and repeat them until they are complete.

    python tests/kills.py 200              (six minutes; prints a summary, fails at the first record lost, doubled or changed)
    python tests/kills.py 200 1 hf         (lm-eval's own engine; each kill or each so-many-th step of publication)

Each attempt is a forked process that runs `seal-eval run`. The finished sample files are compared, byte for byte, with those of an
undisturbed run.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

TASKS = ("--tasks", "seal_lines", "--metadata", '{"lengths": [450], "num_samples": 16, "questions_per_record": 2}', "--device", "cpu")

LOG = Path(tempfile.gettempdir()) / f"seal-eval-kills-{os.getuid()}.log"  # output of the processes


def child(argv: list[str], before: Callable[[], None] = lambda: None) -> int:
    """Start `seal-eval run` in a forked process, after calling `before` there; returns the process id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        said = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        before()
        from seal_eval.harness.run import run

        run(argv)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def die_at(step: int) -> Callable[[], None]:
    """Return a function for `before`: the process then kills itself at its fsync or rename number `step`, from 0."""

    def prepare() -> None:
        left = [step]

        def counted(function):
            def call(*args, **kwargs):
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                return function(*args, **kwargs)

            return call

        os.fsync = counted(os.fsync)
        Path.replace = counted(Path.replace)

    return prepare


def samples(folder: Path) -> list[bytes]:
    """Return the sample files' bytes; check that there is exactly one results file and nothing unfinished."""
    places = list(folder.rglob("results_*.json"))
    assert len(places) == 1, f"{len(places)} results files"
    left = [p.name for p in places[0].parent.iterdir() if p.name.startswith(".")]
    assert not left, f"left behind: {left}"
    files = sorted(places[0].parent.glob("samples_*.jsonl"))
    return [file.read_bytes() for file in files]


def main(wanted: int, model: str, work: Path, every: int = 1, engine: str = "seal") -> None:
    """Kill runs at random until there are `wanted` kills, then at every fsync and rename (or each `every`-th) of a run.

    engine: seal; or an engine of lm-eval's own, such as hf.
    """
    import torch

    from seal_eval.harness.run import run

    torch.set_num_threads(1)
    argv = ["--model", engine, "--model_args", f"pretrained={model}", *TASKS, "--output_path"]
    run([*argv, str(work / "first")])  # in this process, so that the forks need not import anything again
    start = time.monotonic()
    assert os.waitpid(child([*argv, str(work / "whole")]), 0)[1] == 0
    whole, seconds = samples(work / "whole"), time.monotonic() - start
    draw, kills, runs, found = random.Random(0), 0, 0, 0
    while kills < wanted:
        out, longest = work / f"killed-{runs}", 1.1 * seconds
        while True:
            process = child([*argv, str(out)])
            time.sleep(draw.uniform(0, longest))
            longest *= 1.05  # a machine that has become slower must be able to complete the run
            os.kill(process, signal.SIGKILL)
            if os.waitpid(process, 0)[1] == 0:
                break
            kills += 1
            found += sum(file.read_bytes().count(b"\n") for file in out.rglob("replies-*.jsonl"))
        assert samples(out) == whole, f"run {runs} differs from the undisturbed one"
        shutil.rmtree(out)
        runs += 1
    print(f"{kills} kills at random moments in {runs} runs of {seconds:.1f} s: nothing lost, doubled or changed; "
          f"{found} replies were on disk at the moments of death")  # fmt: skip
    step = 0
    while True:
        out = work / f"step-{step}"
        code = os.waitpid(child([*argv, str(out)], die_at(step)), 0)[1]
        if code == 0:
            break
        assert os.waitpid(child([*argv, str(out)]), 0)[1] == 0, f"step {step}: cannot be continued"
        assert samples(out) == whole, f"killed at step {step}: differs from the undisturbed run"
        shutil.rmtree(out)
        step += every
    print(f"killed at {-(-step // every)} of the times at which a run waits for the disk or renames a file: the same")


def small_model(folder: Path) -> str:
    """Save a random Llama with a tokenizer, as the tests use them; returns the folder."""
    from conftest import terse, tiny_model
    from tokenizers_made import made

    terse(tiny_model()).save_pretrained(folder)
    made("bpe-digits").save_pretrained(folder)
    return str(folder)


def options(every: str = "1", engine: str = "seal") -> tuple[int, str]:
    """The command line's further arguments."""
    return int(every), engine


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        main(int(sys.argv[1]), small_model(place / "tiny-llama"), place, *options(*sys.argv[2:]))
