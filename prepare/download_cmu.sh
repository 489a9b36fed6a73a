#!/usr/bin/env bash
# CMU motion capture as BVH: open data, from which dataset.cmu builds a full-size dataset.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

# All takes in the MotionBuilder-friendly BVH of cgspeed, as single files that can be resumed.
mirror=${CMU_MIRROR:-https://raw.githubusercontent.com/una-dinosauria/cmu-mocap}
data=$mirror/5d98bb6b62b4735d89ff5f53e96899de2b92d8b4/data
index=$mirror/34e1472e5b8c234d40a62bb9cd969b5910fa1803/cmu-mocap-index-text.txt
folder=dataset/cmu_bvh

asset "$folder/CMU-INDEX.txt" "what is done in each take: becomes the captions of dataset.cmu"
asset "$folder/**/*_*.{bvh,amc}" "motion capture: becomes the motions of dataset.cmu"

takes() { find "$folder" -name '*_*.bvh' -o -name '*_*.amc' 2>/dev/null || true; }
count() { case $1 in */CMU-INDEX.txt) { find "$1" -size +0 2>/dev/null || true; } | wc -l ;; *) takes | wc -l ;; esac }
complete() { false; } # which takes are missing turns out as they are fetched

describe() {
  cat <<'TEXT'
Gathers the CMU motion capture database (BVH conversion by cgspeed) in dataset/cmu_bvh/. Free for
research and products, no account. All takes are about 3 GB; CMU_SUBJECTS="02 07 35" fetches those
of some subjects only. A second call goes on where it was. With --from it unpacks an archive of
takes (.bvh, or .amc with .asf) that you have.
Then: python -m dataset.cmu --bvh_dir dataset/cmu_bvh --size max --out dataset/cmu_max
TEXT
}

by_hand() {
  cat <<'TEXT'
  any of these, which dataset.cmu all reads:
    git clone https://github.com/una-dinosauria/cmu-mocap dataset/cmu_bvh/cmu-mocap
    zip archives of the Daz-friendly release, each through bash prepare/download_cmu.sh --from ZIP:
      https://sites.google.com/a/cgspeed.com/cgspeed/motion-capture/daz-friendly-release
    the original allasfamc.zip of http://mocap.cs.cmu.edu, through --from, too
  and the index, "cmu-mocap-index-text.txt" of the first or second, as dataset/cmu_bvh/CMU-INDEX.txt
TEXT
}

unpack_takes() {
  local inside
  inside=$folder/$(basename "${archive%.*}")
  unpack "$archive" "$folder" || return 1
  mkdir -p "$inside"
  find "$staging" \( -name '*_*.bvh' -o -name '*_*.amc' -o -name '*.asf' \) -exec mv {} "$inside/" \;
  rmdir "$inside" 2>/dev/null && { complain "the archive holds no takes"; return 1; }
  return 0
}

# The takes that the index names, one by one; what the mirror lacks is named at the end.
fetch_takes() {
  local take number file status missing=() fetched=0
  while read -r take; do
    [ -z "${CMU_SUBJECTS:-}" ] || [[ " $CMU_SUBJECTS " == *" ${take%_*} "* ]] || continue
    printf -v number '%03d' "$((10#${take%_*}))"
    file=$folder/$number/$take.bvh
    [ -s "$file" ] && continue
    fetch "$data/$number/$take.bvh" "$file" && status=0 || status=$?
    case $status in
      0) fetched=$((fetched + 1)) ;;
      22) missing+=("$take") ;;
      *) complain "stopped at $take after $fetched takes; the same command goes on"; return 1 ;;
    esac
  done < <(grep -oE '^[[:space:]]*[0-9]+_[0-9]+[[:space:]]' "$folder/CMU-INDEX.txt" | tr -d '[:blank:]' | sort -u)
  say "fetched $fetched takes; $(takes | wc -l) are there"
  [ "${#missing[@]}" -eq 0 ] || say "${#missing[@]} takes of the index are not in the mirror: ${missing[*]}"
}

get() {
  fetch "$index" "$folder/CMU-INDEX.txt" || return 1
  if [ -n "$archive" ]; then unpack_takes; else fetch_takes; fi
}

main "$@"
