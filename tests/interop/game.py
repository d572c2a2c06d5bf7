"""A hotlap-game process for the tests that drive it from Python."""
import os
import pathlib
import subprocess
import tempfile
import time

TRACKS = pathlib.Path(__file__).resolve().parent.parent / 'data' / 'tracks'


class Game:
    """Runs until the end of the with block. `log()` is what it has written so far."""

    _count = 0

    def __init__(self, program, *flags, track='straight', speed='max'):
        Game._count += 1
        self.name = f'hotlap-interop-{os.getpid()}-{Game._count}'
        # Two openings: each end has its own place in the file.
        self._log = tempfile.NamedTemporaryFile('r')
        log = open(self._log.name, 'a')
        self.process = subprocess.Popen(
            [program, '--name', self.name, '--track', TRACKS / f'{track}.yaml', '--speed', speed,
             '--exit-with-parent', str(os.getpid()), *flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        ready = self.process.stdout.readline().strip()
        if ready != f'ready {self.name}':
            self.close()
            raise RuntimeError(f'{program} is not ready: {ready!r} {self.log()}')

    def type(self, line):
        """A line on the game's console."""
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()

    def log(self):
        self._log.seek(0)
        return self._log.read()

    def await_log(self, text, timeout=10):
        deadline = time.monotonic() + timeout
        while text not in self.log():
            if time.monotonic() > deadline:
                raise AssertionError(f'{text!r} is not in the log:\n{self.log()}')
            time.sleep(0.005)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(timeout=10)
        self.process.stdin.close()
        self.process.stdout.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self._log.close()
