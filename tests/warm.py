"""Commands without their start: `seal-eval`, `lm_eval` and `python FILE` run in forks of one process that has imported everything.

A start costs six seconds of processor time, most of it imports. `programs` starts this file as a server; the programs in the folder that
it returns hand the server their arguments, environment, working folder and open files, wait, and end with the command's exit status. Where
a variable differs that libraries read when they are imported, they start the real program instead. What tests say of the start itself,
of signals, and of several processes, uses the real programs.
"""

import functools
import gc
import json
import multiprocessing.context
import os
import pickle
import runpy
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil
from filelock import FileLock

READ_ON_IMPORT = (
    "HF_HUB_OFFLINE",
    "HF_HOME",
    "HOME",
    "XDG_CACHE_HOME",
    "OMP_NUM_THREADS",
    "TQDM_DISABLE",
    "LM_HARNESS_CACHE_PATH",
    "PYTHONPATH",
)
TASK_FILES = "task-files.pickle"  # of lm-eval, in the session's folder
PROGRAM = """#!{python} -IS
import array, json, os, socket, sys
real = {real!r}
same = {same!r}
try:
    assert all(os.environ.get(key) == value for key, value in same.items())
    assert {named} or sys.argv[1:] and sys.argv[1].endswith(".py")
    server = socket.socket(socket.AF_UNIX)
    server.connect({address!r})
except (OSError, AssertionError):
    os.execv(real[0], [*real, *sys.argv[1:]])
text = json.dumps([*(real[-1:] if {named} else []), *sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
server.sendmsg([len(text).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(text)
code = server.recv(8)
os._exit(int(code) if code else 97)
"""


def session() -> Path:
    """The folder that all workers of the session share. `programs` makes it; its server removes it when the session is over."""
    # with the time at which the process began: a folder left by a session that was killed may have the number of a process of today
    return Path(tempfile.gettempdir()) / f"seal-eval-{os.getuid()}-{owner()}-{psutil.Process(owner()).create_time():.2f}"


def owner() -> int:
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@cache
def programs() -> Path:
    """The folder of the programs, which all workers of the session share; the server starts when they are first asked for."""
    folder = session()
    folder.mkdir(mode=0o700, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "socket").exists():
            start(folder, owner())
    return folder / "bin"


def start(folder: Path, owner: int) -> None:
    """Write the programs and start their server, which ends with the process `owner` and takes the folder along."""
    address = str(folder / "socket")
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    server = subprocess.Popen([sys.executable, __file__, address, str(owner)], env=environment, stdin=subprocess.DEVNULL)
    same = {key: environment.get(key) for key in READ_ON_IMPORT if key != "TQDM_DISABLE"}
    (folder / "bin").mkdir(exist_ok=True)
    scripts = {name: [str(Path(sys.executable).parent / name)] for name in ("seal-eval", "lm_eval")}
    scripts["scripted"] = [sys.executable, str(Path(__file__).with_name("scripted.py"))]
    scripts["python"] = [sys.executable]  # with a file; other options start the real one
    for name, real in scripts.items():
        program = folder / "bin" / name
        values = {"python": sys.executable, "real": real, "same": same, "address": address, "named": name != "python"}
        program.write_text(PROGRAM.format(**values))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    while not Path(address).exists() and server.poll() is None:
        time.sleep(0.05)


def serve(address: str, owner: int) -> None:
    """Import everything, then run one command per connection, until the process `owner` has ended."""
    import datasets  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import peft  # noqa: F401
    import pytablewriter  # noqa: F401
    import statsmodels.api  # noqa: F401
    import transformers  # noqa: F401
    from lm_eval.tasks import TaskManager
    from torch.utils import collect_env

    import seal_eval.cli
    import seal_eval.harness.run
    import seal_eval.harness.seal_lm
    import seal_eval.leaderboard.build
    import seal_eval.results.compare
    import seal_eval.tuning.forgetting
    import seal_eval.tuning.selection
    import seal_eval.tuning.short_questions
    import seal_eval.tuning.tune
    from seal_eval.baselines import method_names
    from seal_eval.harness.dataset import _code
    from seal_eval.harness.environment import described_quietly
    from seal_eval.harness.task_yaml import yaml_files
    from seal_eval.prompts.corpus import numbers, prose, words

    # of prose and short questions, which take most of the time of a short tuning, a quarter
    seal_eval.tuning.selection.PROSE_PIECES = 4
    seal_eval.tuning.tune.perplexity = functools.partial(seal_eval.tuning.tune.perplexity, n_documents=4)
    some = seal_eval.tuning.short_questions.questions()[::4]
    seal_eval.tuning.forgetting.questions = lambda: some
    folder = Path(address).parent
    kept = remember_task_files(folder)
    TaskManager()
    (folder / "part").write_bytes(pickle.dumps(kept))
    (folder / "part").rename(folder / TASK_FILES)  # in one step: a worker may look at any time
    method_names(), yaml_files(), _code()  # what every command would read again
    for split in ("eval", "tune"):
        prose(split), words(split), numbers(1, 50_000, split)
    with described_quietly():
        machine = collect_env.get_pretty_env_info()  # lm-eval asks for it at the end of each run: half of a small run's time
    collect_env.get_pretty_env_info = lambda: machine
    contexts = multiprocessing.context._concrete_contexts
    contexts["forkserver"] = contexts["fork"]  # a suite's server of forks would import everything again
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    gc.freeze()  # a fork that goes through these objects would copy their memory
    while True:
        ready, _, _ = select.select([listener], [], [], 1.0)
        with suppress(ChildProcessError):  # none left
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            os.kill(owner, 0)
        except ProcessLookupError:  # the session is over
            shutil.rmtree(folder, ignore_errors=True)
            return
        if ready:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                keep(connection)
            connection.close()


def remember_task_files(folder: Path) -> dict[tuple, bytes]:
    """Keep what lm-eval reads of its fourteen thousand task files, which takes each of its starts five seconds. folder: of the session.

    Returns what is kept, pickled: the server writes it into the folder, so that the workers need not read the files again.
    """
    import lm_eval.tasks._index as index

    own = Path(index.__file__).parent
    load, file, kept = index.load_yaml, folder / TASK_FILES, {}

    def remembered(path, **options):
        if not path.is_relative_to(own):  # files of a test may change
            return load(path, **options)
        if not kept and file.exists():
            kept.update(pickle.loads(file.read_bytes()))
        key = (path, *sorted(options.items()))
        if key not in kept:
            kept[key] = pickle.dumps(load(path, **options))
        return pickle.loads(kept[key])  # a new object each time: lm-eval may change what it gets

    index.load_yaml = remembered
    return kept


def keep(connection: socket.socket) -> None:
    """Run the command in a child, report its exit status; when the program that asked is gone, kill the child."""
    size, files, _, _ = socket.recv_fds(connection, 8, 3)
    text = b""
    while len(text) < int.from_bytes(size, "big"):
        text += connection.recv(1 << 20)
    *argv, cwd, environment = json.loads(text)
    child = os.fork()
    if child == 0:
        connection.close()
        command(argv, cwd, environment, files)
    for file in files:
        os.close(file)
    handle = os.pidfd_open(child)
    ready, _, _ = select.select([handle, connection], [], [])
    if handle not in ready:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    connection.sendall(str(os.waitstatus_to_exitcode(status) % 256).encode())
    os._exit(0)


def command(argv: list[str], cwd: str, environment: dict[str, str], files: list[int]) -> None:
    """Become the command: its streams, folder and environment, then its main function; never returns."""
    code = 1
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environment)
        if "LITTLE_TUNING" in environment:  # for tests that only need an adapter
            from seal_eval.tuning.config import RECIPES

            for recipe in RECIPES.values():
                recipe |= {"samples": 3, "questions": 2, "validation": 1}
        encoding, _, errors = environment.get("PYTHONIOENCODING", "utf-8").partition(":")
        sys.stdout = open(1, "w", encoding=encoding, errors=errors or "strict", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding=encoding, errors=errors or "backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        sys.argv = argv
        sys.path[0] = str(Path(argv[0]).parent)
        runpy.run_path(argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            code = code or 120
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
