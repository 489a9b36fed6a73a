#!/usr/bin/env bash
# CMU motion capture as BVH: open data, from which dataset.cmu builds a full-size dataset.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

asset "dataset/cmu_bvh/CMU-INDEX.txt" "what is done in each take: becomes the captions"
asset "dataset/cmu_bvh/*/*_*.bvh" "motion capture, 'Daz-friendly' hierarchy: becomes the motions"

describe() {
  echo "Gathers the CMU motion capture database (BVH, 'Daz-friendly' release by cgspeed) in"
  echo "dataset/cmu_bvh/. Free for research and products, no account. The takes come as several"
  echo "archives, whose links change: fetch them from the page and pass each with --from."
  echo "Then: python -m dataset.cmu --bvh_dir dataset/cmu_bvh --size max --out dataset/cmu_max"
}

by_hand() {
  cat <<'TEXT'
  1. download the zip archives of the Daz-friendly BVH release from
     https://sites.google.com/a/cgspeed.com/cgspeed/motion-capture/daz-friendly-release
  2. for each: bash prepare/download_cmu.sh --from ARCHIVE.zip
     (or unpack them yourself into folders of dataset/cmu_bvh/)
  3. the index: any "cmu-mocap-index-text.txt" of that site, as dataset/cmu_bvh/CMU-INDEX.txt
  The MotionBuilder-friendly release has another hierarchy, which dataset.cmu does not read.
TEXT
}

get() {
  local index=https://raw.githubusercontent.com/una-dinosauria/cmu-mocap/34e1472e5b8c234d40a62bb9cd969b5910fa1803/cmu-mocap-index-text.txt
  local folder
  if [ -n "$archive" ]; then
    folder=dataset/cmu_bvh/$(basename "${archive%.*}")
    unpack "$archive" dataset/cmu_bvh || return 1
    mkdir -p "$folder"
    find "$staging" -name '*_*.bvh' -exec mv {} "$folder/" \;
    rmdir "$folder" 2>/dev/null && { complain "the archive holds no takes"; return 1; }
  fi
  fetch "$index" dataset/cmu_bvh/CMU-INDEX.txt || return 1
  present 'dataset/cmu_bvh/*/*_*.bvh'
}

main "$@"
