#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What `./dev test` says last: of each test of a log of `ctest --output-on-failure` that failed, its name, how it ended,
# and its first telling line.  Tests of ours begin that with FAIL; of others it is the first line that they said.
#
#   failures.sh LOG
set -euo pipefail

awk '
  function tell() {
    if (name != "") printf "  %s %s\n    %s\n", name, how, told != "" ? told : first != "" ? first : "said nothing"
    name = told = first = ""
  }
  /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    tell()
    if (match($0, /\*\*\*[A-Za-z :]*/)) {
      how = substr($0, RSTART + 3, RLENGTH - 3); sub(/ +$/, "", how)
      name = $0; sub(/^[^:]*: /, "", name); sub(/ .*/, "", name)
      if (how == "Skipped") name = ""
    }
    next
  }
  /^ +Start +[0-9]+: / || /% tests passed, / { tell(); next }
  told == "" && sub(/^FAIL:? /, "") { told = $0; next }
  first == "" && NF { first = $0 }
  END { tell() }' "$1"
