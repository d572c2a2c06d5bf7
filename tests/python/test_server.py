"""Local servers: started by themselves, shared by a process tree, never left behind."""

import fcntl
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import pytest
from conftest import LONG_ENOUGH_S, is_alive, outside_of_this_tree, servers_of, wait_until

from hotlap import Client, Env, Server, ServerNotStarted
from hotlap.server import _began, default_endpoint

GONE_WITHIN_S = 10.0


def test_a_server_is_there_in_its_block_and_gone_behind_it():
    with Server(simulated=8) as server:
        pid, socket = server.pid, pathlib.Path(server.endpoint.removeprefix('ipc://'))
        assert socket.is_socket()
        assert socket.parent.stat().st_mode & 0o077 == 0
        with Client(server.endpoint) as client:
            client.attach('default', 8, ['oval'])
    assert not is_alive(pid)
    assert not socket.parent.exists()


def test_a_server_that_cannot_start_says_why():
    with pytest.raises(ServerNotStarted, match='nowhere'):
        Server(config='nowhere.yaml').start()
    with pytest.raises(ServerNotStarted, match='--flying'):
        Server(arguments=['--flying']).start()


def test_two_servers_have_nothing_of_each_other():
    with Server(simulated=8) as one, Server(simulated=8) as other:
        assert one.endpoint != other.endpoint
        with Client(one.endpoint) as client:
            client.attach('default', 8, ['oval'])
            with Client(other.endpoint) as second:
                second.attach('default', 8, ['oval'])


LEARNER = """
import sys
from hotlap import Server, VectorEnv
server = Server().start() if sys.argv[1] == 'own' else None
env = VectorEnv('short_sprint', 64, server=server, ticks_per_step=100)
env.reset(seed=1)
pid = [line for line in open('/proc/self/task/%d/children' % __import__('os').getpid()).read().split()]
print(*pid, flush=True)
while True:
    env.step(env.action_space.sample())
"""


@pytest.mark.parametrize('which', ['own', 'shared'])
def test_a_killed_learner_takes_its_server_along(which):
    with subprocess.Popen([sys.executable, '-c', LEARNER, which], stdout=subprocess.PIPE, text=True,
                          env=outside_of_this_tree()) as learner:
        pids = [int(pid) for pid in learner.stdout.readline().split()]
        assert pids
        assert all(is_alive(pid) for pid in pids)
        os.kill(learner.pid, signal.SIGKILL)
        assert wait_until(lambda: not any(is_alive(pid) for pid in pids), GONE_WITHIN_S)


FIRST = """
import sys
from hotlap.server import default_endpoint
print(default_endpoint(), flush=True)
sys.stdin.read()
"""


def in_tree_of_its_own(folder):
    """A program that has made the server of its tree, whose files are in this folder; and the endpoint."""
    program = subprocess.Popen([sys.executable, '-c', FIRST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**outside_of_this_tree(), 'TMPDIR': folder})
    return program, pathlib.Path(program.stdout.readline().strip().removeprefix('ipc://'))


def test_what_a_killed_tree_has_left_goes_when_the_next_makes_its_server():
    with tempfile.TemporaryDirectory() as folder:
        killed, socket = in_tree_of_its_own(folder)
        living, other = in_tree_of_its_own(folder)
        assert socket.parent != other.parent
        with killed, living:
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
            assert wait_until(lambda: not servers_of(socket))
            held = pathlib.Path(folder, f'hotlap-{os.getuid()}-{killed.pid}.1')  # as if its server lived on
            held.mkdir(mode=0o700)
            foreign = pathlib.Path(folder, f'hotlap-{os.getuid()}-{killed.pid}.2')  # others may enter
            foreign.mkdir()
            young = pathlib.Path(folder, f'hotlap-{os.getuid()}-{os.getpid()}.{_began(os.getpid())}')  # has no server yet
            young.mkdir(mode=0o700)
            assert socket.parent.is_dir()
            with open(held / 'alive', 'wb') as alive:
                fcntl.flock(alive, fcntl.LOCK_EX)
                with in_tree_of_its_own(folder)[0] as third:
                    assert not socket.parent.exists()
                    assert held.is_dir()
                    assert foreign.is_dir()
                    assert young.is_dir()
                    assert other.is_socket()
                    third.communicate()
            with in_tree_of_its_own(folder)[0] as fourth:
                assert not held.exists()
                fourth.communicate()
            living.communicate()


TREE = """
import multiprocessing, os, sys
import hotlap
from hotlap.server import default_endpoint

def tell(queue):
    queue.put(default_endpoint())

if __name__ == '__main__':
    first = default_endpoint() if sys.argv[1] == 'parent' else None
    context = multiprocessing.get_context(sys.argv[2])
    queue = context.Queue()
    children = [context.Process(target=tell, args=(queue,)) for _ in range(3)]
    for child in children:
        child.start()
    found = {queue.get(timeout=60) for _ in children}
    for child in children:
        child.join()
    found.add(first or default_endpoint())
    print(*found)
"""


@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
@pytest.mark.parametrize('first', ['parent', 'child'])
def test_a_process_tree_shares_one_server_that_leaves_with_it(tmp_path, method, first):
    program = tmp_path / 'tree.py'
    program.write_text(TREE)
    said = subprocess.run([sys.executable, program, first, method], check=True, stdout=subprocess.PIPE, text=True,
                          timeout=LONG_ENOUGH_S, env=outside_of_this_tree()).stdout.split()
    assert len(said) == 1
    socket = pathlib.Path(said[0].removeprefix('ipc://'))
    assert wait_until(lambda: not socket.exists())
    assert wait_until(lambda: not servers_of(socket))
    assert not socket.parent.exists()


def test_a_shared_server_that_died_is_started_again():
    first = default_endpoint()
    assert default_endpoint() == first
    (pid,) = servers_of(first.removeprefix('ipc://'))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with Client(default_endpoint()) as client:
        client.attach('default', 1, ['oval'])


def _drive(queue):
    env = Env('oval')
    env.reset(seed=1)
    queue.put(env.step(0)[4]['race_time'])
    env.close()


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_children_have_sockets_of_their_own(method):
    env = Env('oval')
    env.reset(seed=1)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    children = [context.Process(target=_drive, args=(queue,)) for _ in range(2)]
    for child in children:
        child.start()
    assert [queue.get(timeout=LONG_ENOUGH_S) for _ in children] == [50, 50]
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert env.step(0)[4]['race_time'] == 50
    env.close()


def _go_on(env, queue):
    observations, _ = env.reset(seed=3)
    queue.put((env.step(0)[4]['race_time'], observations.tobytes()))


def test_an_environment_that_was_forked_leases_rows_of_its_own():
    env = Env('oval')
    first, _ = env.reset(seed=3)
    env.step(0)
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    child = context.Process(target=_go_on, args=(env, queue))
    child.start()
    assert queue.get(timeout=LONG_ENOUGH_S) == (50, first.tobytes())
    child.join()
    assert env.step(0)[4]['race_time'] == 100
    env.close()
