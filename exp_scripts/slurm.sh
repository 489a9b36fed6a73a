#!/usr/bin/env bash
# A whole experiment with plain sbatch, for those who prefer it to run_all.sh --cluster slurm:
#
#   bash exp_scripts/slurm.sh DATASET [sbatch options] [-- sweep options [-- options of every arm]]
#   bash exp_scripts/slurm.sh 0064 --partition=gpu --gpus=1
#   bash exp_scripts/slurm.sh 0064 --partition=gpu --gpus=1 -- --seeds 42 43 44 -- --faithful
#
# submits generation 0, an array of all arms that waits for it, and graphs that wait for the array.
# A job that nears its time limit puts its work away, queues itself again, and goes on where it was;
# so does one that is requeued. Sweep options: see `python -m loop.sweep names --help`. What each job
# says is in exp_outputs/dataset_<DATASET>*/logs/.
#SBATCH --job-name=scsc
#SBATCH --time=24:00:00
#SBATCH --cpus-per-task=4
#SBATCH --mem=32G
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=exp_outputs/slurm/%x_%A_%a.out
set -euo pipefail

if [ "${1:-}" != --job ]; then # on the login node: submit
  case "${1:---help}" in -*) sed -n '2,/^#SBATCH/{/^# \{0,1\}/!d;/^#SBATCH/d;s/^# \{0,1\}//;p}' "$0"; exit ;; esac
  . "$(dirname "$0")/environment.sh"
  dataset=$1; shift
  ask=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do ask+=("$1"); shift; done
  shift $(($# > 0)) # the -- itself
  # From inside another job: its allocation is none of the new ones' business.
  for name in ${!SLURM_*} ${!SRUN_*} ${!PMI*}; do [ "$name" = SLURM_CONF ] || unset "$name"; done
  submit() { # DEPENDENCY JOBS: one array; prints its id
    local jobs=($2)
    sbatch --parsable --array=0-$((${#jobs[@]} - 1)) ${1:+--dependency="$1" --kill-on-invalid-dep=yes} \
      ${ask[@]+"${ask[@]}"} exp_scripts/slurm.sh --job "$2" "$dataset" ${sweep[@]+"${sweep[@]}"} |
      sed -nE 's/^([0-9]+)(;.*)?$/\1/p' # without the cluster, and what a site prints around it
  }
  sweep=("$@")
  names=$(python -m loop.sweep names "$dataset" "$@")
  { read -r start; read -r arms; read -r graphs; } <<<"$names"
  mkdir -p exp_outputs/slurm
  first=$(submit "" "$start")
  array=$(submit "afterok:$first" "$arms")
  last=$(submit "afterok:$first,afterany:$array" "$graphs") # of whatever arms there are
  printf 'job %s: %s\n' "$first" "$start" "$array" "$arms" "$last" "$graphs"
  exit
fi

# Inside a job: run one of the jobs that its array stands for.
. "${SLURM_SUBMIT_DIR:?}/exp_scripts/environment.sh"
read -r -a jobs <<<"$2"
dataset=$3; shift 3
python -m loop.sweep run "$dataset" --only "${jobs[${SLURM_ARRAY_TASK_ID:?}]}" "$@" &
running=$!
put_away() { kill -TERM "$running" 2>/dev/null || true; wait "$running" || true; }
trap 'put_away; scontrol requeue "$SLURM_JOB_ID"; exit' USR1
trap 'put_away; exit 143' TERM
wait "$running"
