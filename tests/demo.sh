#!/usr/bin/env bash
# The demo of ./run demo: one server with sixteen games, a scripted driver on three tracks, a table and a picture.
# Usage: tests/demo.sh DIRECTORY_OF_PROGRAMS
set -euo pipefail
programs=$1
out=build/demo
mkdir -p "$out"
work=$(mktemp -d)
endpoint="ipc://$work/hotlap"

exec 3< <(exec "$programs/hotlap-serve" --endpoint "$endpoint" --simulated 8 --games 8 --log-level warning)
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
read -r -t 30 ready <&3 || { echo "demo: the server did not start" >&2; exit 1; }
echo "hotlap-serve is $ready: 8 games in its process, 8 hotlap-game processes behind mapped buffers"

"$programs/hotlap-eval" --server "$endpoint" --policy pursuit --episodes 16 --rows 16 --kind any \
  --track short_sprint --track hairpins --track hockolicious --csv "$out/episodes.csv" --svg "$out/lines.svg"

kill "$server"
wait "$server"  # it ends its games first
trap 'rm -rf "$work"' EXIT
