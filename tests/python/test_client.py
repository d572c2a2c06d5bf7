"""The raw client against a real server."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import zmq
from conftest import LONG_ENOUGH_S, environment, wait_until

import hotlap
from hotlap import Backoff, Client, ClientKeys, Server, errors
from hotlap.server import program

ROWS = 4
ACCELERATE = np.zeros(ROWS, np.int32)


@pytest.fixture
def client(server):
    with Client(server.endpoint, timeout_s=LONG_ENOUGH_S) as one:
        yield one


def started(client, **options):
    client.attach('default', ROWS, ['short_sprint'], **options)
    return client.reset()


def assert_same(one, other):
    for name in ('observations', 'rewards', 'terminated', 'truncated', 'status'):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    for name, column in one.info.items():
        assert column.tobytes() == other.info[name].tobytes(), name


def test_the_hello_lists_what_there_is(client):
    hello = client.hello
    assert 'default' in hello.environments
    assert 'short_sprint' in hello.tracks
    assert len(hello.policy_hashes) == len(hello.task_hashes) == len(hello.environments)
    assert hello.attached is None


def test_a_spec_names_and_bounds_each_column(client):
    spec = client.describe('default')
    assert len(spec.observation) == len(spec.observation_low) == len(spec.observation_scale) == 195
    assert spec.is_discrete
    assert spec.action[0] == 'accelerate'
    assert spec.reward['progress'] == pytest.approx(0.02)
    assert spec.rules['time_limit'] is False
    assert client.describe('full_view').action == ('steer', 'gas')
    assert client.describe('randomised').randomisation['mass'] == pytest.approx((0.85, 1.2))


def test_a_trajectory_has_the_bits_that_another_client_sees(client, server, wire):
    started(client)
    with wire.Client(server.endpoint) as other:
        other.hello()
        other.attach()
        theirs = other.batch('reset', b'', b'', b'')
        ours = client.reset(seeds=range(ROWS))
        for step in range(300):
            assert ours.observations.tobytes() == theirs['observations'].tobytes()
            assert ours.rewards.tobytes() == theirs['rewards'].tobytes()
            for name, column in theirs['info'].items():
                assert ours.info[name].tobytes() == column.tobytes()
            action = (0, 1, 2, 0)[step // 20 % 4]
            ours, theirs = client.step(ACCELERATE + action), other.step(action)


def test_arrays_are_aligned_writable_and_nobody_elses(client):
    first = started(client)
    kept = first.observations.copy()
    second = client.step(ACCELERATE)
    for array in (*second[:5], *second.info.values()):
        assert array.flags.aligned
        assert array.flags.writeable
    second.observations[:] = 7
    np.testing.assert_array_equal(first.observations, kept)
    assert not (client.step(ACCELERATE).observations == 7).all()


def test_some_rows_step_in_the_order_asked(client):
    started(client)
    batch = client.step([0, 0], rows=[3, 1])
    assert batch.rows.tolist() == [3, 1]
    assert batch.info['race_time'].tolist() == [50, 50]
    assert client.step(ACCELERATE).info['race_time'].tolist() == [50, 100, 50, 100]


def test_halves_in_flight_come_in_order_and_change_no_bit(client, server):
    started(client)
    whole = [client.step(ACCELERATE) for _ in range(50)]
    with Client(server.endpoint) as other:
        started(other)
        halves = np.array([0, 1], np.int32), np.array([2, 3], np.int32)
        for half in halves:
            other.send_step([0, 0], rows=half)
        for batch, half in itertools.product(whole, halves):
            got = other.receive_step()
            np.testing.assert_array_equal(got.rows, half)
            np.testing.assert_array_equal(got.observations, batch.observations[half])
            other.send_step([0, 0], rows=half)


def test_more_steps_than_the_window_are_busy_and_none_is_lost(client):
    started(client)
    for _ in range(client.hello.window):
        client.send_step(ACCELERATE)
    with pytest.raises(errors.Busy):
        client.send_step(ACCELERATE)
    times = [client.receive_step().info['race_time'][0] for _ in range(client.hello.window)]
    assert times == [50 * (i + 1) for i in range(client.hello.window)]
    with pytest.raises(errors.BadArgument, match='no step'):
        client.receive_step()


def test_sent_rows_are_received_as_they_are_done(client):
    started(client)
    client.send([0], rows=[2])
    client.send([0, 0], rows=[0, 3])
    with pytest.raises(errors.BadArgument, match='rows'):
        client.send([0], rows=[2])
    first, rest = client.recv(2), client.recv(ROWS)
    assert sorted([*first.rows, *rest.rows]) == [0, 2, 3]
    assert client.step(ACCELERATE).status.tolist() == [0] * ROWS


def test_states_are_saved_restored_branched_moved_and_dropped(client):
    started(client)
    for _ in range(10):
        client.step([0, 1, 2, 3])
    ids = client.save()
    future = [client.step(ACCELERATE) for _ in range(5)]
    client.restore(ids)
    for batch in future:
        assert_same(client.step(ACCELERATE), batch)
    states = client.export(ids)
    client.drop(ids)
    with pytest.raises(errors.InvalidId):
        client.export(ids)
    with pytest.raises(errors.BadArgument):
        client.import_([states[0][:-1]])
    client.restore(client.import_(states))
    for batch in future:
        assert_same(client.step(ACCELERATE), batch)
    client.branch(2)
    batch = client.step(ACCELERATE)
    assert len({row.tobytes() for row in batch.observations}) == 1


def test_same_step_brings_the_end_beside_the_next_beginning(client):
    started(client, autoreset='same_step')
    ended = []
    while len(ended) == 0:
        batch = client.step(ACCELERATE)
        ended = np.flatnonzero(batch.terminated | batch.truncated)
    assert batch.final_rows.tolist() == ended.tolist()
    assert batch.final_observations.shape == (len(ended), 195)
    assert (batch.final_info['episode_length'] > 0).all()
    assert (batch.info['race_time'][ended] == 0).all()


def test_halves_of_observations_become_floats(client):
    started(client)
    whole = [client.step(ACCELERATE) for _ in range(5)]
    client.detach()
    started(client, observations='f16')
    for batch in whole:
        got = client.step(ACCELERATE)
        assert got.observations.dtype == np.float32
        np.testing.assert_array_equal(got.observations, batch.observations.astype(np.float16))


def test_settings_hold_in_place_of_what_the_environment_says(client):
    settings = '{"actions": {"set": "continuous"}, "ticks_per_step": 2, "rules": {"time_limit": {"after_s": 0.1}}}'
    attached = client.attach('default', 1, ['oval'], settings=settings)
    assert attached.settings == settings
    assert client.spec.ticks_per_step == 2
    client.reset()
    batches = [client.step([[0, 1]]) for _ in range(5)]
    assert [batch.truncated[0] for batch in batches] == [False] * 4 + [True]
    with pytest.raises(errors.BadArgument, match=r'reward\.speed'):
        client.describe('default', 'reward: {speed: fast}')


@pytest.mark.parametrize(('wrong', 'error', 'word'), [
    ({'environment': 'nowhere'}, errors.UnknownName, 'nowhere'),
    ({'tracks': ['nowhere']}, errors.UnknownName, 'nowhere'),
    ({'rows': 1 << 15}, errors.BadArgument, 'rows'),
    ({'rows': 257}, errors.ServerFull, 'free are'),
    ({'policy_hash': 1}, errors.SpecMismatch, 'policy_hash'),
    ({'info': ['height']}, errors.BadArgument, 'height'),
    ({'autoreset': 'never'}, errors.Refused, 'autoreset'),
])
def test_a_refusal_is_an_exception_that_names_what_was_wrong(client, wrong, error, word):
    wanted = {'environment': 'default', 'rows': 1, 'tracks': ['oval'], **wrong}
    with pytest.raises(error, match=word) as refusal:
        client.attach(wanted.pop('environment'), wanted.pop('rows'), wanted.pop('tracks'), **wanted)
    assert type(refusal.value) is error
    assert refusal.value.status < 0
    client.attach('default', 1, ['oval'])  # the session is as it was


def test_wrong_actions_are_refused_before_they_are_sent(client):
    started(client)
    sent = client.last_id
    for actions, rows in (([0], None), ([0] * (ROWS + 1), None), ([0], [0, 1]), ([], [])):
        with pytest.raises(errors.BadArgument, match='actions'):
            client.step(actions, rows)
    assert client.last_id == sent


def test_another_policy_is_refused_at_the_handshake(server):
    with pytest.raises(errors.SpecMismatch):
        Client(server.endpoint, environment='default', policy_hash=1)
    with Client(server.endpoint, environment='default', task_hash=1) as client:
        assert 'task_hash' in client.hello.warning


def test_nobody_there_is_a_time_out(tmp_path):
    with pytest.raises(errors.TimedOut):
        Client(f'ipc://{tmp_path}/nobody', timeout_s=0.1)
    with pytest.raises(ValueError, match='nowhere'):
        Client('nowhere')


def test_a_hello_that_is_answered_late_opens_the_session_all_the_same():
    class Impatient(Client):
        num_greetings = 0

        def _greet(self, *arguments):
            self.num_greetings += 1
            if self.num_greetings == 3:
                os.kill(server.pid, signal.SIGCONT)
            return super()._greet(*arguments)

    with Server(simulated=8) as server:
        os.kill(server.pid, signal.SIGSTOP)
        with Impatient(server.endpoint, retry_s=0.05, timeout_s=LONG_ENOUGH_S) as client:
            client.attach('default', 8, ['oval'])


def test_questions_are_answered_beside_the_rows(client):
    started(client)
    online, _ = client.ask('sessions')
    assert client.hello.session in online['sessions']
    track, frames = client.call('track', track='short_sprint')
    assert track['length_m'] > 100
    assert len(frames) == 10
    assert client.ping() > 0


class Paused:
    """A server that stands still for a while."""

    def __init__(self, server):
        self.pid = server.pid

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


def test_a_server_that_stands_is_lost_and_the_step_that_timed_out_was_done_once():
    with Server(simulated=8) as server, Client(server.endpoint, session_timeout_s=1, retry_s=0.05) as client:
        started(client)
        with Paused(server):
            with pytest.raises(errors.TimedOut):
                client.step(ACCELERATE, timeout_s=0.2)
            with pytest.raises(errors.ServerLost):
                client.resume(timeout_s=LONG_ENOUGH_S)
        assert wait_until(lambda: not client._keep_alive.server_is_lost)
        assert client.resume(timeout_s=LONG_ENOUGH_S).info['race_time'].tolist() == [50] * ROWS
        assert client.step(ACCELERATE).info['race_time'].tolist() == [100] * ROWS


def test_a_client_that_reconnects_goes_on_as_if_nothing_had_been():
    with Server(simulated=8) as server, Client(server.endpoint, session_timeout_s=1, reconnect=Backoff()) as client:
        started(client)
        with Paused(server):
            threading.Timer(2.5, lambda: os.kill(server.pid, signal.SIGCONT)).start()
            batch = client.step(ACCELERATE, timeout_s=LONG_ENOUGH_S)
        assert batch.info['race_time'].tolist() == [50] * ROWS
        assert client.step(ACCELERATE).info['race_time'].tolist() == [100] * ROWS


def test_another_server_at_the_same_place_does_not_know_the_session(tmp_path):
    endpoint = f'ipc://{tmp_path}/socket'
    with Server(simulated=8, endpoint=endpoint) as server:
        client = Client(endpoint, session_timeout_s=1, reconnect=Backoff(), timeout_s=LONG_ENOUGH_S)
        started(client)
        os.kill(server.pid, signal.SIGKILL)
    with Server(simulated=8, endpoint=endpoint), pytest.raises(errors.LeaseExpired):
        client.step(ACCELERATE)
    client.close()


def test_a_closed_client_gives_its_rows_back_at_once(server):
    for _ in range(3):  # a third of them would find none if they were kept
        with Client(server.endpoint) as client:
            client.attach('default', 200, ['oval'], wait_s=LONG_ENOUGH_S, timeout_s=LONG_ENOUGH_S)


LEARNER = """
import os, sys
import numpy as np
from hotlap import Client
client = Client(sys.argv[1], key=bytes.fromhex(sys.argv[2]), session_timeout_s=1)
client.attach('default', 4, ['short_sprint'], settings='ticks_per_step: 10')
client.reset()
for _ in range(3):
    client.step(np.zeros(4, np.int32))
print(client.last_id, flush=True)
client.step(np.zeros(4, np.int32))
print('stepped', flush=True)
sys.stdin.read()
"""


def test_a_successor_of_a_killed_learner_goes_on_with_its_rows(server):
    key = os.urandom(16)
    with subprocess.Popen([sys.executable, '-c', LEARNER, server.endpoint, key.hex()], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, env=environment()) as learner:
        last_id = int(learner.stdout.readline())
        assert learner.stdout.readline() == 'stepped\n'
        learner.kill()
    with Client(server.endpoint, key=key, last_id=last_id, reconnect=Backoff(), timeout_s=LONG_ENOUGH_S) as client:
        assert client.num_rows == ROWS
        assert client.spec.ticks_per_step == 10
        assert client.step(ACCELERATE).info['race_time'].tolist() == [400] * ROWS  # the reply that was missed
        assert client.step(ACCELERATE).info['race_time'].tolist() == [500] * ROWS


def test_a_session_outlives_a_learner_that_computes_for_long():
    with Server(simulated=8) as server, Client(server.endpoint, session_timeout_s=1) as client:
        started(client)
        heard = client.ask('stats')[0]['messages_in']
        assert wait_until(lambda: client.ask('stats')[0]['server_seconds'] > 2.5)
        assert client.ask('stats')[0]['messages_in'] > heard
        client.step(ACCELERATE)


def test_whoever_listens_hears_that_the_server_leaves():
    heard = []
    with Server(simulated=8) as server:
        client = Client(server.endpoint, on_event=heard.append)
        assert wait_until(lambda: client.ask('stats')[0]['messages_in'] > 2)
    assert wait_until(lambda: heard)
    assert heard[-1]['kind'] == 'shutting_down'
    client.close()


def test_keys_let_in_whom_the_server_knows(tmp_path):
    keys = tmp_path / 'keys'
    subprocess.run([program(), '--generate-keys', keys, '--client', 'alice'], check=True, stdout=subprocess.DEVNULL)
    configs = program().parents[3] / 'configs'
    config = tmp_path / 'server.yaml'
    config.write_text(f'environments: {configs}/environments\ntracks: {configs}/tracks\n'
                      f'vehicle: {configs}/vehicles/stadium.yaml\nendpoints: [ipc://{tmp_path}/other]\n'
                      f'security: {{server_key: {keys}/server.key, allowed_clients: {keys}/clients}}\n')
    with Server(config=config, simulated=8) as server:
        known = ClientKeys.read(keys / 'server.pub', keys / 'alice.key')
        with Client(server.endpoint, keys=known) as client:
            started(client)
        strange = ClientKeys(known.server, *zmq.curve_keypair())
        with pytest.raises(errors.PermissionDenied, match='key or address'):
            Client(server.endpoint, keys=strange, timeout_s=3)
        os.chmod(keys / 'alice.key', 0o644)
        with pytest.raises(ValueError, match='chmod 600'):
            ClientKeys.read(keys / 'server.pub', keys / 'alice.key')


def _steps_in_a_child(client, queue):
    try:
        client.step(ACCELERATE)
    except hotlap.HotlapError as error:
        queue.put(type(error).__name__)


def test_a_client_is_of_one_process(client):
    started(client)
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    child = context.Process(target=_steps_in_a_child, args=(client, queue))
    child.start()
    assert queue.get(timeout=LONG_ENOUGH_S) == 'WrongProcess'
    child.join()
    assert client.step(ACCELERATE).info['race_time'].tolist() == [50] * ROWS


def test_a_keep_alive_ends_also_on_its_own_thread_where_the_garbage_collector_may_close_a_client(client, monkeypatch):
    failures = []
    monkeypatch.setattr(threading, 'excepthook', failures.append)
    keep_alive = client._keep_alive
    thread = keep_alive._thread
    keep_alive._ping = keep_alive.stop  # the next one
    thread.join(LONG_ENOUGH_S)
    assert not thread.is_alive()
    assert failures == []
    client._keep_alive = None
