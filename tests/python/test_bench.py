"""The benchmark's figures are there and its table shows them; what they are is another matter."""

import json
import subprocess
import sys

from conftest import environment

from hotlap.bench import table


def test_it_measures_everybody_and_writes_what_it_prints(tmp_path):
    out = tmp_path / 'figures.json'
    command = [sys.executable, '-m', 'hotlap.bench', '--rows', '1', '2', '4', '--seconds', '0.01', '--repeats', '3',
               '--most-processes', '2', '--threads', '1', '--without', 'cpp', 'envpool', '--out', str(out)]
    run = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True, timeout=120)
    results = json.loads(out.read_text())['results']
    assert run.stdout == table(results) + '\n'
    assert [result['rows'] for result in results] == [1, 2, 4]
    expected = {'step', 'sync', 'async'}, {'step', 'halves', 'sync', 'async'}, {'step', 'halves', 'sync'}
    for result, names in zip(results, expected, strict=True):
        assert {name for name in result if '/' not in name} == {'rows', *names}
        assert ('step/async' in result) == ('async' in names)
        assert all(value > 0 for value in result.values())


def test_the_table_has_ratios_of_what_there_is():
    text = table([{'rows': 64, 'step': 3000.0, 'halves': 5000.0, 'cpp_step': 4000.0, 'cpp_halves': 5000.0, 'sync': 1.0,
                   'async': 200.0, 'step/cpp_step': 0.75, 'halves/cpp_halves': 1.0, 'step/async': 15.0, 'halves/async': 25.0},
                  {'rows': 1024, 'step': 4000.0, 'sync': 1.0}])
    title, first, second = (line.split() for line in text.splitlines())
    assert title == ['rows', 'step', 'halves', 'cpp_step', 'cpp_halves', 'sync', 'async', 'step/cpp_step', 'halves/cpp_halves',
                     'step/async', 'halves/async']
    assert first == ['64', '3000', '5000', '4000', '5000', '1', '200', '0.75', '1.00', '15.00', '25.00']
    assert second == ['1024', '4000', '-', '-', '-', '1', '-', '-', '-', '-', '-']
