#!/usr/bin/env python3
"""Runs every benchmark, prints its table and gathers the figures of one run in one JSON file.

Quote ratios between rows of one run: on a shared machine single figures wander.
"""
import argparse
import json
import pathlib
import platform
import subprocess
import sys
import tempfile


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--programs', type=pathlib.Path, required=True, help='directory of the built benchmarks')
    parser.add_argument('--python', required=True, help='interpreter that has the official client')
    parser.add_argument('--out', type=pathlib.Path, required=True, help='JSON file to write')
    parser.add_argument('--only', help='run the benchmarks whose name contains this')
    arguments = parser.parse_args()

    google = ['sim_bench', 'environment_bench']
    tables = {'handshake_bench': ['--python', arguments.python], 'serve_bench': [], 'idle_bench': [],
              'flood_bench': [], 'train_bench': []}
    results = {'machine': {'cpu': cpu_name(), 'system': platform.platform()}}
    with tempfile.TemporaryDirectory() as directory:
        for name in [*google, *tables]:
            if arguments.only and arguments.only not in name:
                continue
            figures = pathlib.Path(directory) / f'{name}.json'
            if name in google:
                options = [f'--benchmark_out={figures}', '--benchmark_out_format=json',
                           '--benchmark_min_time=0.2', '--benchmark_repetitions=5',
                           '--benchmark_report_aggregates_only=true', '--benchmark_display_aggregates_only=true']
            else:
                options = ['--out', str(figures), *tables[name]]
            print(f'\n{name}', flush=True)
            subprocess.run([str(arguments.programs / name), *options], check=True)
            results[name] = json.loads(figures.read_text())
            if name == 'environment_bench':
                results['parts_of_a_step_ns'] = print_parts(results[name])
    arguments.out.write_text(json.dumps(results, indent=1) + '\n')
    print(f'\nfigures: {arguments.out}')


def print_parts(figures):
    """What each part takes of a step of one row, in ns: of 256 rows on one thread, medians."""
    def median(name):
        for figure in figures['benchmarks']:
            if figure['run_name'] == f'{name}/256/real_time' and figure.get('aggregate_name') == 'median':
                return figure['real_time'] / 256
        raise KeyError(name)
    whole, standing = median('Steps/default'), median('Steps/default_without_ticks')
    unobserved, reward = median('Steps/bookkeeping'), median('RewardAndRules')
    parts = {'ticks': whole - standing, 'observation': standing - unobserved, 'reward and rules': reward,
             'bookkeeping': unobserved - reward, 'all': whole}
    print('\na step of one row, default spec, 256 rows, one thread')
    for name, nanoseconds in parts.items():
        print(f'{name:>20} {nanoseconds:8.0f} ns')
    return parts


def cpu_name():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.processor()


if __name__ == '__main__':
    sys.exit(main())
