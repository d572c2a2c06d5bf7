#!/usr/bin/env python3
"""Trains from scratch, judges what was learnt with hotlap-eval, and prints the tables of docs/training.md.

    train_report.py sprint      one short training for each of ten seeds on short_sprint
    train_report.py tracks      one longer training on each of some built-in tracks
    train_report.py generated   one training on generated tracks, judged on 200 that it has not seen

Nothing is taken from the training itself but the weights of its best trial: the times are those of hotlap-eval. What is there
already in the directory of the trainings is taken as it is, as far as it has come.
"""
import argparse
import csv
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRACKS = ['short_sprint', 'hairpins', 'oval', 's_curves', 'banked', 'chicanes']
UNSEEN = [f'generated:{seed}:0.5' for seed in range(1_000_001, 1_000_201)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=['sprint', 'tracks', 'generated'])
    parser.add_argument('--programs', type=pathlib.Path, required=True, help='directory of the built programs')
    parser.add_argument('--out', type=pathlib.Path, required=True, help='directory for the trainings')
    parser.add_argument('--minutes', type=float, help='of each training, at most (default: 3, 20, 60)')
    parser.add_argument('--seeds', type=int, default=10, help='of sprint (default: 10)')
    parser.add_argument('--tracks', nargs='+', default=TRACKS, help=f'names (default: {" ".join(TRACKS)})')
    parser.add_argument('--docs', type=pathlib.Path,
                        help='directory of training.md: writes the table into it, and the curves into its training/')
    arguments = parser.parse_args()
    if arguments.docs:
        parts_of_page(arguments)
    table, shown = {'sprint': sprint, 'tracks': tracks, 'generated': generated}[arguments.what](arguments)
    print('\n' + '\n'.join(table))
    if arguments.docs:
        document(arguments, table, shown)


def document(arguments, table, shown):
    """Puts the table, and the curves of the trainings that are shown, between the marks of this command in the page."""
    (arguments.docs / 'training').mkdir(exist_ok=True)
    for name in shown:
        shutil.copy(arguments.out / name / 'curves.svg', arguments.docs / 'training' / f'{name}.svg')
    page, before, after = parts_of_page(arguments)
    pictures = [f'![Curves of {name}](training/{name}.svg)' for name in shown]
    page.write_text(before + '\n'.join(table + [''] + pictures) + '\n' + after)


def parts_of_page(arguments):
    """The page, what stands before the place of the table in it, and what stands after it."""
    page = arguments.docs / 'training.md'
    mark, end = f'<!-- ./run train {arguments.what} -->\n', '<!-- end -->\n'
    before, found, rest = page.read_text().partition(mark)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise SystemExit(f'{page}: no place for the table: no {mark.strip()} with an {end.strip()} behind it')
    return page, before + mark, end + after


def sprint(arguments):
    table = header('seed', 'first finish of a trial after', 'steps until then', 'best trial in the end', 'trained')
    for seed in range(1, arguments.seeds + 1):
        out = arguments.out / f'sprint-{seed}'
        train(arguments, 'ppo_sprint', out, arguments.minutes or 3, '--seed', str(seed))
        first = next((row for row in rows(out) if row['trial_finish_rate'] == '1'), None)
        begun = f'{float(first["wall_s"]):.0f} s | {float(first["steps"]) / 1e6:.1f} million' if first else 'never |'
        time = judge(arguments, out, ['short_sprint'])['tracks'][0]['finish_time_ms']
        table.append(f'| {seed} | {begun} | {seconds(time and time["best"])} | {spent(rows(out)[-1])} |')
    return table, ['sprint-1']


def tracks(arguments):
    table = header('track', 'lower bound', '`pursuit`', 'learnt', 'of the bound', 'of `pursuit`', 'trained')
    for name in arguments.tracks:
        out = arguments.out / name
        train(arguments, 'ppo_track', out, arguments.minutes or 20, '--track', name)
        learnt = judge(arguments, out, [name])['tracks'][0]
        pursuit = evaluate(arguments, out / 'pursuit', ['--policy', 'pursuit', '--track', name])['tracks'][0]
        best, scripted = (found['finish_time_ms'] and found['finish_time_ms']['best'] for found in (learnt, pursuit))
        bound = learnt['lower_bound_ms']
        last = rows(out)[-1]
        table.append(f'| `{name}` | {seconds(bound)} | {seconds(scripted)} | {seconds(best)} | {ratio(best, bound)} | '
                     f'{ratio(best, scripted)} | {spent(last)} |')
    return table, arguments.tracks


def generated(arguments):
    out = arguments.out / 'generated'
    train(arguments, 'ppo_generated', out, arguments.minutes or 60)
    report = judge(arguments, out, UNSEEN, weights='latest.weights')
    finished = sum(track['finished'] for track in report['tracks'])
    last = rows(out)[-1]
    return [*header('unseen tracks of difficulty 0.5', 'finished', 'share', 'trained'),
            f'| {len(UNSEEN)} | {finished} | {finished / len(UNSEEN):.1%} | {spent(last)} |'], ['generated']


def train(arguments, config, out, minutes, *flags):
    """Goes on with what is there already, up to the same minutes in all."""
    done = (out / 'checkpoint').exists()
    left = minutes - (float(rows(out)[-1]['wall_s']) / 60 if done else 0)
    if left <= 0.05:
        return
    command = [str(arguments.programs / 'hotlap-train'), '--out', str(out), '--minutes', f'{left:.2f}']
    command += ['--resume'] if done else [str(ROOT / f'configs/agents/{config}.yaml'), *flags]
    print(f'{out.name}: {left:.1f} min', flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def judge(arguments, out, names, weights='best.weights'):
    flags = ['--policy', str(out / weights)]
    for name in names:
        flags += ['--track', name]
    return evaluate(arguments, out / 'evaluation', flags)


def evaluate(arguments, out, flags):
    command = [str(arguments.programs / 'hotlap-eval'), '--episodes', '1', '--perturbation', 'none', '--out', str(out), *flags]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / 'report.json').read_text())


def rows(out):
    with (out / 'progress.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def header(*names):
    return ['| ' + ' | '.join(names) + ' |', '|' + '---|' * len(names)]


def spent(row):
    return f'{float(row["steps"]) / 1e6:.1f} million steps, {float(row["wall_s"]) / 60:.1f} min'


def seconds(ms):
    return '-' if ms is None else f'{ms / 1000:.2f} s'


def ratio(time, other):
    return '-' if time is None or not other else f'{time / other:.3f}'


if __name__ == '__main__':
    sys.exit(main())
