"""Servers for the tests. HOTLAP_PROGRAMS names the folder of the programs that are tested, else it is the release build."""

import contextlib
import importlib.util
import os
import pathlib
import secrets
import time

import pytest

from hotlap import Server, VectorEnv

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG_ENOUGH_S = 60.0
os.environ.setdefault('HOTLAP_PROGRAMS', str(ROOT / 'build/release/bin'))
os.environ['SDL_VIDEODRIVER'] = 'dummy'  # windows that nobody sees
# Ray reads them when it is imported: it shall tell nobody of the tests, and let nobody else into them.
os.environ |= {'RAY_USAGE_STATS_ENABLED': '0', 'RAY_AUTH_MODE': 'token', 'RAY_AUTH_TOKEN': secrets.token_hex()}


@pytest.fixture(scope='session')
def server():
    """One for all tests that leave it as it was."""
    with Server(simulated=256) as running:
        yield running


@contextlib.contextmanager
def maker(kind, server):
    """Makes environments of a kind on a server, and closes them."""
    with contextlib.ExitStack() as made:
        yield lambda *arguments, **options: made.enter_context(
            contextlib.closing(kind(*arguments, **{'server': server, **options})))


@pytest.fixture
def make(server):
    """Makes vector environments on the shared server, and closes them."""
    with maker(VectorEnv, server) as make_one:
        yield make_one


@pytest.fixture(scope='session')
def wire():
    """The client of tests/interop: another one, written from the protocol's page alone."""
    spec = importlib.util.spec_from_file_location('wire_client_test', ROOT / 'tests/interop/wire_client_test.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wait_until(condition, within_s=LONG_ENOUGH_S):
    """Whether it holds in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_alive(pid):
    """Whether a process runs: one that has ended and was not waited for does not."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def servers_of(socket):
    """Processes that were started with this endpoint."""
    found = []
    for process in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            if str(socket).encode() in (process / 'cmdline').read_bytes() and is_alive(int(process.name)):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def environment():
    """Of programs that a test starts."""
    return {**os.environ, 'PYTHONPATH': str(ROOT / 'python')}


def outside_of_this_tree():
    """The environment of a program that is the root of its own."""
    return {name: value for name, value in environment().items() if name != 'HOTLAP_TREE'}
