#!/usr/bin/env bash
# HumanML3D's public files (MIT): which clip is which part of which take, and what people say of it.
set -euo pipefail
# shellcheck source=prepare/common.sh
. "$(dirname "$0")/common.sh"

mirror=${HUMANML3D_MIRROR:-https://raw.githubusercontent.com/EricGuo5513/HumanML3D}
commit=${HUMANML3D_COMMIT:-3ea8be34e31eb7aaf4a1a5781bbd352da48c2633}
folder=dataset/HumanML3D_texts
lists=(train val test)

asset "$folder/index.csv" "take, first and last frame of each clip: rows for dataset.cmu and dataset.build_humanml3d"
asset "$folder/texts.zip" "three or four captions of each clip"
for name in "${lists[@]}"; do asset "$folder/$name.txt" "published split list"; done

describe() {
  echo "Fetches index.csv, texts.zip and the split lists of HumanML3D's repository, at a pinned commit, into"
  echo "$folder/: no motion, no account. A second call goes on where it was. With --from it takes"
  echo "them out of a zip file of the repository that you have."
  echo "Then: python -m dataset.cmu --captions humanml3d --humanml3d $folder --bvh_dir dataset/cmu_bvh --out dataset/cmu_hml"
}

by_hand() {
  cat <<TEXT
  any of these:
    git clone https://github.com/EricGuo5513/HumanML3D, and name the clone with --humanml3d
    https://github.com/EricGuo5513/HumanML3D/archive/refs/heads/main.zip, named with --humanml3d as it
    is, or through bash prepare/download_humanml3d_texts.sh --from main.zip
    index.csv, and texts.zip train.txt val.txt test.txt out of its folder HumanML3D/, placed in
    $folder/
TEXT
}

get() {
  local name
  if [ -n "$archive" ]; then
    unpack "$archive" "$folder" || return 1
    for name in index.csv texts.zip "${lists[@]/%/.txt}"; do place "$name" "$folder/$name" || return 1; done
    return 0
  fi
  fetch "$mirror/$commit/index.csv" "$folder/index.csv" || return 1
  for name in texts.zip "${lists[@]/%/.txt}"; do
    fetch "$mirror/$commit/HumanML3D/$name" "$folder/$name" || return 1
  done
}

main "$@"
