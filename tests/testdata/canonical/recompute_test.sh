#!/bin/sh
# The second implementation agrees with every vector.
cd "$(dirname "$0")" || exit 1
command -v python3 > /dev/null || { echo "skipped: there is no python3"; exit 0; }
exec python3 recompute.py *.txt
