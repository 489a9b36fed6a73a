# shellcheck shell=bash
# What the download scripts share: the list of assets, --check, resumable downloads, own accounts.
# Sourced, never run. A script names its assets, defines `by_hand` and `get`, and calls `main "$@"`.

# Passwords must not land in a trace (bash -x) of this script.
set +x
called_in=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
program=$(basename "$0")
assets=()    # "target|what it is for"; a target may be a pattern
extras=()    # the same, for what a script lists but does not fetch
archive=""   # --from: an archive that the user already has
staging=""

say() { printf '%s\n' "$program: $*"; }
complain() { printf '%s\n' "$program: $*" >&2; }

asset() { assets+=("$1|$2"); }
extra() { extras+=("$1|$2"); }

count() { { compgen -G "$1" || true; } | wc -l; }
present() { [ "$(count "$1")" -gt 0 ]; }

all_present() {
  local entry
  for entry in "${assets[@]}"; do present "${entry%%|*}" || return 1; done
}

# Whether there is nothing left to do; a script whose assets are many files says so itself.
complete() { all_present; }

# A table of what is there and what is missing; fails if anything is that the script would fetch.
check() {
  local entry state target
  for entry in "${assets[@]}" ${extras[@]+"${extras[@]}"}; do
    target=${entry%%|*} state=MISSING
    if present "$target"; then state=present; fi
    case $target in *[*]*) target="$target  ($(count "$target"))" ;; esac
    printf '%-8s %-64s %s\n' "$state" "$target" "${entry#*|}"
  done
  all_present
}

# Ends the script: what the user can fetch by hand, and where it goes.
give_up() {
  complain "$1"
  { echo "To do it by hand:"; by_hand; } >&2
  exit 1
}

needs() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || give_up "the program '$tool' is not installed"
  done
}

# HTML instead of data: a log-in page, a quota page, a moved file.
is_page() { head -c 512 "$1" | tr -d '\0' | LC_ALL=C grep -aqi '<html\|<!doctype'; }

# finish FILE: the download is complete; FILE.part becomes FILE.
finish() {
  if [ ! -s "$1.part" ] || is_page "$1.part"; then
    rm -f "$1.part"
    return 1
  fi
  mv "$1.part" "$1"
}

# fetch URL FILE: resumes FILE.part. Fails as curl does: with 22 where the server has no such file.
fetch() {
  needs curl
  [ -s "$2" ] && return 0
  mkdir -p "$(dirname "$2")"
  say "fetching $(basename "$2")"
  curl --fail --location --proto '=https' --retry 3 --connect-timeout 20 \
    --continue-at - --output "$2.part" --url "$1" || return $?
  finish "$2"
}

drive_url() { printf 'https://drive.usercontent.google.com/download?id=%s&export=download&confirm=t' "$1"; }

urlencode() {
  local LC_ALL=C text=$1 i char number
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
      [a-zA-Z0-9.~_-]) printf '%s' "$char" ;;
      *) printf -v number '%d' "'$char"; printf '%%%02X' $((number & 255)) ;;
    esac
  done
}

# ask_account NAME SITE: sets `username` and `password` from NAME_USERNAME and NAME_PASSWORD, else
# from SMPL_USERNAME and SMPL_PASSWORD, else from the prompt, whose answer serves for all sites.
# Programs that we start see neither.
ask_account() {
  local user_variable="$1_USERNAME" password_variable="$1_PASSWORD"
  username=${!user_variable:-${SMPL_USERNAME:-}}
  password=${!password_variable:-${SMPL_PASSWORD:-}}
  export -n SMPL_USERNAME SMPL_PASSWORD "${user_variable?}" "${password_variable?}"
  if [ -z "$username" ] || [ -z "$password" ]; then
    [ -t 0 ] || give_up "no account for $2: set $user_variable and $password_variable, or run it in a terminal"
    echo "Your account of https://$2 (registration is free for research):"
    read -r -p "  user name: " username
    read -r -s -p "  password (not shown): " password
    echo
    SMPL_USERNAME=$username SMPL_PASSWORD=$password
  fi
}

# fetch_with_account URL FILE: log-in and download are one POST, the account goes in through stdin.
# curl resumes no POST, so we ask for the missing range ourselves.
fetch_with_account() {
  needs curl
  [ -s "$2" ] && return 0
  mkdir -p "$(dirname "$2")"
  append_range "$2"
  local have=0 failed=0 range=()
  if [ -s "$2.part" ]; then have=$(wc -c <"$2.part"); fi
  if [ "$have" -gt 0 ]; then range=(--header "Range: bytes=$have-"); fi
  say "fetching $(basename "$2")"
  printf 'username=%s&password=%s' "$(urlencode "$username")" "$(urlencode "$password")" |
    curl --fail --location --proto '=https' --connect-timeout 20 ${range[@]+"${range[@]}"} \
      --data @- --dump-header "$2.head" --output "$2.more" --url "$1" || failed=1
  append_range "$2"
  # 416: nothing was left to fetch when the last call was interrupted
  [ "$failed" = 0 ] || [ "$status" = 416 ] || return 1
  finish "$2"
}

# What a call (perhaps an earlier, interrupted one) received: the rest of the file, or all of it.
# Sets `status`, the last HTTP status.
append_range() {
  status=""
  if [ -f "$1.head" ]; then status=$(awk '/^HTTP\// { code = $2 } END { print code }' "$1.head"); fi
  [ -f "$1.more" ] || { rm -f "$1.head"; return 0; }
  case $status in
    206) cat "$1.more" >>"$1.part" ;;
    200) mv "$1.more" "$1.part" ;;
  esac
  rm -f "$1.more" "$1.head"
}

# unpack ARCHIVE FOLDER: all of it or nothing; names of the archive are kept.
unpack() {
  mkdir -p "$2"
  staging=$(mktemp -d "$2/.unpack.XXXXXX")
  trap 'rm -rf "$staging"' EXIT
  case $1 in
    *.zip) needs unzip; unzip -q -o "$1" -d "$staging" ;;
    *.tar.xz) needs tar xz; tar -xJf "$1" -C "$staging" ;;
    *.tar.bz2) needs tar bzip2; tar -xjf "$1" -C "$staging" ;;
    *.tar.gz | *.tgz) needs tar; tar -xzf "$1" -C "$staging" ;;
    *) complain "$1: neither .zip nor .tar.{gz,bz2,xz}"; return 1 ;;
  esac || { complain "it cannot be unpacked; to fetch it again: rm '$1', and the same command"; return 1; }
}

# place NAME TARGET: what was unpacked under NAME, at whatever depth (the shallowest), goes to TARGET,
# unless the user already has one; a folder gets the files that it lacks.
place() {
  local found name
  found=$(find "$staging" -path "$staging*/$1" -print |
    awk '{ print length, $0 }' | sort -n | head -n 1 | cut -d' ' -f2-)
  [ -n "$found" ] || { complain "the archive holds no $1"; return 1; }
  if [ -d "$found" ] && [ -d "$2" ]; then
    while IFS= read -r name; do
      [ -e "$2/$name" ] || { mkdir -p "$(dirname "$2/$name")"; mv "$found/$name" "$2/$name"; }
    done < <(cd "$found" && find . -type f)
    return 0
  fi
  if [ -e "$2" ]; then say "$2 is already there, kept"; return 0; fi
  mkdir -p "$(dirname "$2")"
  mv "$found" "$2"
}

usage() {
  echo "usage: bash ${BASH_SOURCE[-1]} [--check] [--from ARCHIVE]"
  echo
  describe
  echo
  echo "  --check         list what is there, what is missing and what it is for"
  echo "  --from ARCHIVE  unpack an archive that you already have instead of fetching it"
  echo "  -h, --help      this text"
  echo
  echo "By hand:"
  by_hand
}

main() {
  while [ $# -gt 0 ]; do
    case $1 in
      --check) check; exit ;;
      --from)
        archive=${2:?--from needs an archive}
        case $archive in /*) ;; *) archive=$called_in/$archive ;; esac
        shift
        ;;
      -h | --help) usage; exit 0 ;;
      *) complain "unknown option '$1' (see --help)"; exit 2 ;;
    esac
    shift
  done
  if [ -z "$archive" ] && complete; then say "everything is there"; exit 0; fi
  if [ -n "$archive" ] && [ ! -f "$archive" ]; then give_up "no such file: $archive"; fi
  get || give_up "not everything could be fetched"
  all_present || { check || true; give_up "something is still missing"; }
  say "done"
}
