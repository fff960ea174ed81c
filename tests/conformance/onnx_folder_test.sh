#!/bin/bash
# Runs one folder of ONNX's suite: every case passes, or the importer says why WebNN cannot express it.
set -euo pipefail

folder=/usr/share/libonnx-testdata/data/$1
if [[ ! -d $folder ]]; then
  echo "skipped: $folder is not there (Debian's libonnx-testdata)"
  exit 0
fi
exec tests/conformance/onnx "$folder"
