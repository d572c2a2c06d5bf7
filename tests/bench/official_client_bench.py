#!/usr/bin/env python3
"""Ticks per second that the official TMInterface client for Python drives, as a learner does: in each
run step it reads the state and sets all inputs.

    official_client_bench.py --name NAME [--seconds S]     a game that runs already
    official_client_bench.py --game PATH [--seconds S]     a game of its own

Prints one line of JSON.
"""
import argparse
import contextlib
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'interop'))

import linux_mapping  # noqa: E402
from game import Game  # noqa: E402
from tminterface.client import Client  # noqa: E402
from tminterface.interface import TMInterface  # noqa: E402


class Learner(Client):
    def __init__(self):
        super().__init__()
        self.ticks = 0
        self.is_racing = threading.Event()

    def on_registered(self, iface):
        iface.set_timeout(-1)
        iface.give_up()

    def on_run_step(self, iface, _time):
        state = iface.get_simulation_state()
        # Circles that never come to a gate, and another value each tick.
        iface.set_input_state(accelerate=state.race_time >= 0, brake=False, left=False, right=False,
                              steer=-65536, gas=self.ticks % 65536)
        if _time >= 0:
            self.is_racing.set()
            self.ticks += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument('--name', help='of the shared memory of a game that runs')
    where.add_argument('--game', help='path of hotlap-game')
    parser.add_argument('--seconds', type=float, default=3)
    arguments = parser.parse_args()

    linux_mapping.install()
    game = Game(arguments.game) if arguments.game else contextlib.nullcontext()
    with game:
        learner = Learner()
        iface = TMInterface(arguments.name or game.name)
        iface.register(learner)
        if not learner.is_racing.wait(20):
            sys.exit('official_client_bench: the game does not race')
        began, ticks = time.perf_counter(), learner.ticks
        time.sleep(arguments.seconds)
        ticks_per_s = (learner.ticks - ticks) / (time.perf_counter() - began)
        iface.running = False
        iface.thread.join()
        iface.close()
    print(json.dumps({'official_client_ticks_per_s': round(ticks_per_s)}))


if __name__ == '__main__':
    main()
