"""The tutorial's programs, as they stand there: each runs, in the order of the page."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT, environment

_PAGE = (ROOT / 'docs/tutorial.md').read_text()
_PROGRAMS = re.findall(r'^```python\n(.*?)^```', _PAGE, re.MULTILINE | re.DOTALL)
_WITHOUT_TORCH = [program for program in _PROGRAMS if 'stable_baselines3' not in program]


def run(program, folder):
    command = [sys.executable, '-c', program]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize('place', range(len(_WITHOUT_TORCH)))
def test_the_program_runs(tmp_path, place):
    run(_WITHOUT_TORCH[place], tmp_path)


def test_the_first_lap_is_as_the_page_says(tmp_path):
    said = re.search(r'`(FINISH after [\d.]+ s)`', _PAGE)[1]
    assert run(_PROGRAMS[0], tmp_path).strip() == said
    assert (tmp_path / 'pursuit.png').stat().st_size > 0


def test_what_was_learnt_is_evaluated(tmp_path):
    pytest.importorskip('stable_baselines3', reason='PyTorch is not installed: ./run test --long has it')
    out = tmp_path / 'build/sb3_ppo'
    few = ('--rows', '16', '--rollout', '64', '--batch', '512', '--steps', '2048')
    command = [sys.executable, ROOT / 'python/examples/sb3_ppo.py', *few, '--out', out]
    subprocess.run(command, env=environment(), check=True, timeout=120)
    printed = run(_PROGRAMS[-1], tmp_path)
    assert 'short_sprint' in printed
    assert 'oval' in printed
    assert (out / 'report/report.json').stat().st_size > 0
