#!/bin/bash
# Installs modeld for the current user, or removes it. Called by tools/install and by bazel run //tools:install.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/install --user [--uninstall] [--dry-run]
   or: bazel run //tools:install -- --user [--uninstall] [--dry-run]

Installs for the current user: modeld and modelctl into ~/.local/bin, systemd user units, and modelctl's manual page
and completion for bash. Turns on socket activation when a systemd user manager can be reached. Installing again replaces the files and
restarts a running daemon.

  --uninstall  remove all of it and say what data remains
  --dry-run    only say what would be done

Environment: MODELD_INSTALL_PREFIX takes the place of ~/.local.
END
}

prefix=${MODELD_INSTALL_PREFIX:-${HOME:?}/.local}
share=$prefix/share
if [[ -z ${MODELD_INSTALL_PREFIX:-} && -n ${XDG_DATA_HOME:-} ]]; then
  share=$XDG_DATA_HOME
fi
bin_dir=$prefix/bin
unit_dir=$share/systemd/user
completion=$share/bash-completion/completions/modelctl
# man looks beside the folders of PATH, wherever XDG_DATA_HOME is.
man_page=$prefix/share/man/man1/modelctl.1
sockets=(modeld.socket modeld-memory.socket)
units=("${sockets[@]}" modeld.service)

user=false
uninstall=false
dry_run=false
# Folders as Bazel lays them out; sources and binaries lie in one when it runs this script.
binaries=$PWD
sources=$PWD
while (($#)); do
  case $1 in
    --user) user=true ;;
    --uninstall) uninstall=true ;;
    --dry-run) dry_run=true ;;
    --layout) # BINARIES SOURCES: for tools/install
      binaries=$2
      sources=$3
      shift 2
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done
if ! $user; then
  echo "install: only --user is there; modeld runs for one user at a time" >&2
  usage >&2
  exit 2
fi

# Says what is done, and does it unless this is a dry run.
step() { # DESCRIPTION COMMAND...
  echo "$1"
  if ! $dry_run; then
    "${@:2}"
  fi
}

have_systemd() {
  command -v systemctl > /dev/null && systemctl --user show-environment > /dev/null 2>&1
}

# A unit as systemd must read it: the daemon's path is the prefix's.
write_unit() { # NAME
  local text
  text=$(< "$sources/daemon/systemd/$1")
  if [[ $bin_dir != "$HOME/.local/bin" ]]; then
    text=${text//'%h/.local/bin'/$bin_dir}
  fi
  mkdir -p "$unit_dir"
  printf '%s\n' "$text" > "$unit_dir/$1"
  chmod 644 "$unit_dir/$1"
}

write_completion() {
  mkdir -p "$(dirname "$completion")"
  "$bin_dir/modelctl" completion bash > "$completion"
}

# Compressed where that can be done; man reads either, and only one is to be there.
write_man_page() {
  mkdir -p "$(dirname "$man_page")"
  "$bin_dir/modelctl" man > "$man_page"
  rm -f "$man_page.gz"
  if command -v gzip > /dev/null; then
    gzip -9n "$man_page"
  fi
}

enable_sockets() {
  systemctl --user daemon-reload
  systemctl --user enable --now "${sockets[@]}"
  # A daemon of the former version finishes what it runs; the sockets keep new clients waiting meanwhile.
  systemctl --user try-restart modeld.service
}

do_install() {
  local unit
  for unit in daemon/modeld tools/modelctl/modelctl; do
    if ! $dry_run && [[ ! -x $binaries/$unit ]]; then
      echo "install: the built program $unit is not there; run tools/install or bazel run //tools:install" >&2
      exit 1
    fi
  done
  step "install $bin_dir/modeld" install -D -m 755 "$binaries/daemon/modeld" "$bin_dir/modeld"
  step "install $bin_dir/modelctl" install -D -m 755 "$binaries/tools/modelctl/modelctl" "$bin_dir/modelctl"
  for unit in "${units[@]}"; do
    step "install $unit_dir/$unit" write_unit "$unit"
  done
  step "install $completion" write_completion
  step "install $man_page" write_man_page
  if have_systemd; then
    step "enable ${sockets[*]} in systemd's user manager" enable_sockets
    echo "modeld starts when a client connects. Try: modelctl status"
  else
    echo "No systemd user manager can be reached from here. In a login session of yours, run:"
    echo "    systemctl --user daemon-reload && systemctl --user enable --now ${sockets[*]}"
    echo "or run the daemon yourself: $bin_dir/modeld"
  fi
  case :$PATH: in
    *:"$bin_dir":*) ;;
    *) echo "$bin_dir is not in your PATH; add it to find modelctl (Debian's ~/.profile does at the next login)." ;;
  esac
}

disable_units() {
  systemctl --user disable --now "${sockets[@]}" || true
  systemctl --user stop modeld.service || true
}

# Removes a file, and the folders below the prefix that it leaves empty.
remove_file() {
  local folder
  rm -f "$1"
  folder=$(dirname "$1")
  while [[ $folder == "$prefix"/?* || $folder == "$share"/?* ]] && rmdir "$folder" 2> /dev/null; do
    folder=$(dirname "$folder")
  done
}

# The user's data stays: it is not this script's to delete.
report_data() {
  local kind path found=false
  while IFS='|' read -r kind path; do
    if [[ -d $path ]]; then
      $found || echo "Your data remains; delete these folders if you do not want it:"
      found=true
      printf '    %s  %s (%s)\n' "$(du -sh "$path" | cut -f1)" "$path" "$kind"
    fi
  done << END
models and compiled plans|${MODELD_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/modeld}
catalogue, pins and budgets|${MODELD_STATE_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/modeld}
configuration|${XDG_CONFIG_HOME:-$HOME/.config}/modeld
END
  $found || echo "No data of modeld remains."
}

do_uninstall() {
  local file any=false
  if have_systemd && [[ -e $unit_dir/modeld.socket ]]; then
    step "disable ${units[*]} in systemd's user manager" disable_units
  fi
  for file in "$bin_dir/modeld" "$bin_dir/modelctl" "${units[@]/#/$unit_dir/}" "$completion" "$man_page" "$man_page.gz"; do
    if [[ -e $file ]]; then
      any=true
      step "remove $file" remove_file "$file"
    fi
  done
  $any || echo "Nothing of modeld is installed in $prefix."
  if $any && have_systemd; then
    step "reload systemd's user manager" systemctl --user daemon-reload
  fi
  report_data
}

if $dry_run; then
  echo "dry run: nothing is changed"
fi
if $uninstall; then
  do_uninstall
else
  do_install
fi
