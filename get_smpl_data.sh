#!/usr/bin/env bash
# Body models, with your own account: SMPL, SMPL-H, DMPL, VPoser.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/prepare/common.sh"

server='https://download.is.tue.mpg.de/download.php?resume=1'
cache=prepare/cache

asset "body_models/smpl/SMPL_NEUTRAL.pkl" "SMPL body: meshes of samples"
asset "body_models/smpl/SMPL_FEMALE.pkl" "SMPL body: meshes of women"
asset "body_models/smpl/SMPL_MALE.pkl" "SMPL body: meshes of men"
for gender in neutral female male; do
  asset "body_models/smplh/$gender/model.npz" "SMPL-H body: AMASS motions in and out, inverse kinematics"
done
for gender in neutral female male; do
  asset "body_models/dmpls/$gender/model.npz" "soft tissue, for HumanML3D's own preparation only"
done
asset "body_models/vposer_v2_05/snapshots/*.ckpt" "VPoser: prior of human poses for inverse kinematics"
extra "body_models/smplx/SMPLX_NEUTRAL.npz" "SMPL-X body, from smpl-x.is.tue.mpg.de by hand: AMASS motions of the SMPL-X release"

extra "amass_data/ACCAD" "AMASS, 23 GB: not fetched here but by hand; bash prepare/extract_humanml_3d.sh --help says how"

describe() {
  cat <<'TEXT'
Fetches the licensed body models into body_models/ with your own accounts of
smpl.is.tue.mpg.de, mano.is.tue.mpg.de and smpl-x.is.tue.mpg.de (free for research). The account is
asked for, or taken from SMPL_USERNAME and SMPL_PASSWORD (MANO_... and SMPLX_... where they differ);
it is never put on a command line or stored. Interrupted downloads go on where they were.
--check also lists what the scripts in prepare/ fetch.
TEXT
}

by_hand() {
  cat <<'TEXT'
  register at each site, download, put the archive into prepare/cache/, and run this script again:
    https://smpl.is.tue.mpg.de    SMPL_python_v.1.1.0.zip   -> body_models/smpl/SMPL_{NEUTRAL,FEMALE,MALE}.pkl
    https://smpl.is.tue.mpg.de    dmpls.tar.xz              -> body_models/dmpls/{neutral,female,male}/model.npz
    https://mano.is.tue.mpg.de    smplh.tar.xz              -> body_models/smplh/{neutral,female,male}/model.npz
    https://smpl-x.is.tue.mpg.de  V02_05.zip                -> body_models/vposer_v2_05/{V02_05.yaml,snapshots/}
TEXT
}

# get_archive NAME SITE DOMAIN FILE: sets `found` to the archive, fetched if need be.
get_archive() {
  found=$cache/$4
  if [ "$(basename "$archive")" = "$4" ]; then found=$archive; fi
  [ -s "$found" ] && return 0
  [ -z "$archive" ] || return 1 # the user gave one archive: unpack that, fetch nothing
  ask_account "$1" "$2"
  fetch_with_account "$server&domain=$3&sfile=$4" "$found" ||
    { complain "$4 was not fetched: no network, a wrong password, or its licence not accepted at https://$2"; return 1; }
}

get_smpl() {
  local letter name
  get_archive SMPL smpl.is.tue.mpg.de smpl SMPL_python_v.1.1.0.zip && unpack "$found" body_models/smpl || return 1
  for name in neutral:NEUTRAL f:FEMALE m:MALE; do
    letter=${name%:*}
    place "basicmodel_${letter}_lbs_10_207_0_v1.1.0.pkl" "body_models/smpl/SMPL_${name#*:}.pkl" || return 1
  done
}

# get_genders NAME SITE DOMAIN KIND: an archive of female/, male/ and neutral/
get_genders() {
  local gender
  get_archive "$1" "$2" "$3" "$4.tar.xz" && unpack "$found" "body_models/$4" || return 1
  for gender in neutral female male; do
    place "$gender/model.npz" "body_models/$4/$gender/model.npz" || return 1
  done
}

get_vposer() {
  get_archive SMPLX smpl-x.is.tue.mpg.de smplx V02_05.zip && unpack "$found" body_models || return 1
  place "V02_05" body_models/vposer_v2_05
}

# has_genders KIND: of its three bodies none is missing.
has_genders() { [ "$(count "body_models/$1/*/model.npz")" -ge 3 ]; }

get() {
  local failed=0
  present 'body_models/smpl/SMPL_FEMALE.pkl' && present 'body_models/smpl/SMPL_MALE.pkl' &&
    present 'body_models/smpl/SMPL_NEUTRAL.pkl' || get_smpl || failed=1
  rm -rf "$staging"
  has_genders smplh || get_genders MANO mano.is.tue.mpg.de mano smplh || failed=1
  rm -rf "$staging"
  has_genders dmpls || get_genders SMPL smpl.is.tue.mpg.de smpl dmpls || failed=1
  rm -rf "$staging"
  present 'body_models/vposer_v2_05/snapshots/*.ckpt' || get_vposer || failed=1
  return "$failed"
}

if [ "${1:-}" = --check ]; then
  check && status=0 || status=1
  for script in prepare/download_*.sh prepare/extract_*.sh; do
    echo "-- bash $script"
    bash "$script" --check || true
  done
  exit "$status"
fi
main "$@"
