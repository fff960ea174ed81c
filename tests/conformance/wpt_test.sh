#!/bin/bash
# Runs all shared vectors of the Web Platform Tests; arguments are the runner's.
set -euo pipefail

folder=${MODELD_SHARED:-}/wpt_cases
if [[ -z ${MODELD_SHARED:-} || ! -d $folder ]]; then
  echo "skipped: the shared vectors are not there (MODELD_SHARED)"
  exit 0
fi
exec tests/conformance/cases "$@" "$folder"
