"""Python commands of a shell, forked from one process that has imported what they need.

Most of what `dvc repro` costs on a tiny batch is starting Python and importing packages. `lay`
fills a folder for the front of PATH: its `dvc`, `faceloop`, `python -m stages.train` and their like
hand words, folder, environment and streams to a server, which forks a process of their own for
them. Packages are imported beforehand, and never the project's code: each process takes that anew
from the folder where it runs. Any other `python` is the usual one.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from select import select

PACKAGES = (
    "dvc.api", "dvc.cli", "dvc.commands.repro", "facenet_pytorch", "numpy", "pandas", "PIL.Image",
    "pyarrow.parquet", "pydantic", "ruamel.yaml", "scipy.optimize", "scipy.stats",
    "sklearn.cluster", "sklearn.decomposition", "starlette.applications", "torch", "uvicorn",
)  # fmt: skip
COMMANDS = {"dvc": ["-m", "dvc"], "faceloop": ["-m", "faceloop.commands.cli"], "python": []}
OURS = ("dvc.", "faceloop.", "stages.", "demo.")
CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
words = [*{words}, *sys.argv[1:]]
if words[:1] != ["-m"] or not (words[1] + ".").startswith({ours}):
    os.execv({python!r}, [{python!r}, *words])
asked = json.dumps([words[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(asked)
    signal.signal(signal.SIGINT, lambda number, _: server.sendall(bytes([number])))
    os._exit(server.recv(1)[0])
"""


def lay(folder: Path) -> subprocess.Popen[bytes]:
    """Fill a folder with commands, and return the server that they ask; it ends with its stdin."""
    address = str(folder / "server")
    for name, words in COMMANDS.items():
        text = CLIENT.format(python=sys.executable, words=words, ours=OURS, address=address)
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout is not None and server.stdout.readline() == b"ready\n"
    return server


def serve(address: str) -> None:
    """Attend to each client in a process of its own, until stdin is closed."""
    for name in PACKAGES:
        import_module(name)
    gc.freeze()  # what is never looked at again is never copied
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        attending: list[int] = []
        while sys.stdin not in select([listening, sys.stdin], [], [])[0]:
            client, _ = listening.accept()
            with client:
                attending.append(os.fork())
                if attending[-1] == 0:
                    listening.close()
                    attend(client, Path(address).parent / "python")
            attending = [pid for pid in attending if not os.waitpid(pid, os.WNOHANG)[0]]
    for pid in attending:
        os.waitpid(pid, 0)  # so that `time` counts what they took


def attend(client: socket.socket, python: Path) -> None:
    """Run a client's command in a process forked from this one, and tell its exit code."""
    size, streams, *_ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb") as file:
        words, folder, environment = json.loads(file.read(int.from_bytes(size, "big")))
    command = os.fork()
    if command == 0:
        for at, stream in enumerate(streams):
            os.dup2(stream, at)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.executable = str(python)  # what it starts is warm too
        sys.path[:0] = [folder, *environment.get("PYTHONPATH", "").split(os.pathsep)]
        run(words)
    for stream in (1, *streams):
        os.close(stream)  # who reads them is to see their end with the command's
    threading.Thread(target=pass_signals_on, args=(client, command), daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    with suppress(BrokenPipeError):  # nobody waits for a command that was killed
        client.sendall(bytes([code if code >= 0 else 128 - code]))  # as a shell tells of a signal
    os._exit(0)


def pass_signals_on(client: socket.socket, command: int) -> None:
    """Send a command the signals that its client got; one that was killed sends no more."""
    while number := client.recv(1):
        os.kill(command, number[0])
    os.kill(command, signal.SIGKILL)


def run(words: list[str]) -> None:
    """Run a module and end as Python does, but without freeing all that was imported."""
    sys.argv, code = words, 0
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 (told, and an exit code of 1, as Python does)
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
