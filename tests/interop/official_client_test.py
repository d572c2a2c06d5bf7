#!/usr/bin/env python3
"""Drives hotlap-game with the official TMInterface client for Python, unmodified.

    python3 tests/interop/official_client_test.py --game build/release/bin/hotlap-game

Needs the packages of requirements.txt; without them it looks for build/interop-venv.
"""
import argparse
import importlib.util
import os
import pathlib
import struct
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
if importlib.util.find_spec('tminterface') is None:
    python = ROOT / 'build' / 'interop-venv' / 'bin' / 'python'
    if not python.exists() or pathlib.Path(sys.prefix) == python.parents[1]:
        sys.exit('official_client_test: install tests/interop/requirements.txt into build/interop-venv first')
    os.execv(python, [python, *sys.argv])

import linux_mapping  # noqa: E402
from game import TRACKS, Game  # noqa: E402
from tminterface.client import Client  # noqa: E402
from tminterface.constants import MODE_RUN, MODE_SIMULATION  # noqa: E402
from tminterface.interface import ServerException, TMInterface  # noqa: E402
from tminterface.structs import CheckpointData, CheckpointTime  # noqa: E402

linux_mapping.install()
PROGRAM = None
LONG_ENOUGH_S = 20


def lines_of(events):
    return events.to_commands_str().splitlines()


class Driver(Client):
    """Hands each run step to `step(iface, time)` until that returns True.

    The client calls back on a thread of its own; what goes wrong there fails the test.
    """

    def __init__(self, step=lambda iface, time: True):
        super().__init__()
        self.step = step
        self.error = None
        self.is_done = threading.Event()
        self.was_registered = threading.Event()
        self.was_deregistered = threading.Event()
        self.was_shut_down = threading.Event()
        self.passes = []
        self.laps = []
        self.times = []
        self.custom_commands = []

    def guarded(self, call, *arguments):
        if self.is_done.is_set():  # the game runs on until the test's thread stops the client
            return
        try:
            if call(*arguments):
                self.is_done.set()
        except BaseException as error:  # to the test's thread
            self.error = error
            self.is_done.set()

    def on_registered(self, iface):
        self.was_registered.set()

    def on_deregistered(self, iface):
        self.was_deregistered.set()

    def on_shutdown(self, iface):
        self.was_shut_down.set()

    def on_run_step(self, iface, _time):
        self.guarded(self.recorded_step, iface, _time)

    def recorded_step(self, iface, time):
        self.times.append(time)
        return self.step(iface, time)

    def on_checkpoint_count_changed(self, iface, current, target):
        self.guarded(self.passes.append, (current, target))

    def on_laps_count_changed(self, iface, current):
        self.guarded(self.laps.append, current)

    def on_custom_command(self, iface, time_from, time_to, command, args):
        self.custom_commands.append((time_from, time_to, command, args))

    def on_client_exception(self, iface, exception):
        self.error = exception
        self.is_done.set()


class GameTestCase(unittest.TestCase):
    def drive(self, game, driver, leave=True):
        """Runs the driver to its end; leaves the game then, as a script that ends does."""
        iface = TMInterface(game.name)
        iface.register(driver)
        is_done = driver.is_done.wait(LONG_ENOUGH_S)
        if not is_done or driver.error:
            # The client waits for a response without a limit; give its thread one, so that it ends.
            iface.running = False
            while iface.thread.is_alive():
                iface.mfile[0:8] = struct.pack('ii', 0xFF01, 0)
                iface.thread.join(0.01)
        if driver.error:
            raise driver.error
        if not is_done:
            self.fail(f'the driver does not end; its last steps: {driver.times[-3:]}; {game.log()}')
        if leave:
            iface.running = False
            iface.thread.join()
            iface.close()
        return iface


class RaceTest(GameTestCase):
    def race(self, step, driver=None, **game):
        """A race in a game of its own."""
        driver = driver or Driver()
        driver.step = step
        with Game(PROGRAM, **game) as running:
            self.drive(running, driver)
        return driver

    def test_counts_down_and_shows_the_state_at_the_start(self):
        def step(iface, time):
            state = iface.get_simulation_state()
            self.assertEqual(state.race_time, time)
            self.assertEqual(state.time, time + 2610)
            self.assertEqual(iface.get_context_mode(), MODE_RUN)
            if time < 0:
                return False
            self.assertEqual(time, 0)
            self.assertEqual(state.context_mode, MODE_RUN)
            self.assertEqual(state.position[0], 100)
            self.assertEqual(state.position[2], 100)
            self.assertEqual(state.velocity, [0, 0, 0])
            self.assertEqual(state.display_speed, 0)
            self.assertAlmostEqual(float(state.yaw_pitch_roll[0]), 0, places=6)
            self.assertEqual(state.rewind_time, 10)
            self.assertEqual([t.time for t in state.cp_data.cp_times], [-1, -1, -1])
            self.assertEqual(list(state.cp_data.cp_states), [False, False, False])
            self.assertEqual(state.scene_mobil.engine.max_rpm, 11000)
            self.assertEqual(state.player_info.countdown_time, 2600)
            self.assertTrue(state.simulation_wheels[0].steerable)
            self.assertFalse(state.simulation_wheels[2].steerable)
            return True

        driver = self.race(step)
        self.assertTrue(driver.was_registered.is_set())
        self.assertEqual(driver.times, list(range(driver.times[0], 10, 10)))
        self.assertGreaterEqual(driver.times[0], -2600)

    def test_inputs_act_on_the_next_tick(self):
        speeds = []

        def step(iface, time):
            state = iface.get_simulation_state()
            if time == 0:
                iface.set_input_state(accelerate=True)
            elif time == 10:
                self.assertTrue(state.input_accelerate)
                self.assertFalse(state.input_brake)
                iface.set_input_state(steer=-20000, gas=30000, left=True)
            elif time == 20:
                self.assertTrue(state.input_accelerate, 'what is not named stays as it was')
                self.assertEqual(state.input_steer, -20000)
                self.assertEqual(state.input_gas, 30000)
                self.assertTrue(state.input_left)
                self.assertFalse(state.input_right)
                iface.set_input_state(accelerate=True, left=False, steer=0, gas=0)
            if time >= 20:
                speeds.append(state.velocity[2])
            return time == 1000

        self.race(step)
        self.assertGreater(speeds[-1], 10)
        self.assertEqual(speeds, sorted(speeds))

    def test_rewinds_to_a_saved_state_and_drives_the_same_bits_again(self):
        seen = {}

        def step(iface, time):
            if time < 0:
                return False
            state = iface.get_simulation_state()
            if time == 500 and 'saved' not in seen:
                seen['saved'] = state
            key = 'again' if 'rewound' in seen else 'first'
            seen.setdefault(key, {})[time] = bytes(state.data)
            if time == 900 and 'rewound' not in seen:
                seen['rewound'] = True
                iface.rewind_to_state(seen['saved'])
                time = 500
            iface.set_input_state(accelerate=True, steer=(time * 37) % 65536)
            return time == 900

        driver = self.race(step)
        self.assertEqual(min(seen['again']), 510, 'the tick after the restored state runs at once')
        for time, data in seen['again'].items():
            self.assertEqual(data, seen['first'][time], f'at {time} ms')
        self.assertIn((0, 3), driver.passes, 'the client itself tells the checkpoints of the state')

    def test_edited_state_takes_effect(self):
        def step(iface, time):
            if time == 200:
                state = iface.get_simulation_state()
                state.position = [state.position[0], state.position[1], 150.0]
                state.dyna.current_state.linear_speed = [0.0, 0.0, 30.0]
                iface.rewind_to_state(state)
            if time == 210:
                state = iface.get_simulation_state()
                self.assertAlmostEqual(state.position[2], 150.3, delta=0.05)
                self.assertAlmostEqual(state.velocity[2], 30, delta=0.5)
                return True
            return False

        self.race(step)

    def test_event_buffer_holds_the_inputs_of_the_race(self):
        def step(iface, time):
            if time == 0:
                iface.set_input_state(accelerate=True)
            elif time == 300:
                self.saved = iface.get_simulation_state()
                iface.set_input_state(steer=-65536)
            elif time == 500:
                iface.set_input_state(steer=1234, accelerate=False)
                iface.horn()
            elif time == 600:
                events = iface.get_event_buffer()
                self.assertEqual(events.events_duration, 600)
                self.assertEqual([e.time for e in events.events], sorted((e.time for e in events.events), reverse=True))
                self.assertEqual(len(events.find(event_name='_FakeIsRaceRunning')), 1)
                self.assertEqual(len(events.find(event_name='Accelerate', time=0, value=True)), 1)
                self.assertEqual(len(events.find(event_name='Accelerate', time=500, value=False)), 1)
                self.assertEqual(len(events.find(event_name='Steer (analog)', time=300, value=-65536)), 1)
                self.assertCountEqual(lines_of(events), ['0 press up', '300 steer -65536', '500 rel up',
                                                         '500 steer 1234', '500 press horn'])
                iface.rewind_to_state(self.saved)
                self.saved = None
            elif time == 310 and not self.saved:
                self.assertEqual(lines_of(iface.get_event_buffer()), ['0 press up'])
                return True
            return False

        self.race(step)

    def test_event_buffer_can_be_set(self):
        def step(iface, time):
            if time != 100:
                return False
            events = iface.get_event_buffer()
            events.clear()
            events.add(50, 'Brake', True)
            events.add(20, 'Steer (analog)', -77)
            iface.set_event_buffer(events)
            self.assertEqual(lines_of(iface.get_event_buffer()), ['20 steer -77', '50 press down'])
            return True

        self.race(step)

    def test_checkpoints_to_the_finish_and_beyond(self):
        class Finisher(Driver):
            finish_time = None

            def on_checkpoint_count_changed(self, iface, current, target):
                super().on_checkpoint_count_changed(iface, current, target)
                if current == target:
                    state = iface.get_simulation_state()
                    self.finish_time = state.race_time
                    self.finish_cp_times = [t.time for t in state.cp_data.cp_times]
                    iface.prevent_simulation_finish()

        def step(iface, time):
            iface.set_input_state(accelerate=True)
            if driver.finish_time and time == driver.finish_time:
                state = iface.get_simulation_state()
                self.assertEqual([t.time for t in state.cp_data.cp_times][:2], driver.finish_cp_times[:2])
                self.assertEqual(state.cp_data.cp_times[2].time, -1, 'the finish was prevented')
                self.assertEqual(list(state.cp_data.cp_states)[:2], [True, True])
                self.assertFalse(state.player_info.race_finished)
            return driver.finish_time and time == driver.finish_time + 200

        driver = Finisher()
        self.race(step, driver)
        self.assertEqual(driver.passes, [(1, 3), (2, 3), (3, 3)])
        self.assertEqual(driver.finish_cp_times[2], driver.finish_time)
        self.assertEqual(driver.finish_cp_times, sorted(driver.finish_cp_times))

    def test_race_clock_stands_after_a_finish_and_giving_up_starts_anew(self):
        seen = {'frozen': 0}

        def step(iface, time):
            iface.set_input_state(accelerate=True)
            if (3, 3) not in driver.passes:
                return False
            state = iface.get_simulation_state()
            if time < 0:
                self.assertEqual([t.time for t in state.cp_data.cp_times], [-1, -1, -1])
                return True
            self.assertEqual(state.player_info.race_finished, True)
            self.assertEqual(time, state.cp_data.cp_times[2].time)
            seen['frozen'] += 1
            if seen['frozen'] == 5:
                self.assertGreater(state.time, time + 2610, 'the tick clock runs on')
                iface.give_up()
            return False

        driver = Driver()
        self.race(step, driver)
        self.assertEqual(driver.times[-1], -2600)

    def test_checkpoint_state_is_read_and_set(self):
        def step(iface, time):
            if time == 100:
                self.assertEqual(iface.get_checkpoint_state().cp_states_length, 3)
                times = [CheckpointTime() for _ in range(3)]
                for entry, passed in zip(times, (50, -1, -1)):
                    entry.time = passed
                data = CheckpointData([True, False, False], times)
                iface.set_checkpoint_state(data)
                state = iface.get_simulation_state()
                self.assertEqual([t.time for t in state.cp_data.cp_times], [50, -1, -1])
                self.assertEqual(list(state.cp_data.cp_states), [True, False, False])
                return True
            return False

        self.race(step)

    def test_respawns_at_the_last_checkpoint(self):
        seen = {}

        def step(iface, time):
            state = iface.get_simulation_state()
            if time < 0:
                return False
            iface.set_input_state(accelerate=True)
            if driver.passes and state.position[2] > 170 and 'respawned' not in seen:
                seen['respawned'] = time
                self.assertEqual(state.num_respawns, 0)
                iface.respawn()
            elif 'respawned' in seen:
                self.assertEqual(state.num_respawns, 1)
                self.assertEqual(time, seen['respawned'] + 10)
                self.assertAlmostEqual(state.position[2], 150, delta=1)
                self.assertEqual(len(iface.get_event_buffer().find(event_name='Respawn', value=True)), 1)
                return True
            return False

        driver = Driver()
        self.race(step, driver)

    def test_respawn_without_a_checkpoint_restarts_unless_told_otherwise(self):
        seen = []

        def step(iface, time):
            if time == 200:
                seen.append('respawn')
                if len(seen) == 2:
                    iface.execute_command('set start_respawn true')
                    return False
                iface.respawn()
            elif time == 300 and len(seen) == 2:
                iface.respawn()
            elif time == 310:
                state = iface.get_simulation_state()
                self.assertEqual(state.num_respawns, 1)
                return True
            return False

        driver = self.race(step)
        self.assertIn(-2600, driver.times[driver.times.index(200):])

    def test_commands_run_at_the_next_frame(self):
        with Game(PROGRAM) as game:
            def step(iface, time):
                state = iface.get_simulation_state()
                if time == 100:
                    iface.execute_command('press up; steer -30000')
                    iface.execute_command('set some_variable 7')
                    iface.execute_command('fly home')
                elif time == 110:
                    self.assertFalse(state.input_accelerate, 'queued for the next frame')
                elif time == 120:
                    self.assertTrue(state.input_accelerate)
                    self.assertEqual(state.input_steer, -30000)
                    iface.execute_command('rel up')
                    iface.execute_command('steer 0')
                elif time == 140:
                    self.assertFalse(state.input_accelerate)
                    self.assertEqual(state.input_steer, 0)
                    return True
                return False

            self.drive(game, Driver(step))
            game.await_log('some_variable is 7')
            game.await_log("there is no command 'fly'")

    def test_map_command_loads_another_track(self):
        seen = {}

        def step(iface, time):
            if time == 100 and not seen:
                seen['loaded'] = True
                iface.execute_command('map "no such file.yaml"')
                iface.execute_command('map "ring.yaml"')  # beside the track that is loaded
            elif seen and time == 0:
                self.assertEqual(len(iface.get_simulation_state().cp_data.cp_times), 6)
                self.assertEqual(len(iface.get_simulation_state().cp_data.cp_states), 3)
                return True
            return False

        with Game(PROGRAM) as game:
            driver = Driver(step)
            self.drive(game, driver)
            game.await_log('no such file.yaml')
        self.assertIn(-2600, driver.times[driver.times.index(100):])

    def test_log_reaches_the_games_console(self):
        with Game(PROGRAM) as game:
            def step(iface, time):
                for severity in ('log', 'success', 'warning', 'error'):
                    iface.log(f'a word of {severity}', severity)
                return True

            self.drive(game, Driver(step))
            for severity, level in (('log', 'info'), ('success', 'info'), ('warning', 'warning'), ('error', 'error')):
                game.await_log(f'[{level}] a word of {severity}')

    def test_custom_commands_come_from_scripts_and_from_the_console(self):
        with Game(PROGRAM) as game:
            def step(iface, time):
                if not driver.times[1:]:
                    iface.register_custom_command('greet')
                    with self.assertRaises(ServerException):
                        iface.register_custom_command('greet')
                    iface._clear_buffer()  # the client leaves an error response where it is
                    with self.assertRaises(ServerException):
                        iface.register_custom_command('map')
                    iface._clear_buffer()
                    iface.execute_command('greet "two words" x')
                    iface.execute_command('0.50-2.00 greet late')
                    iface.execute_command('1.20 greet')
                    game.type('greet typed')
                return len(driver.custom_commands) == 4

            driver = Driver(step)
            self.drive(game, driver)
            self.assertCountEqual(driver.custom_commands, [
                (-1, -1, 'greet', ['two words', 'x']),
                (500, 2000, 'greet', ['late']),
                (1200, -1, 'greet', []),
                (-1, -1, 'greet', ['typed']),
            ])

    def test_speed_zero_pauses_and_the_console_goes_on(self):
        with Game(PROGRAM, speed='1') as game:
            def step(iface, time):
                if len(driver.times) == 1:
                    iface.set_speed(100)
                elif time == 100:
                    iface.set_speed(0)
                return time == 200

            driver = Driver(step)
            self.paused_at = None
            threading.Thread(target=self.resume, args=(game, driver), daemon=True).start()
            self.drive(game, driver)
            self.assertEqual(self.paused_at, 100)

    def resume(self, game, driver):
        deadline = time.monotonic() + LONG_ENOUGH_S
        while not driver.times or driver.times[-1] < 100:
            if driver.is_done.is_set() or time.monotonic() > deadline:
                return
            time.sleep(0.005)
        time.sleep(0.2)  # nothing must happen meanwhile
        self.paused_at = driver.times[-1]
        game.type('set speed 50')

    def test_game_drops_a_client_that_is_late_and_takes_the_next(self):
        with Game(PROGRAM) as game:
            def late(iface, _time):
                iface.set_timeout(50)
                game.await_log('did not answer in time')
                return True

            self.drive(game, Driver(late))
            self.drive(game, Driver(lambda iface, _time: True))

    def test_client_without_a_timeout_may_think(self):
        def step(iface, _time):
            if len(driver.times) == 1:
                iface.set_timeout(-1)
                time.sleep(2.2)
                self.assertEqual(iface.get_simulation_state().race_time, _time)
            return len(driver.times) == 3

        driver = Driver()
        self.race(step, driver)
        self.assertEqual(driver.times[2], driver.times[0] + 20)

    def test_closing_frees_the_game_for_the_next_client(self):
        with Game(PROGRAM) as game:
            for _ in range(3):
                def step(iface, _time):
                    iface.close()
                    time.sleep(0.05)  # the client answers the call after that; the game must see the goodbye
                    return True

                driver = Driver(step)
                self.drive(game, driver, leave=False)
                self.assertTrue(driver.was_deregistered.is_set())

    def test_game_that_ends_says_so(self):
        with Game(PROGRAM) as game:
            driver = Driver()
            self.drive(game, driver, leave=False)
            self.assertEqual(game.close(), 0)
            self.assertTrue(driver.was_shut_down.wait(LONG_ENOUGH_S))
            self.assertTrue(driver.was_deregistered.is_set())
        self.assertFalse(os.path.exists(f'/dev/shm/{game.name}'))


class Simulator(Driver):
    """Hands simulation calls to `begin(iface)` and `step(iface, time)`; done at the end."""

    def __init__(self, begin, step):
        super().__init__(step)
        self.begin = begin
        self.result = None
        self.run_times = []

    def on_run_step(self, iface, _time):
        self.run_times.append(_time)

    def on_simulation_begin(self, iface):
        self.guarded(self.begin, iface)

    def on_simulation_step(self, iface, _time):
        self.guarded(self.recorded_step, iface, _time)

    def on_simulation_end(self, iface, result):
        self.result = result
        self.is_done.set()


class SimulationTest(GameTestCase):
    def simulate(self, script, begin, step):
        with tempfile.NamedTemporaryFile('w', suffix='.txt') as file:
            file.write(script)
            file.flush()
            simulator = Simulator(begin, step)
            with Game(PROGRAM, '--simulate', file.name) as game:
                self.drive(game, simulator)
        return simulator

    def test_script_is_simulated_to_the_finish(self):
        def begin(iface):
            self.assertEqual(iface.get_context_mode(), MODE_SIMULATION)
            self.events = iface.get_event_buffer()

        def step(iface, time):
            state = iface.get_simulation_state()
            self.assertEqual(state.context_mode, MODE_SIMULATION)
            self.assertEqual(state.time, time + 2610)
            if time == 1010:
                self.assertTrue(state.input_accelerate)
                self.assertEqual(state.input_steer, 100)

        simulator = self.simulate('0 press up\n1.00 steer 100\n', begin, step)
        self.assertEqual(simulator.passes, [(1, 3), (2, 3), (3, 3)])
        self.assertEqual(simulator.result, 1)
        self.assertEqual(simulator.times[0], -2600)
        self.assertEqual(simulator.times[-1], self.events.events_duration)
        self.assertEqual(lines_of(self.events), ['0 press up', '1000 steer 100'])

    def test_client_may_drive_and_rewind_once_validation_is_removed(self):
        seen = {}

        def begin(iface):
            iface.remove_state_validation()
            iface.set_simulation_time_limit(2000)

        def step(iface, time):
            state = iface.get_simulation_state()
            if time == 100:
                iface.set_input_state(accelerate=True, steer=-5000)
            elif time == 110:
                self.assertTrue(state.input_accelerate)
                self.assertEqual(state.input_steer, -5000)
                self.assertCountEqual(lines_of(iface.get_event_buffer()), ['100 press up', '100 steer -5000'])
                seen.setdefault('saved', state)
            elif time == 1000 and 'first' not in seen:
                seen['first'] = bytes(state.data)
                iface.rewind_to_state(seen['saved'])
            elif time == 1000:
                self.assertEqual(bytes(state.data), seen['first'], 'the events drive it again')

        simulator = self.simulate('0 press down\n', begin, step)
        self.assertIsNone(simulator.error)
        self.assertEqual(simulator.result, 0)
        self.assertEqual(simulator.times[-1], 2000)
        self.assertIn('first', seen)

    def test_changed_inputs_end_a_validated_simulation(self):
        def step(iface, time):
            if time == 100:
                iface.set_input_state(sim_clear_buffer=False, brake=True)

        simulator = self.simulate('0 press up\n', lambda iface: None, step)
        self.assertEqual(simulator.result, 2)
        self.assertEqual(simulator.times[-1], 100)

    def test_race_begins_after_the_simulation(self):
        simulator = Simulator(lambda iface: None, lambda iface, time: None)
        with Game(PROGRAM, track='ring') as game:
            with tempfile.NamedTemporaryFile('w', suffix='.txt') as file:
                file.write('0 press up\n')
                file.flush()
                simulator.on_run_step = lambda iface, _time: (
                    simulator.run_times.append(_time),
                    iface.execute_command(f'simulate "{file.name}"') if len(simulator.run_times) == 1 else None)
                iface = self.drive(game, simulator, leave=False)
                deadline = time.monotonic() + LONG_ENOUGH_S
                while -2600 not in simulator.run_times[1:] and time.monotonic() < deadline:
                    time.sleep(0.005)
                self.assertIn(-2600, simulator.run_times[1:])
                iface.running = False
                iface.thread.join()


if __name__ == '__main__':
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--game', required=True, help='path of hotlap-game')
    arguments, rest = parser.parse_known_args()
    PROGRAM = arguments.game
    unittest.main(argv=[sys.argv[0], *rest])
