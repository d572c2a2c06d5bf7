#!/usr/bin/env python3
"""A client of hotlap-serve written from docs/protocol.md alone: what the page promises, seen from another language.

    python3 tests/interop/wire_client_test.py --programs build/release/bin

Needs the packages of requirements.txt; without them it looks for build/interop-venv.
"""
import argparse
import importlib.util
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
if importlib.util.find_spec('zmq') is None or importlib.util.find_spec('msgpack') is None:
    python = ROOT / 'build' / 'interop-venv' / 'bin' / 'python'
    if not python.exists() or pathlib.Path(sys.prefix) == python.parents[1]:
        sys.exit('wire_client_test: install tests/interop/requirements.txt into build/interop-venv first')
    os.execv(python, [python, *sys.argv])

import msgpack  # noqa: E402
import numpy  # noqa: E402
import zmq  # noqa: E402

PROGRAMS = None
LONG_ENOUGH_MS = 60000
ROWS = 4
NOT_COUNTED = (-3, -66, -70, -21, -61, -60, -62, -71)  # refusals whose id is still free


class Refused(Exception):
    def __init__(self, status, error):
        super().__init__(f'{status}: {error}')
        self.status = status


class Server:
    """hotlap-serve with a few games of its own, for the length of a with block: on a socket file, or as the arguments have it."""

    def __init__(self, *arguments, games=0, settings=''):
        self._arguments = arguments
        self._num_games = games
        self._settings = settings

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory()
        socket = f'ipc://{self._directory.name}/hotlap'
        config = pathlib.Path(self._directory.name) / 'server.yaml'
        configs = ROOT / 'configs'
        config.write_text(f'endpoints: ["{"tcp://127.0.0.1:5555" if self._arguments else socket}"]\n'
                          f'environments: {configs}/environments\ntracks: {configs}/tracks\n'
                          f'vehicle: {configs}/vehicles/stadium.yaml\n{self._settings}')
        self._process = subprocess.Popen(
            [PROGRAMS / 'hotlap-serve', '--config', config, '--simulated', '8', '--games',
             str(self._num_games), '--log-level', 'error', *self._arguments], stdout=subprocess.PIPE, text=True)
        ready, self.endpoint = self._process.stdout.readline().split()
        if ready != 'ready':
            raise RuntimeError(f'hotlap-serve is not ready: {ready!r}')
        return self

    def games(self):
        """Process ids of hotlap-game, wherever below the server."""
        found, below = [], [self._process.pid]
        while below:
            process = pathlib.Path('/proc', str(below.pop()))
            try:
                if (process / 'comm').read_text().strip() == 'hotlap-game':
                    found.append(int(process.name))
                for task in (process / 'task').iterdir():
                    below += (task / 'children').read_text().split()
            except FileNotFoundError:
                pass
        return found

    def terminate(self):
        self._process.terminate()

    def __exit__(self, *_):
        self.terminate()
        self.exit_status = self._process.wait(timeout=30)
        self._process.stdout.close()
        self._directory.cleanup()


class Client:
    def __init__(self, endpoint):
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint)
        self.forget()

    def forget(self):
        """The session; ids begin anew."""
        self._id = 0
        self.token = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self._context.term()

    def exchange(self, header, arrays=()):
        """One message out, one back: the header and the raw frames behind it."""
        self.socket.send_multipart([msgpack.packb(header), *arrays])
        if not self.socket.poll(LONG_ENOUGH_MS):
            raise TimeoutError(f'no reply to {header}')
        reply, *frames = self.socket.recv_multipart()
        reply = msgpack.unpackb(reply)
        if reply['status'] != 0:
            assert not frames, 'a refusal has no arrays'
            raise Refused(reply['status'], reply['error'])
        return reply, frames

    def hello(self, **fields):
        reply, _ = self.exchange({'v': 1, 'op': 'hello', 'id': 0, 'key': os.urandom(16), **fields})
        self.token = reply['token']
        return reply

    def call(self, op, *arrays, **fields):
        self._id += 1
        self.last = {'v': 1, 'op': op, 'id': self._id, 'token': self.token, **fields}, arrays
        try:
            reply, frames = self.exchange(*self.last)
        except Refused as refusal:
            if refusal.status in NOT_COUNTED:
                self._id -= 1
            raise
        assert reply['id'] == self._id
        return reply, frames

    def ask(self, op, *arrays, **fields):
        """A question: not counted."""
        return self.exchange({'v': 1, 'op': op, 'id': 1 << 40, 'token': self.token, **fields}, arrays)

    def hear(self):
        """The next event."""
        assert self.socket.poll(LONG_ENOUGH_MS)
        (frame,) = self.socket.recv_multipart()
        return msgpack.unpackb(frame)

    def attach(self, **fields):
        self.observation_type = {'f32': '<f4', 'f16': '<f2'}[fields.get('observations', 'f32')]
        self.attached, _ = self.call('attach', b'', **{'environment': 'default', 'rows': ROWS,
                                                       'tracks': ['short_sprint'], **fields})
        return self.attached

    def batch(self, op, *arrays, rows=None, **fields):
        """The arrays of a reply by name, shaped as the page says; of so many rows, or of all."""
        _, frames = self.call(op, *arrays, **fields)
        named = numpy.frombuffer(frames.pop(0), '<i4') if op == 'recv' else None
        has_finals = self.attached['autoreset'] == 'same_step'
        assert len(frames) == (2 if has_finals else 1)
        n, d = self.attached['rows'] if rows is None else rows, self.attached['observation_size']
        columns = len(self.attached['info'])
        item = numpy.dtype(self.observation_type).itemsize
        raw = self.parted(frames[0], (item * n * d, 4 * n, n, n, n, 4 * columns * n))
        arrays = {'observations': numpy.frombuffer(raw[0], self.observation_type).reshape(n, d),
                  'rewards': numpy.frombuffer(raw[1], '<f4')}
        for name, part in zip(('terminated', 'truncated', 'status'), raw[2:5]):
            arrays[name] = numpy.frombuffer(part, 'u1')
        arrays['info'] = self.info(raw[5], n, columns)
        if has_finals:
            ended = numpy.flatnonzero(arrays['terminated'] | arrays['truncated'])
            arrays['final_rows'] = ended if named is None else named[ended]
            k = len(ended)
            raw = self.parted(frames[1], (item * k * d, 4 * columns * k))
            arrays['final_observations'] = numpy.frombuffer(raw[0], self.observation_type).reshape(k, d)
            arrays['final_info'] = self.info(raw[1], k, columns)
        if named is not None:
            arrays['rows'] = named
        return arrays

    def parted(self, frame, sizes):
        """The arrays of a frame: each begins at a multiple of 64 bytes, and the last one ends it."""
        end, parts = 0, []
        for size in sizes:
            begin = (end + 63) // 64 * 64
            end = begin + size
            parts.append(frame[begin:end])
        assert len(frame) == end
        return parts

    def info(self, frame, rows, columns):
        assert len(frame) == 4 * rows * columns
        types = {0: '<i4', 1: '<f4'}
        return {name: numpy.frombuffer(frame, types[kind], rows, 4 * rows * place)
                for place, (name, kind) in enumerate(zip(self.attached['info'], self.attached['info_types']))}

    def step(self, action):
        return self.batch('step', struct.pack(f'<{ROWS}i', *([action] * ROWS)), b'')


class WireTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def setUp(self):
        self.client = self.enterContext(Client(self.server.endpoint))

    def tearDown(self):
        if self.client.token is not None:
            self.client.call('detach', close=True)

    def started(self, **fields):
        self.client.hello()
        self.client.attach(**fields)
        return self.client.batch('reset', b'', b'', b'')

    def assertEqualBatches(self, one, other):
        self.assertEqual(one.keys(), other.keys())
        for name, array in one.items():
            pairs = [(array, other[name])] if name not in ('info', 'final_info') else [
                (column, other[name][key]) for key, column in array.items()]
            for ours, theirs in pairs:
                self.assertEqual(ours.tobytes(), theirs.tobytes(), name)

    def test_hello_lists_what_there_is(self):
        reply = self.client.hello()
        self.assertEqual(reply['v'], 1)
        self.assertEqual(len(reply['token']), 16)
        self.assertGreater(reply['session_timeout_ms'], 0)
        self.assertGreaterEqual(reply['max_rows'], ROWS)
        self.assertIn('default', reply['environments'])
        self.assertIn('short_sprint', reply['tracks'])
        self.assertEqual(len(reply['policy_hashes']), len(reply['environments']))
        self.assertEqual(len(reply['task_hashes']), len(reply['environments']))

    def test_hello_says_what_both_can_and_gets_a_timeout_within_bounds(self):
        reply = self.client.hello(capabilities=['flying'], nick='wire', timeout_ms=1)
        self.assertIn('resume', reply['capabilities'])
        self.assertEqual(reply['session_timeout_ms'], 1000)
        self.assertEqual((reply['message_timeout_ms'], reply['lease_grace_ms'], reply['last_id']), (1000, 30000, 0))
        self.assertNotIn('rows', reply)

    def test_successor_with_the_key_gets_the_missed_reply_and_goes_on(self):
        key = os.urandom(16)
        with Client(self.server.endpoint) as killed:
            killed.hello(key=key, timeout_ms=1)
            killed.attach()
            killed.batch('reset', b'', b'', b'')
            missed = killed.step(0)
            header, arrays = killed.last
        deadline = time.monotonic() + LONG_ENOUGH_MS / 1000
        while self.client.token is None:
            try:
                reply = self.client.hello(key=key, resume=True)
            except Refused as refusal:
                self.assertEqual(refusal.status, -22)  # its predecessor may still live
                self.assertLess(time.monotonic(), deadline)
        self.assertEqual((reply['last_id'], reply['rows'], reply['environment']), (header['id'], ROWS, 'default'))
        self.client.attached, self.client.observation_type = reply, '<f4'
        self.client._id = header['id'] - 1
        self.assertEqualBatches(self.client.step(0), missed)
        self.assertEqual(self.client.step(0)['info']['race_time'].tolist(), [100] * ROWS)
        with self.assertRaises(Refused) as refusal:
            self.client.exchange({'v': 1, 'op': 'ping', 'id': 7, 'token': header['token']})
        self.assertEqual(refusal.exception.status, -21)

    def test_attach_waits_for_rows_that_are_lent_to_others(self):
        wanted = {'environment': 'default', 'rows': 8, 'tracks': ['short_sprint']}  # all that there are
        self.client.hello()
        with Client(self.server.endpoint) as holder:
            holder.hello()
            holder.call('attach', b'', **wanted)
            with self.assertRaisesRegex(Refused, 'free are 0 simulated') as refusal:
                self.client.call('attach', b'', **wanted)
            self.assertEqual(refusal.exception.status, -1)
            self.client._id += 1
            header = {'v': 1, 'op': 'attach', 'id': self.client._id, 'token': self.client.token, **wanted}
            self.client.socket.send_multipart([msgpack.packb({**header, 'wait_ms': LONG_ENOUGH_MS}), b''])
            holder.call('detach', close=True)
        self.assertTrue(self.client.socket.poll(LONG_ENOUGH_MS))
        reply = msgpack.unpackb(self.client.socket.recv_multipart()[0])
        self.assertEqual((reply['id'], reply['status'], reply['rows']), (self.client._id, 0, 8))

    def test_spec_gives_each_column_its_name_unit_and_bounds(self):
        hello = self.client.hello()
        spec, _ = self.client.call('spec', environment='default')
        place = hello['environments'].index('default')
        self.assertEqual(spec['policy_hash'], hello['policy_hashes'][place])
        self.assertEqual(spec['task_hash'], hello['task_hashes'][place])
        for begin, rest in (('observation', ('unit', 'scale', 'low', 'high', 'measured')), ('info', ('type', 'unit', 'only_at_end')),
                            ('reward', ('weight', 'unit')), ('rules', ('terminate',)), ('randomisation', ('low', 'high', 'unit'))):
            for part in rest:
                self.assertEqual(len(spec[f'{begin}_{part}']), len(spec[begin]), part)
        self.assertEqual(spec['randomisation'], [])
        randomised, _ = self.client.call('spec', environment='randomised')
        self.assertIn('mass', randomised['randomisation'])
        self.assertEqual(spec['action_kind'], 0)
        self.assertIn('accelerate', spec['action'][0])

    def test_observations_are_finite_and_within_the_bounds_of_the_spec(self):
        first = self.started()
        spec, _ = self.client.call('spec', environment='default')
        low = numpy.float32(spec['observation_low'])
        high = numpy.float32(spec['observation_high'])
        self.assertEqual(len(spec['observation']), self.client.attached['observation_size'])
        for batch in [first] + [self.client.step(0) for _ in range(20)]:
            self.assertTrue(numpy.isfinite(batch['observations']).all())
            self.assertTrue((batch['observations'] >= low).all() and (batch['observations'] <= high).all())
        # velocity.z is the speed ahead: after a second of throttle some 57 km/h.
        column = spec['observation'].index('velocity.z')
        speed = batch['observations'][:, column] / spec['observation_scale'][column]
        numpy.testing.assert_allclose(speed * 3.6, 57.5, atol=3)

    def test_observations_come_as_halves_on_request(self):
        self.started()
        whole = [self.client.step(0) for _ in range(10)]
        self.client.call('detach')
        self.client.attach(observations='f16')
        self.client.batch('reset', b'', b'', b'')
        for batch in whole:
            halved = self.client.step(0)
            numpy.testing.assert_array_equal(halved['observations'], batch['observations'].astype('<f2'))
            numpy.testing.assert_array_equal(halved['rewards'], batch['rewards'])

    def test_steps_move_the_clock_and_pay(self):
        first = self.started()
        self.assertEqual(first['rewards'].tolist(), [0] * ROWS)
        self.assertEqual(first['info']['race_time'].tolist(), [0] * ROWS)
        for i in range(1, 5):
            batch = self.client.step(0)
            self.assertEqual(batch['status'].tolist(), [0] * ROWS)
            self.assertEqual(batch['info']['ticks'].tolist(), [5] * ROWS)
            self.assertEqual(batch['info']['race_time'].tolist(), [50 * i] * ROWS)
            self.assertEqual(batch['info']['valid'].tolist(), [1] * ROWS)
        self.assertTrue((batch['info']['progress'] > 0).all())

    def test_some_rows_step_in_the_order_asked_and_the_others_stand(self):
        self.started()
        batch = self.client.batch('step', struct.pack('<2i', 0, 0), struct.pack('<2i', 3, 1), rows=2)
        self.assertEqual(batch['info']['race_time'].tolist(), [50, 50])
        self.assertEqual(self.client.step(0)['info']['race_time'].tolist(), [50, 100, 50, 100])

    def test_sent_rows_are_received_as_they_are_done(self):
        self.started()
        one = struct.pack('<i', 0)
        for row in (2, 0, 3):
            self.client.call('send', one, struct.pack('<i', row))
        with self.assertRaisesRegex(Refused, 'rows') as refusal:
            self.client.call('send', one, struct.pack('<i', 2))
        self.assertEqual(refusal.exception.status, -65)
        self.assertEqual(self.client.step(0)['status'].tolist(), [5, 0, 5, 5])
        first = self.client.batch('recv', count=2, rows=2)
        self.assertEqual(first['rows'].tolist(), [0, 2])
        self.assertEqual(first['info']['race_time'].tolist(), [50, 50])
        rest = self.client.batch('recv', count=ROWS, rows=1)
        self.assertEqual(rest['rows'].tolist(), [3])
        self.assertEqual(self.client.step(0)['status'].tolist(), [0] * ROWS)

    def test_half_batches_in_flight_are_answered_in_order(self):
        self.started()
        halves = [struct.pack('<2i', *rows) for rows in ((0, 1), (2, 3))]
        first = self.client._id + 1
        for i in range(4):
            header = {'v': 1, 'op': 'step', 'id': first + i, 'token': self.client.token}
            self.client.socket.send_multipart([msgpack.packb(header), bytes(8), halves[i % 2]])
        for i in range(4):
            self.assertTrue(self.client.socket.poll(LONG_ENOUGH_MS))
            reply = msgpack.unpackb(self.client.socket.recv_multipart()[0])
            self.assertEqual((reply['id'], reply['status']), (first + i, 0))
        self.client._id += 4
        self.assertEqual(self.client.step(0)['info']['race_time'].tolist(), [150] * ROWS)

    def test_repeated_request_gets_the_same_bytes_and_steps_once(self):
        self.started()
        self.client.step(0)
        header, arrays = self.client.last
        once = self.client.exchange(header, arrays)
        again = self.client.exchange(header, arrays)
        self.assertEqual(once, again)
        self.assertEqual(self.client.step(0)['info']['race_time'].tolist(), [100] * ROWS)

    def test_saved_states_go_on_bit_for_bit(self):
        self.started()
        for _ in range(10):
            self.client.step(0)
        _, (ids, status) = self.client.call('save', b'')
        self.assertEqual(len(ids), 8 * ROWS)
        self.assertEqual(list(status), [0] * ROWS)
        first = [self.client.step(2) for _ in range(10)]
        restored = self.client.batch('restore', ids)
        self.assertEqual(restored['info']['race_time'].tolist(), [500] * ROWS)
        for batch in first:
            self.assertEqualBatches(self.client.step(2), batch)
        # A reset to one row's state begins an episode of its own length there.
        mask = bytes([0, 1, 0, 0])
        batch = self.client.batch('reset', mask, b'', ids)
        self.assertEqual(batch['status'].tolist(), [4, 0, 4, 4])
        self.assertEqual(batch['info']['race_time'].tolist()[1], 500)

    def test_states_move_as_bytes_and_tell_what_they_are_of(self):
        self.started()
        for _ in range(10):
            self.client.step(0)
        _, (ids, _) = self.client.call('save', b'')
        first = [self.client.step(2) for _ in range(10)]
        _, (sizes, states) = self.client.call('export', ids)
        self.client.call('drop', ids)
        with self.assertRaisesRegex(Refused, 'dropped') as refusal:
            self.client.call('export', ids)
        self.assertEqual(refusal.exception.status, -20)
        size = struct.unpack(f'<{ROWS}I', sizes)[0]
        magic, version, _, kind, _, policy_hash, task_hash, tick, game_size = struct.unpack_from(
            '<8sII24sQQQiI', states)
        self.assertEqual((magic, version, kind.rstrip(b'\0'), tick), (b'hotlapES', 3, b'simulated', 50))
        self.assertEqual(policy_hash, self.client.attached['policy_hash'])
        self.assertEqual(task_hash, self.client.attached['task_hash'])
        self.assertLess(game_size, size)
        _, (imported,) = self.client.call('import', sizes, states)
        self.client.batch('restore', imported)
        for batch in first:
            self.assertEqualBatches(self.client.step(2), batch)

    def test_branched_rows_share_a_future(self):
        self.started()
        for step in range(10):
            self.client.batch('step', struct.pack(f'<{ROWS}i', *range(ROWS)), b'')
        self.client.call('branch', b'', row=1)
        batch = self.client.step(0)
        for row in range(ROWS):
            self.assertEqual(batch['observations'][row].tobytes(), batch['observations'][1].tobytes())

    def test_same_step_brings_the_end_of_an_episode_beside_the_next_beginning(self):
        self.started(autoreset='same_step')
        for _ in range(4000):
            batch = self.client.step(0)
            ended = numpy.flatnonzero(batch['terminated'] | batch['truncated'])
            self.assertEqual(batch['final_rows'].tolist(), ended.tolist())
            if len(ended) > 0:
                break
        self.assertGreater(len(ended), 0)
        self.assertTrue((batch['info']['race_time'][ended] == 0).all())
        self.assertTrue((batch['final_info']['race_time'] > 0).all())
        self.assertTrue((batch['final_info']['end_reason'] > 0).all())
        self.assertTrue((batch['final_info']['episode_length'] > 0).all())

    def test_refusals_name_what_is_wrong_and_change_nothing(self):
        self.started()
        for header, arrays, status, word in (
                ({'op': 'step'}, [b'', b''], -65, 'actions'),
                ({'op': 'step'}, [bytes(8), struct.pack('<2i', 1, 1)], -65, 'rows'),
                ({'op': 'recv', 'count': ROWS + 1}, [], -65, 'count'),
                ({'op': 'recv'}, [], -3, 'count'),
                ({'op': 'step'}, [], -65, 'actions'),
                ({'op': 'step'}, [b''] * 3, -3, 'step'),
                ({'op': 'fly'}, [], -70, 'op'),
                ({'op': 'step', 'speed': 3}, [bytes(4 * ROWS), b''], -3, 'speed'),
                ({'op': 'restore'}, [bytes([255] * 8 * ROWS)], -20, 'snapshots'),
                ({'op': 'attach', 'environment': 'default', 'rows': 1, 'tracks': ['short_sprint']}, [b''], -64, '')):
            with self.subTest(header):
                with self.assertRaisesRegex(Refused, word) as refusal:
                    self.client.call(header.pop('op'), *arrays, **header)
                self.assertEqual(refusal.exception.status, status)
        with self.assertRaises(Refused) as refusal:
            self.client.exchange({'v': 1, 'op': 'step', 'id': 1, 'token': bytes(16)}, [bytes(4 * ROWS), b''])
        self.assertEqual(refusal.exception.status, -21)
        self.assertEqual(self.client.step(0)['info']['race_time'].tolist(), [50] * ROWS)

    def test_ping_needs_no_session_and_detach_gives_the_rows_back(self):
        self.client.exchange({'v': 1, 'op': 'ping', 'id': 7})
        for _ in range(3):  # eight rows: the third would find none if they were kept
            self.started()
            self.client.call('detach', close=True)
            with self.assertRaises(Refused) as refusal:
                self.client.exchange({'v': 1, 'op': 'ping', 'id': 7, 'token': self.client.token})
            self.assertEqual(refusal.exception.status, -21)
            self.client.forget()


class ServicesTest(unittest.TestCase):
    """What two clients of one server see of it and of each other."""

    def setUp(self):
        self.server = Server('--port', '0', '--max-conns', '2', '--chat-size', '2', settings='admin_key: secret\n')
        self.enterContext(self.server)
        self.driver = self.enterContext(Client(self.server.endpoint))
        self.spectator = self.enterContext(Client(self.server.endpoint))
        self.driver_id = self.driver.hello(nick='J\u00fcrgen')['session']
        self.spectator_id = self.spectator.hello(nick='Alain')['session']

    def drive(self, steps):
        self.driver.attach()
        self.driver.batch('reset', b'', b'', b'')
        for _ in range(steps):
            batch = self.driver.step(0)
        return batch

    def test_each_sees_the_other_and_no_third_one_comes_in(self):
        self.drive(3)
        self.driver.ask('ping', round_trip_us=250)
        online, _ = self.spectator.ask('sessions')
        self.assertEqual(online['sessions'], [self.driver_id, self.spectator_id])
        self.assertEqual(online['nicks'], ['J\u00fcrgen', 'Alain'])
        self.assertEqual(online['ranks'], [1, 2])
        self.assertEqual(online['statuses'][0], 2)
        self.assertEqual(online['rows'], [ROWS, 0])
        self.assertEqual(online['steps'], [3 * ROWS, 0])
        self.assertEqual(online['latencies_us'], [250, 0])
        third = self.enterContext(Client(self.server.endpoint))
        with self.assertRaises(Refused) as refusal:
            third.hello()
        self.assertEqual(refusal.exception.status, -1)

    def test_a_spectator_sees_the_cars_on_their_track(self):
        self.drive(20)
        games, _ = self.spectator.ask('instances')
        self.assertEqual(games['kinds'], ['simulated'] * ROWS)
        self.assertEqual(games['sessions'], [self.driver_id] * ROWS)
        self.assertEqual(games['rows'], list(range(ROWS)))
        self.assertEqual(games['ticks'], [100] * ROWS)
        _, frames = self.spectator.ask('states', struct.pack(f'<{ROWS}Q', *games['numbers']))
        known, _, race_times, _, positions, velocities, _, inputs = frames
        self.assertEqual(list(known), [1] * ROWS)
        self.assertEqual(struct.unpack(f'<{ROWS}i', race_times), (1000,) * ROWS)
        speeds = numpy.linalg.norm(numpy.frombuffer(velocities, '<f4').reshape(ROWS, 3), axis=1)
        numpy.testing.assert_allclose(speeds * 3.6, 57.5, atol=3)
        inputs = numpy.frombuffer(inputs, '<i4').reshape(ROWS, 6)
        self.assertTrue(((inputs[:, 4] == 1) | (inputs[:, 1] > 0)).all())  # the throttle is down

        track, frames = self.spectator.call('track', track=games['tracks'][0])
        points, half_widths = numpy.frombuffer(frames[0], '<f4').reshape(-1, 3), numpy.frombuffer(frames[3], '<f4')
        self.assertEqual(len(half_widths), 2 * len(points))
        self.assertGreater(len(frames[6]), 0)
        self.assertGreater(track['hash'], 0)
        for position in numpy.frombuffer(positions, '<f4').reshape(ROWS, 3):
            nearest = numpy.linalg.norm(points - position, axis=1).min()
            self.assertLess(nearest, half_widths.max())

    def test_they_talk_and_the_administrator_clears(self):
        for text in ('one', 'two', 'three'):
            self.driver.call('post_message', text=text)
        told, _ = self.spectator.ask('messages')
        self.assertEqual(told['texts'], ['two', 'three'])
        self.assertEqual(told['nicks'], ['J\u00fcrgen'] * 2)
        self.assertEqual(told['numbers'], [2, 3])
        with self.assertRaises(Refused) as refusal:
            self.spectator.call('clear_messages', admin_key='guess')
        self.assertEqual(refusal.exception.status, -40)
        self.spectator.call('clear_messages', admin_key='secret')
        self.assertEqual(self.driver.ask('messages')[0]['texts'], [])
        log, _ = self.driver.ask('logs', level='warning')
        self.assertEqual(log['lines'], [])  # the server logs errors alone
        stats, _ = self.driver.ask('stats')
        self.assertEqual(stats['server_sessions'], 2)
        self.assertGreaterEqual(stats['messages_in'], 5)

    def test_who_listens_hears_the_operator_and_that_the_server_leaves(self):
        ears = self.enterContext(Client(self.server.endpoint))
        ears.token = self.driver.token
        ears.ask('listen')
        self.spectator.call('announce', admin_key='secret', text='noon')
        event = ears.hear()
        self.assertEqual((event['kind'], event['mode'], event['text']), ('message', 1, 'noon'))
        again = ears.hear()  # until it is acknowledged
        self.assertEqual(again, event)
        ears.socket.send(msgpack.packb({'v': 1, 'op': 'ack', 'id': 1, 'token': ears.token, 'event': event['event']}))
        self.server.terminate()
        while (last := ears.hear()).get('kind') in (None, 'message'):  # copies, and the reply to the ack
            pass
        self.assertEqual(last['kind'], 'shutting_down')
        self.server.__exit__()
        self.assertEqual(self.server.exit_status, 0)

    def test_whose_game_is_killed_hears_of_it(self):
        with Server('--port', '0', games=1) as server, Client(server.endpoint) as client:
            client.hello()
            client.attach(rows=1, kind='tminterface')
            client.call('reset', b'', b'', b'')
            games, _ = client.ask('instances')
            self.assertEqual((games['numbers'], games['kinds'], games['rows']), ([0], ['tminterface'], [0]))
            ears = self.enterContext(Client(server.endpoint))
            ears.token = client.token
            ears.ask('listen')
            for game in server.games():
                os.kill(game, signal.SIGKILL)
            self.assertEqual(client.batch('step', bytes(4))['truncated'].tolist(), [1])
            event = ears.hear()
            self.assertEqual((event['kind'], event['row'], event['mode']), ('replaced', 0, 1))
            deadline = time.monotonic() + LONG_ENOUGH_MS / 1000
            while games['losses'] == [0] and time.monotonic() < deadline:
                games, _ = client.ask('instances')
            self.assertGreaterEqual(games['losses'][0], 1)
            self.assertNotEqual(games['last_losses'], [''])
            client.call('detach', close=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--programs', required=True, type=pathlib.Path, help='where hotlap-serve is')
    arguments, rest = parser.parse_known_args()
    PROGRAMS = arguments.programs.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
