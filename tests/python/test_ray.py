"""Servers of a Ray cluster, on nodes that are simulated on this machine."""

import asyncio
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import gymnasium as gym
import numpy as np
import pytest
from conftest import ROOT, environment, is_alive, servers_of, wait_until

import hotlap
from hotlap import ServerLost, ServerNotStarted, VectorEnv

pytest.importorskip('ray', reason='Ray is not installed: the extra ray')

import ray
from ray.cluster_utils import Cluster
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hotlap.ray import Servers, register

NODE = {'num_cpus': 2, 'object_store_memory': 80 * 2**20, 'include_dashboard': False}
SETTINGS = {'health_check_initial_delay_ms': 0, 'health_check_period_ms': 500,  # a killed node is soon found lost
            'prestart_worker_first_driver': False}
STEPS = 200


@pytest.fixture(scope='module')
def cluster():
    """One node, which this process is on. What it starts finds the package and these tests, and leaves its files in a folder."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', f'{ROOT}/python:{ROOT}/tests/python')
        patch.setenv('TMPDIR', folder)
        running = Cluster(initialize_head=True, head_node_args={**NODE, '_system_config': SETTINGS})
        ray.init(address=running.address, log_to_driver=False)
        yield running
        ray.shutdown()
        running.shutdown()


@pytest.fixture
def other_node(cluster):
    """A second one."""
    node = cluster.add_node(**NODE)
    yield node
    if node in cluster.worker_nodes:
        cluster.remove_node(node)


@pytest.fixture(scope='module')
def servers(cluster):
    """On both, of a thread each."""
    with Servers(simulated=64, threads=1) as running:
        yield running


@pytest.fixture
def gate(cluster):
    return on(this_node(), Gate).remote()


class Gate:
    """Where rollouts wait in their middle, until it is open."""

    def __init__(self):
        self.waiting, self.opened = asyncio.Semaphore(0), asyncio.Event()

    async def pass_through(self):
        self.waiting.release()
        await self.opened.wait()

    async def until_waiting(self, count):
        for _ in range(count):
            await self.waiting.acquire()

    async def open(self):
        self.opened.set()


def this_node():
    return ray.get_runtime_context().get_node_id()


def pid_of(endpoint):
    (pid,) = servers_of(endpoint.removeprefix('ipc://'))
    return pid


class Rollout:
    """An actor that drives."""

    def __init__(self, servers):
        self.env = VectorEnv('hairpins', 4, server=servers)

    def pid(self):
        return os.getpid()

    def place(self):
        """The server and the node that it is on."""
        self.env.reset()
        return self.env.client.endpoint, this_node()

    def drive(self, seed, gate=None):
        """The hash of what it saw; waits at the gate in the middle."""
        seen = hashlib.sha256(self.env.reset(seed=seed)[0])
        for step in range(STEPS):
            if gate is not None and step == STEPS // 2:
                ray.get(gate.pass_through.remote())
            observations, rewards, *_ = self.env.step(np.full(4, step % 3))
            seen.update(observations)
            seen.update(rewards)
        return seen.hexdigest()


def on(node, kind):
    """A kind of actor, of this node until that is lost; then it is started again elsewhere, and its calls are made again."""
    return ray.remote(max_restarts=-1, max_task_retries=-1,
                      scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True))(kind)


def test_each_node_has_one_server_and_all_of_its_rollouts_drive_on_it(servers, other_node):
    nodes = [this_node(), other_node.node_id]
    places = ray.get([on(node, Rollout).remote(servers).place.remote() for node in nodes for _ in range(2)])
    here, also_here, there, also_there = places
    assert here == also_here == (servers.endpoint, this_node())
    assert there == also_there
    assert there[1] == other_node.node_id
    assert pid_of(here[0]) != pid_of(there[0])


def test_what_a_lost_node_did_is_done_again_elsewhere_and_the_rest_goes_on(cluster, servers, other_node, gate):
    staying = on(this_node(), Rollout).remote(servers)
    leaving = on(other_node.node_id, Rollout).remote(servers)
    (here, _), (there, node) = ray.get([staying.place.remote(), leaving.place.remote()])
    assert node == other_node.node_id
    pids = [pid_of(here), pid_of(there)]
    left = ray.get(leaving.pid.remote())
    driven = [staying.drive.remote(1, gate), leaving.drive.remote(2, gate)]
    ray.get(gate.until_waiting.remote(2))

    cluster.remove_node(other_node, allow_graceful=False)
    assert wait_until(lambda: not is_alive(left))  # what runs there outlives the node by a moment
    ray.get(gate.open.remote())

    plain = Rollout(servers)
    assert ray.get(driven) == [plain.drive(1), plain.drive(2)]
    assert ray.get([staying.place.remote(), leaving.place.remote()]) == [(here, this_node())] * 2
    assert [is_alive(pid) for pid in pids] == [True, False]
    plain.env.close()


def test_a_killed_server_is_replaced_at_the_next_reset(servers):
    env = VectorEnv('hairpins', 4, server=servers)
    first, _ = env.reset(seed=3)
    lost = env.client.endpoint
    os.kill(pid_of(lost), signal.SIGKILL)
    with pytest.raises(ServerLost):
        env.step(np.zeros(4, np.int64))
    again, _ = env.reset(seed=3)
    np.testing.assert_array_equal(again, first)
    assert env.client.endpoint == servers.endpoint != lost
    env.close()


def test_an_environment_of_any_kind_takes_them_for_its_server(servers):
    for env in (hotlap.Env('oval', server=servers), gym.make('hotlap/Oval-v0', server=servers),
                gym.make_vec('hotlap/Oval-v0', num_envs=2, server=servers)):
        env.reset(seed=1)
        env.close()


def test_stopped_servers_leave_nothing(cluster):
    with Servers(simulated=8) as servers:
        socket = pathlib.Path(servers.endpoint.removeprefix('ipc://'))
        assert servers_of(socket)
    assert not servers_of(socket)
    assert not socket.parent.exists()
    with pytest.raises(ServerNotStarted, match='have left'):
        VectorEnv('oval', server=servers)
    servers.stop()


def test_servers_that_cannot_start_say_why(cluster):
    with pytest.raises(TypeError, match='flying'):
        Servers(flying=True)
    with Servers(arguments=['--flying']) as servers, pytest.raises(ServerNotStarted, match='--flying'):
        VectorEnv('oval', server=servers)


DRIVER = """
import sys
import ray
from hotlap.ray import Servers, register
ray.init(address=sys.argv[1])
servers = Servers(simulated=8)
print(servers.endpoint, flush=True)
if sys.argv[2] == 'shutdown':
    ray.shutdown()
    print('shut down', flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize('how', ['shutdown', 'kill'])
def test_they_leave_with_their_driver(cluster, how):
    with subprocess.Popen([sys.executable, '-c', DRIVER, cluster.address, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, env=environment()) as driver:
        endpoint = driver.stdout.readline().strip()
        pid = pid_of(endpoint)
        if how == 'shutdown':
            assert driver.stdout.readline() == 'shut down\n'
        else:
            driver.kill()
        assert wait_until(lambda: not is_alive(pid))
        driver.kill()


@pytest.fixture
def env_runner(servers):
    """Makes RLlib's env runners of four rows, which are cut after twenty steps."""
    pytest.importorskip('torch', reason='RLlib and PyTorch are not installed: python/examples/requirements-rllib.txt')
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner

    register(servers)
    made = []

    def make_one(name, mode, **arguments):
        config = (PPOConfig()
                  .environment(name, env_config={'max_episode_steps': 20, **arguments})
                  .env_runners(num_env_runners=0, num_envs_per_env_runner=4, gym_env_vectorize_mode=mode)
                  .fault_tolerance(restart_failed_sub_environments=True))
        made.append(SingleAgentEnvRunner(config=config))
        return made[-1]

    yield make_one
    for runner in made:
        runner.stop()


@pytest.mark.parametrize(('mode', 'kind'), [('vector_entry_point', VectorEnv), ('sync', gym.vector.SyncVectorEnv)])
@pytest.mark.parametrize(('name', 'arguments'), [('hotlap/HairpinRun-v0', {'action': 'continuous'}),
                                                 ('hotlap/Generated-v0', {'track_seed': 5})])
def test_rllib_finds_the_ids_and_sees_whole_episodes(env_runner, mode, kind, name, arguments):
    runner = env_runner(name, mode, **arguments)
    episodes = runner.sample(num_episodes=8, random_actions=True)
    assert isinstance(runner.env.unwrapped, kind)
    assert len(episodes) == 8
    for episode in episodes:
        assert episode.is_truncated
        assert len(episode) == 20
        assert [info['race_time'] for info in episode.get_infos()] == [50 * step for step in range(21)]


def test_rllib_goes_on_when_its_server_is_killed(servers, env_runner):
    runner = env_runner('hotlap/HairpinRun-v0', 'vector_entry_point')
    runner.sample(num_timesteps=40, random_actions=True)
    lost = runner.env.unwrapped.client.endpoint
    assert lost == servers.endpoint
    os.kill(pid_of(lost), signal.SIGKILL)
    episodes = runner.sample(num_episodes=4, random_actions=True)
    assert [len(episode) for episode in episodes] == [20] * 4
    assert runner.env.unwrapped.client.endpoint == servers.endpoint != lost
