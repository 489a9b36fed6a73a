#!/usr/bin/env bash
# The whole MNIST figure: classifier, generation 0, every arm side by side, graphs.
#   bash exp_scripts/mnist/run_all.sh                  # as published; for a GPU
#   bash exp_scripts/mnist/run_all.sh --preset demo    # in minutes on two cores
#   bash exp_scripts/mnist/run_all.sh --preset demo --dry-run
#   bash exp_scripts/mnist/run_all.sh -- --faithful    # after --: options of every arm
# Stop it at any moment: the same command goes on where it was. Results: exp_outputs/mnist, or
# exp_outputs/mnist_<preset>, with the graphs in it. More options, of which --arms is not for MNIST:
name=mnist words=("$@")
for place in "${!words[@]}"; do
  case ${words[$place]} in
    --) break ;;
    -h | --help) sed -n '2,${/^#/!q;s/^# \{0,1\}//p}' "$0" ;;
    --preset) name="mnist_${words[$((place + 1))]:-}" ;;
    --preset=*) name="mnist_${words[$place]#*=}" ;;
  esac
done
. "$(dirname "$0")/../environment.sh"
[ "$name" = mnist_published ] && name=mnist
exec python -m loop.sweep run "$name" --experiment domains.mnist.sweep "$@"
