#!/usr/bin/env bash
# The demo of ./run demo: one server with sixteen games, a scripted driver on every track (or those named), a table and a picture.
# Fails unless both kinds of games finish every track from each idle start, in the same bits, and nothing is left behind.
# Usage: tests/demo.sh DIRECTORY_OF_PROGRAMS [DIRECTORY_OF_RESULTS [TRACK...]]; those named only count with
# HOTLAP_TEST_SIZE=small, else all are raced
set -euo pipefail
programs=$1
out=${2:-build/demo}
tracks=("${@:3}")
if [ ${#tracks[@]} -eq 0 ] || [ "${HOTLAP_TEST_SIZE:-}" != small ]; then
  tracks=()
  for file in "$(dirname "$0")"/../configs/tracks/*.yaml; do tracks+=("$(basename "$file" .yaml)"); done
fi
starts=5  # the same run from each idle start, of 0 to 4 steps
games_of_a_kind=8

fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

mkdir -p "$out"
work=$(mktemp -d)
endpoint="ipc://$work/hotlap"

exec 3< <(exec "$programs/hotlap-serve" --endpoint "$endpoint" --simulated $games_of_a_kind --games $games_of_a_kind --log-level warning)
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
read -r -t 30 ready <&3 || fail "the server did not start"
echo "hotlap-serve is $ready: $games_of_a_kind games in its process, $games_of_a_kind hotlap-game processes behind mapped buffers"
games=$(cat "/proc/$server/task/"*/children)
names=()
for game in $games; do
  # As long as it becomes the program, its command line may be empty.
  for _ in {1..100}; do
    arguments=$(tr '\0' '\n' <"/proc/$game/cmdline")
    [[ $arguments != */hotlap-keeper* ]] || continue 2  # it ends them when the server is killed
    name=$(sed -n '/^--name$/{n;p}' <<<"$arguments")
    [ -z "$name" ] || break
    sleep 0.05
  done
  names+=("${name:?}")
done
[ ${#names[@]} -eq $games_of_a_kind ] || fail "${#names[@]} games are running instead of $games_of_a_kind"

status=0
"$programs/hotlap-eval" --server "$endpoint" --policy pursuit --rows $games_of_a_kind --kind simulated --kind tminterface \
  "${tracks[@]/#/--track=}" --out "$out" --svg "$out/lines.svg" || status=$?
[ $status -eq 0 ] || fail "hotlap-eval exited with status $status"

kill "$server"
wait "$server" || status=$?  # it ends its games first
trap 'rm -rf "$work"' EXIT
[ $status -eq 0 ] || fail "hotlap-serve exited with status $status"

for track in "${tracks[@]}"; do
  finished=$(awk -F, -v track="$track" '$1 == track && $5 == "finish"' "$out/simulated/episodes.csv" | wc -l)
  [ "$finished" -eq $starts ] || fail "$track was finished $finished times instead of $starts"
done
cmp "$out/simulated/episodes.csv" "$out/tminterface/episodes.csv" || fail "the games behind mapped buffers drove other laps"
[ -s "$out/lines.svg" ] || fail "there is no picture"
for game in $games; do
  ! kill -0 "$game" 2>/dev/null || fail "game $game is still there"
done
for name in "${names[@]}"; do
  ! compgen -G "/dev/shm/*$name*" >/dev/null || fail "$name is still in /dev/shm"
done
[ ! -e "$work/hotlap" ] || fail "the server's socket is still there"
