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
    tables = {'handshake_bench': ['--python', arguments.python], 'serve_bench': [], 'idle_bench': []}
    results = {'machine': {'cpu': cpu_name(), 'system': platform.platform()}}
    with tempfile.TemporaryDirectory() as directory:
        for name in [*google, *tables]:
            if arguments.only and arguments.only not in name:
                continue
            figures = pathlib.Path(directory) / f'{name}.json'
            if name in google:
                options = [f'--benchmark_out={figures}', '--benchmark_out_format=json']
            else:
                options = ['--out', str(figures), *tables[name]]
            print(f'\n{name}', flush=True)
            subprocess.run([str(arguments.programs / name), *options], check=True)
            results[name] = json.loads(figures.read_text())
    arguments.out.write_text(json.dumps(results, indent=1) + '\n')
    print(f'\nfigures: {arguments.out}')


def cpu_name():
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.processor()


if __name__ == '__main__':
    sys.exit(main())
