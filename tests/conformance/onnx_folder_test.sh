#!/bin/bash
# Runs one folder of ONNX's suite: every case passes, but for those of onnx_unsupported.txt, which the importer
# refuses with a reason. A case that joins or leaves that list shows here.
set -euo pipefail

folder=/usr/share/libonnx-testdata/data/$1
if [[ ! -d $folder ]]; then
  echo "skipped: $folder is not there (Debian's libonnx-testdata)"
  exit 0
fi
output=$(tests/conformance/onnx --list-unsupported "$folder") || {
  echo "$output"
  exit 1
}
diff <(grep "^$1/" tests/conformance/onnx_unsupported.txt) <(sed -n "s|^    \($1/\)|\1|p" <<< "$output" | LC_ALL=C sort) || {
  echo "the importer refuses other cases, or for other reasons, than onnx_unsupported.txt has"
  exit 1
}
tail -n 1 <<< "$output"
