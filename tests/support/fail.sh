# SPDX-License-Identifier: MIT
#
# How scripts that are tests say what broke, on a line of its own that begins with FAIL and names the line of the
# script; `./dev test` looks for it.  They source this first.
# shellcheck shell=bash
set -Eeuo pipefail

# fail WHAT...: what was expected and what came.
fail() {
  printf 'FAIL %s:%s: %s\n' "${BASH_SOURCE[1]}" "${BASH_LINENO[0]}" "$*" >&2
  exit 1
}

# A command of which nobody expected it ends the test, which otherwise said nothing.  Subshells leave it to their parent.
unexpected() {
  local code=$1 source=$2 line=$3 command=$4
  [ "$BASHPID" = "$$" ] || return 0
  printf 'FAIL %s:%s: exit status %s of: %s\n' "$source" "$line" "$code" "$command" >&2
}
trap 'unexpected $? "${BASH_SOURCE[0]}" "$LINENO" "$BASH_COMMAND"' ERR
