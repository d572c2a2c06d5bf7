"""Servers of a Ray cluster: one per node, for whatever drives there.

    ray.init()
    with hotlap.ray.Servers(threads=8) as servers:
        rollouts = [Rollout.remote(servers) for _ in range(64)]  # in each: VectorEnv('hairpins', 64, server=servers)

A server listens on a socket file of its node, so that it needs no keys and is as fast as a local one; nobody reaches it from
another node. A node on which something drives has hotlap, and so can have a server: none has to drive on that of another.

Needs the extra `ray`; `register` wants RLlib too (`pip install "ray[rllib]"`, and PyTorch).
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import gymnasium as gym
import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hotlap.errors import ServerNotStarted
from hotlap.registration import EVERY_ID
from hotlap.server import ENOUGH, Server

_STOPS_WITHIN_S = 15.0  # one that takes longer, or is on a node that is about to be found dead, is killed


class Servers:
    """A server per node of the cluster, started when the first environment of the node asks for it.

    Where a `server` is wanted this may be given, also as an argument of actors and tasks: an environment drives on the server of
    the node that it is on. What Ray has not started, a process of AsyncVectorEnv for instance, takes `endpoint`.

    A server that dies is started again, one of a node that dies is gone with it, and the others know nothing of either. An
    environment whose server has died raises ServerLost, and its next `reset` leases rows of the new one; one that is made
    elsewhere, by an actor that Ray has restarted there, drives on the server of that node.

    They leave at the end of the block, when this object is gone (copies of it, in other processes for instance, hold nothing), or
    the process that made it has ended, however it did, or the node that it was on.
    """

    _directory: Any = None  # of a copy

    def __init__(self, *, simulated: int = ENOUGH, **options: Any) -> None:
        """Starts none yet. Call it where `ray.init` was called.

        Args:
            simulated: games inside each server.
            **options: others of Server, but `endpoint`.

        Raises:
            TypeError: an option is none of those.
        """
        self._name = f'hotlap-{uuid.uuid4()}'
        self._directory = _actor(_Directory, _node(), self._name).remote(Server(endpoint=None, simulated=simulated, **options))

    @property
    def endpoint(self) -> str:
        """Where the server of this process's node listens, as soon as it does.

        Raises:
            ServerNotStarted: with what it printed; or they are gone by now, or just being started again.
        """
        try:
            directory = ray.get_actor(self._name)
        except ValueError:
            raise ServerNotStarted('the servers of this cluster have left') from None
        try:
            server = ray.get(directory.server_on.remote(_node()))
            endpoint: str = ray.get(server.endpoint.remote())
        except RayActorError as error:
            raise ServerNotStarted(f'the server of this node is not there now: {error}') from error
        return endpoint

    def stop(self) -> None:
        """Ends them all. May be called twice; a copy of this object does nothing."""
        if self._directory is not None:
            ray.wait([self._directory.stop.remote()], timeout=_STOPS_WITHIN_S)
            ray.kill(self._directory)

    def __getstate__(self) -> dict[str, Any]:
        return {'_name': self._name}

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


class _Directory:
    """The actor that owns those of the servers: with it they end."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._servers: dict[str, Any] = {}  # by node

    def server_on(self, node: str) -> Any:
        if node not in self._servers:
            self._servers[node] = _actor(_NodeServer, node).remote(self._server)
        return self._servers[node]

    def stop(self) -> None:
        stops = [server.stop.remote() for server in self._servers.values()]
        while stops:
            _, stops = ray.wait(stops)


class _NodeServer:
    """The actor that a server belongs to: with it that ends."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def endpoint(self) -> str:
        if self._server.pid == 0:
            self._server.stop()  # what is left of one that died
            self._server.start()
        return self._server.endpoint

    def stop(self) -> None:
        self._server.stop()


def _node() -> str:
    """That of this process."""
    return str(ray.get_runtime_context().get_node_id())


def _actor(kind: type[Any], node: str, name: str | None = None) -> Any:
    """A kind of actor, of a node alone, that takes none of its share and is restarted there as long as the node lives."""
    return ray.remote(name=name, num_cpus=0, max_restarts=-1, max_task_retries=-1,
                      scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))(kind)


def register(servers: Servers) -> None:
    """Makes the ids known to RLlib; what is registered drives on these servers.

        config.environment('hotlap/ShortSprint-v0', env_config={'action': 'continuous'})
        config.env_runners(num_envs_per_env_runner=256, gym_env_vectorize_mode='vector_entry_point')

    For RLlib's new API stack, which is its default. `env_config` has the arguments of `gym.make_vec` for the id, `server` too.
    With `vector_entry_point` all rows of an env runner are one VectorEnv; with `sync` each is an Env of its own.
    """
    from ray import tune

    for name in EVERY_ID:
        tune.register_env(name, functools.partial(_make, name, servers))


def _make(name: str, servers: Servers, env_config: Mapping[str, Any]) -> Any:
    """An Env, or a VectorEnv where RLlib says of how many rows."""
    make = gym.make_vec if 'num_envs' in env_config else gym.make
    return make(name, **{'server': servers, **env_config})
