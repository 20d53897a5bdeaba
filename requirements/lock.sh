#!/bin/sh
# Write the lock files anew: every version pinned with the hashes of its files, and no download address. Pins that still
# satisfy the .in files stay; UPGRADE=1 takes the newest. One set of files serves every Python named, or nothing is written.
set -eu

cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for python in "$@"; do
  here="$work/$(echo "$python" | tr -c 'A-Za-z0-9.\n' _)"
  mkdir "$here"
  cp ./*.in ./*.lock "$here"
  echo "locking with $python ($("$python" -c 'import sys; print(sys.version.split()[0])'))"
  "$python" -m venv "$here/venv"
  "$here/venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip pip-tools
  for set in runtime test build bench clients mitmproxy; do
    echo "  $set"
    (cd "$here" && venv/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
      --strip-extras --no-header --no-annotate --allow-unsafe ${UPGRADE:+--upgrade} "$set.in" --output-file "$set.lock")
  done
  rm -rf "$here/venv"
  first=${first:-$here}
  diff -r "$first" "$here" || { echo "$python resolves to other packages: pin them apart in the .in files" >&2; exit 1; }
done

cp "$first"/*.lock .
