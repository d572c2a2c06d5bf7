"""Local servers: `hotlap-serve` as a child, for the length of a with block or as long as the learner lives."""

from __future__ import annotations

import fcntl
import multiprocessing.util
import os
import pathlib
import select
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Any, Protocol

from hotlap.errors import ServerNotStarted

_LONGEST_SOCKET_PATH = 100  # the kernel takes 107
_STOPS_WITHIN_S = 10.0  # of SIGTERM; then it is killed
ENOUGH = 65536  # games inside a server: no fewer than anybody asks for
_DEFAULT = ('--log-level', 'error', '--simulated', str(ENOUGH))
_TREE = 'HOTLAP_TREE'  # names the root of the process tree, for its children: its number, and when it began


def program(name: str = 'hotlap-serve') -> pathlib.Path:
    """Where a program of hotlap is: in the folder that HOTLAP_PROGRAMS names, in the package, or in PATH.

    Raises:
        ServerNotStarted: nowhere.
    """
    places = [pathlib.Path(__file__).parent / 'bin' / name]
    if folder := os.environ.get('HOTLAP_PROGRAMS'):
        places = [pathlib.Path(folder) / name]
    elif in_path := shutil.which(name):
        places.append(pathlib.Path(in_path))
    for place in places:
        if place.is_file():
            return place
    raise ServerNotStarted(f'there is no {name} at {" or ".join(map(str, places))}: install the package, or build hotlap')


class HasEndpoint(Protocol):
    """What knows of a server that listens."""

    @property
    def endpoint(self) -> str:
        """Where it listens; empty when it does not."""


class Server:
    """A local server: `with Server(simulated=256) as server: VectorEnv('hairpins', 64, server=server)`.

    It leaves at the end of the block, or when this process ends, however it does. A copy of this object, as Gymnasium makes
    them, or one in another process, knows where the server listens and stops nothing.

    Attributes:
        endpoint: where it listens; empty before it was started.
    """

    def __init__(self, *, simulated: int | None = None, games: int | None = None, threads: int | None = None,
                 endpoint: str | None = None, config: str | os.PathLike[str] | None = None, log_level: str = 'error',
                 arguments: Sequence[str] = (), ready_s: float = 30.0) -> None:
        """Does not start it yet.

        Args:
            simulated: games inside the server; None: what the configuration says, 1024 by default.
            games: `hotlap-game` processes to start behind mapped buffers.
            threads: that compute simulated rows; None: one per core.
            endpoint: where it listens; None: on a socket file in a folder that only this user can enter.
            config: YAML file of the server (`configs/servers/default.yaml` explains every key); None: the packaged one.
            log_level: `debug`, `info`, `warning`, `error` or `off`; the log is standard error's.
            arguments: more of `hotlap-serve`.
            ready_s: until it must be ready.
        """
        self.endpoint = ''
        self._given = endpoint
        options = {'--config': config, '--simulated': simulated, '--games': games, '--threads': threads}
        self._arguments = ['--log-level', log_level, *arguments]
        for flag, value in options.items():
            if value is not None:
                self._arguments += [flag, os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
        self._ready_s = ready_s
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._folder: str | None = None

    def start(self) -> Server:
        """Starts it and waits until learners can connect.

        Raises:
            ServerNotStarted: with what it printed.
        """
        if self._process is not None:
            raise RuntimeError('this server was started already')
        wanted = self._given
        if wanted is None:
            self._folder = _private_folder()
            wanted = f'ipc://{self._folder}/socket'
        try:
            self._process, self.endpoint = launch(wanted, self._arguments, os.getpid(), self._ready_s)
        except BaseException:
            self._remove_folder()
            raise
        self._pid = os.getpid()
        return self

    def stop(self) -> None:
        """Ends it. May be called twice; of the process that started it alone, in others it does nothing."""
        if self._process is None or self._pid != os.getpid():
            return
        self._process.terminate()
        try:
            self._process.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process, self.endpoint = None, ''
        self._remove_folder()

    @property
    def pid(self) -> int:
        """Its process; 0 when it does not run, or not any more."""
        return 0 if self._process is None or self._process.poll() is not None else self._process.pid

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_process': None, '_pid': 0, '_folder': None}

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _parent() -> str:
    """Where folders for socket files go: their paths must be short."""
    parent = tempfile.gettempdir()
    return parent if len(parent) < _LONGEST_SOCKET_PATH - 60 else '/tmp'


def _private_folder() -> str:
    """A new folder that only this user can enter, until this process ends."""
    folder = tempfile.mkdtemp(prefix='hotlap-', dir=_parent())
    multiprocessing.util.Finalize(None, shutil.rmtree, (folder, True), exitpriority=0)
    return folder


def launch(endpoint: str, arguments: Sequence[str], exit_with: int, ready_s: float,
           inherited: Sequence[int] = ()) -> tuple[subprocess.Popen[bytes], str]:
    """Starts hotlap-serve, in a process group of its own: a Ctrl-C is the learner's alone.

    Args:
        endpoint: where it shall listen.
        arguments: others of its own.
        exit_with: process with which it ends.
        ready_s: until it must be ready.
        inherited: files that it holds as long as it lives.

    Returns:
        The process, and where it listens.

    Raises:
        ServerNotStarted: with what it printed.
    """
    command = [str(program()), '--endpoint', endpoint, '--exit-with', str(exit_with), *arguments]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                   start_new_session=True, pass_fds=inherited)
        assert process.stdout is not None
        with process.stdout as output:
            line = _line(output, time.monotonic() + ready_s)
        word, *endpoints = line.split()[:2] or ['']
        if word == 'ready' and endpoints:
            return process, endpoints[0]
        process.kill()
        process.wait()
        log.seek(0)
        printed = log.read().decode(errors='replace').strip()
    raise ServerNotStarted(printed or f'hotlap-serve was not ready within {ready_s:g} s')


def _line(output: IO[bytes], deadline: float) -> str:
    text = b''
    while not text.endswith(b'\n'):
        if not select.select([output], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
        if not (byte := os.read(output.fileno(), 1)):
            break
        text += byte
    return text.decode(errors='replace')


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty when there is none."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]
    except OSError:
        return ''


def _root() -> str:
    """The root of this process's tree: the first process in it that imported hotlap, as `<pid>.<began>`."""
    pid, _, began = os.environ.get(_TREE, '').partition('.')
    if not pid.isdigit() or not began or _began(int(pid)) != began:
        os.environ[_TREE] = f'{os.getpid()}.{_began(os.getpid())}'
    return os.environ[_TREE]


def _folder_path(root: str) -> pathlib.Path:
    return pathlib.Path(_parent(), f'hotlap-{os.getuid()}-{root}')


def _is_private(folder: pathlib.Path) -> bool:
    """A folder of this user alone."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _folder_of(root: str) -> pathlib.Path:
    folder = _folder_path(root)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(folder):
        raise ServerNotStarted(f'{folder}: is not a folder of this user alone')
    return folder


def _sweep() -> None:
    """Removes the folders of trees that were killed: their root is gone, and nobody holds the file that their server does."""
    for folder in pathlib.Path(_parent()).glob(f'hotlap-{os.getuid()}-*.*'):
        pid, _, began = folder.name.rpartition('-')[2].partition('.')
        if not pid.isdigit() or _began(int(pid)) == began:
            continue
        try:
            if _is_private(folder):
                with open(folder / 'alive', 'ab') as alive:
                    fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
        except OSError:
            continue  # its server lives, or somebody else sweeps


def default_endpoint() -> str:
    """Where the server of this process tree listens; starts it when nobody of the tree has.

    It belongs to the root of the tree, the first process in it that imported hotlap, and leaves when that ends. Whatever the
    root starts afterwards, by fork, spawn or as a program, shares it.

    Raises:
        ServerNotStarted: with what it printed.
    """
    root = _root()
    folder = _folder_of(root)
    with open(folder / 'lock', 'wb') as lock, open(folder / 'alive', 'ab') as alive, open(folder / 'endpoint', 'a+') as said:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one starts it, the others wait
        said.seek(0)
        endpoint = said.read()
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return endpoint  # the server holds it
        _sweep()
        process, endpoint = launch(f'ipc://{folder}/socket', _DEFAULT, int(root.partition('.')[0]), 30.0,
                                   [alive.fileno()])
        _started.append(process)
        said.truncate(0)
        said.write(endpoint)
        said.flush()
        return endpoint


_started: list[subprocess.Popen[bytes]] = []  # to reap them
# Before this process has children that would each be the root of a tree.
if _root().startswith(f'{os.getpid()}.'):
    multiprocessing.util.Finalize(None, lambda: shutil.rmtree(_folder_path(_root()), ignore_errors=True), exitpriority=0)
