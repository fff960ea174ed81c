#!/bin/bash
# Installs stand-in programs into scratch homes and removes them again. Prints "N passed, N failed".
set -euo pipefail

here=$PWD
scratch=$(mktemp -d "${TEST_TMPDIR:-/tmp}/install.XXXXXX")
runtime=$(mktemp -d /tmp/install.XXXXXX)
trap 'rm -rf "$scratch" "$runtime"' EXIT
passed=0
failed=0

# A tree as Bazel lays it out, with programs that do just enough.
layout=$scratch/layout
mkdir -p "$layout/daemon" "$layout/tools/modelctl"
printf '#!/bin/bash\nexec sleep "$@"\n' > "$layout/daemon/modeld"
# shellcheck disable=SC2016
printf '#!/bin/bash\ncase $* in
  "completion bash") echo "complete -F _modelctl modelctl" ;;
  man) echo ".TH MODELCTL 1" ;;
  *) exit 2 ;;
esac\n' > "$layout/tools/modelctl/modelctl"
chmod +x "$layout/daemon/modeld" "$layout/tools/modelctl/modelctl"

# A systemctl that writes down what it is told, or that reaches no manager.
mkdir -p "$scratch/reachable" "$scratch/unreachable"
# shellcheck disable=SC2016
printf '#!/bin/bash\n[[ $2 == show-environment ]] || echo "$*" >> "%s"\n' "$scratch/calls" \
  > "$scratch/reachable/systemctl"
printf '#!/bin/bash\nexit 1\n' > "$scratch/unreachable/systemctl"
chmod +x "$scratch"/*/systemctl

run_install() { # SYSTEMCTL HOME ARGUMENT...
  local systemctl=$1 home=$2
  shift 2
  mkdir -p "$home"
  : > "$scratch/calls"
  env -i PATH="$scratch/$systemctl:${PROGRAMS:-/usr/bin:/bin}" HOME="$home" ${PREFIX:+MODELD_INSTALL_PREFIX="$PREFIX"} \
    "$here/tools/packaging/install.sh" --layout "$layout" "$here" "$@" > "$scratch/output" 2>&1
}

files_in() {
  (cd "$1" && find . -mindepth 1 | sort)
}

says() {
  grep -qF -- "$1" "$scratch/output" || { echo "output lacks: $1" && cat "$scratch/output" && false; }
}

expected_files() {
  printf '%s\n' bin/modeld bin/modelctl share/bash-completion/completions/modelctl \
    share/systemd/user/modeld.service share/systemd/user/modeld.socket share/systemd/user/modeld-memory.socket \
    share/man/man1/modelctl.1.gz
}

installs_everything() {
  local home=$scratch/everything file
  run_install unreachable "$home" --user
  for file in $(expected_files); do
    [[ -f $home/.local/$file ]]
  done
  [[ $(cd "$home" && find . -type f | wc -l) == 7 ]]
  [[ -x $home/.local/bin/modeld && -x $home/.local/bin/modelctl ]]
  grep -q "complete -F" "$home/.local/share/bash-completion/completions/modelctl"
  gzip -dc "$home/.local/share/man/man1/modelctl.1.gz" | grep -qx ".TH MODELCTL 1"
  cmp "$here/daemon/systemd/modeld.service" "$home/.local/share/systemd/user/modeld.service"
  says "systemctl --user enable --now modeld.socket modeld-memory.socket"
  says "is not in your PATH"
}

uninstalls_everything_and_names_what_remains() {
  local home=$scratch/uninstall
  mkdir -p "$home/.local/bin" "$home/.cache/modeld"
  echo other > "$home/.local/bin/other"
  head -c 300000 /dev/zero > "$home/.cache/modeld/blob"
  files_in "$home" > "$scratch/before"
  run_install unreachable "$home" --user
  run_install unreachable "$home" --user --uninstall
  says "$home/.cache/modeld (models"
  says "K  "
  [[ $(grep -c '^remove ' "$scratch/output") == 7 ]]
  files_in "$home" | diff "$scratch/before" -
  run_install unreachable "$home" --user --uninstall
  says "Nothing of modeld is installed"
}

leaves_the_manual_page_plain_without_gzip() {
  local home=$scratch/plain pages=$scratch/plain/.local/share/man/man1 program
  mkdir "$scratch/programs"
  for program in bash chmod cut dirname du install mkdir rm rmdir; do
    ln -s "$(command -v "$program")" "$scratch/programs"
  done
  run_install unreachable "$home" --user
  PROGRAMS=$scratch/programs run_install unreachable "$home" --user
  [[ $(files_in "$pages") == ./modelctl.1 ]]
  grep -qx ".TH MODELCTL 1" "$pages/modelctl.1"
  run_install unreachable "$home" --user
  [[ $(files_in "$pages") == ./modelctl.1.gz ]]
  PROGRAMS=$scratch/programs run_install unreachable "$home" --user
  run_install unreachable "$home" --user --uninstall
  [[ -z $(files_in "$home/.local") ]]
}

says_when_no_data_remains() {
  run_install unreachable "$scratch/nodata" --user
  run_install unreachable "$scratch/nodata" --uninstall --user
  says "No data of modeld remains"
  [[ $(find "$scratch/nodata" -type f | wc -l) == 0 ]]
}

enables_and_disables_with_systemd() {
  local home=$scratch/systemd
  run_install reachable "$home" --user
  diff "$scratch/calls" - << 'END'
--user daemon-reload
--user enable --now modeld.socket modeld-memory.socket
--user try-restart modeld.service
END
  run_install reachable "$home" --user --uninstall
  diff "$scratch/calls" - << 'END'
--user disable --now modeld.socket modeld-memory.socket
--user stop modeld.service
--user daemon-reload
END
}

dry_runs_change_nothing() {
  local home=$scratch/dry
  run_install reachable "$home" --user --dry-run
  [[ -z $(files_in "$home") && ! -s $scratch/calls ]]
  says "install $home/.local/bin/modeld"
  run_install reachable "$home" --user
  files_in "$home" > "$scratch/before"
  run_install reachable "$home" --user --uninstall --dry-run
  says "remove $home/.local/bin/modeld"
  files_in "$home" | diff "$scratch/before" -
  [[ ! -s $scratch/calls ]]
}

another_prefix_gets_into_the_unit() {
  PREFIX=$scratch/prefix run_install unreachable "$scratch/home" --user
  grep -qx "ExecStart=$scratch/prefix/bin/modeld" "$scratch/prefix/share/systemd/user/modeld.service"
  [[ -z $(files_in "$scratch/home") ]]
  PREFIX=$scratch/prefix run_install unreachable "$scratch/home" --user --uninstall
  [[ -z $(files_in "$scratch/prefix") ]]
}

replaces_a_program_that_runs() {
  local home=$scratch/running daemon
  cp /bin/sleep "$scratch/sleep"
  cp "$scratch/sleep" "$layout/daemon/modeld.new"
  mv "$layout/daemon/modeld.new" "$layout/daemon/modeld"
  run_install unreachable "$home" --user
  "$home/.local/bin/modeld" 600 &
  daemon=$!
  # shellcheck disable=SC2064
  trap "kill $daemon" EXIT
  run_install unreachable "$home" --user
}

refuses_what_it_does_not_know() {
  local code
  for arguments in "" "--system" "--user --what" "--uninstall"; do
    code=0
    # shellcheck disable=SC2086
    run_install unreachable "$scratch/refused" $arguments || code=$?
    [[ $code == 2 ]]
    says "usage:"
  done
  [[ -z $(files_in "$scratch/refused") ]]
  mv "$layout/daemon/modeld" "$layout/daemon/away"
  code=0
  run_install unreachable "$scratch/refused" --user || code=$?
  mv "$layout/daemon/away" "$layout/daemon/modeld"
  [[ $code == 1 && -z $(files_in "$scratch/refused") ]]
  says "daemon/modeld is not there"
}

systemd_accepts_the_units() {
  local folder=$scratch/units
  mkdir -p "$folder"
  if ! command -v systemd-analyze > /dev/null; then
    echo "skipped: systemd-analyze is not installed"
    return
  fi
  cp daemon/systemd/*.service daemon/systemd/*.socket "$folder"
  # The program need not be there for the units to be right.
  sed -i "s|%h/.local/bin/modeld|/bin/sleep|" "$folder/modeld.service"
  # Sockets' paths are short, and what the machine's other units are like is not our matter.
  XDG_RUNTIME_DIR=$runtime HOME=$folder systemd-analyze verify --user --man=no "$folder"/* > "$scratch/output" 2>&1 ||
    { cat "$scratch/output" && false; }
  if grep modeld "$scratch/output"; then
    false
  fi
}

for test in installs_everything uninstalls_everything_and_names_what_remains \
  leaves_the_manual_page_plain_without_gzip says_when_no_data_remains \
  enables_and_disables_with_systemd dry_runs_change_nothing another_prefix_gets_into_the_unit \
  replaces_a_program_that_runs refuses_what_it_does_not_know systemd_accepts_the_units; do
  # A function called in a condition would run on after its first failure; a subshell on its own does not.
  set +e
  (
    set -e
    trap - EXIT
    "$test"
  )
  result=$?
  set -e
  if ((result == 0)); then
    passed=$((passed + 1))
    echo "passed: $test"
  else
    failed=$((failed + 1))
    echo "FAILED: $test"
  fi
done
echo "$passed passed, $failed failed"
((failed == 0))
