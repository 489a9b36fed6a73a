"""The download scripts, in a copy of the checkout, against a `curl` that plays network and server.

The stub records its arguments, its input and its environment, so that the tests can tell where a
password went; it serves files from a folder, or fails as without a network.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

SCRIPTS = (
    "get_smpl_data.sh",
    "prepare/download_cmu.sh",
    "prepare/download_glove.sh",
    "prepare/download_humanml3d_texts.sh",
    "prepare/download_smpl_files.sh",
    "prepare/download_t2m_evaluators.sh",
    "prepare/download_uhc.sh",
    "prepare/extract_humanml_3d.sh",
)
PASSWORD = "s3cret & +%é'\"$x"
ACCOUNT = {"SMPL_USERNAME": "me@example.org", "SMPL_PASSWORD": PASSWORD}
QUOTED = "username=me%40example.org&password=s3cret%20%26%20%2B%25%C3%A9%27%22%24x"

STUB = """#!{python}
import json, os, pathlib, sys
serve, log = pathlib.Path({serve!r}), pathlib.Path({log!r})
arguments = sys.argv[1:]
value = lambda name: arguments[arguments.index(name) + 1] if name in arguments else None
body = sys.stdin.read() if value("--data") == "@-" else ""
with log.open("a") as file:
    file.write(json.dumps(dict(arguments=arguments, body=body, environment=dict(os.environ))))
    file.write("\\n")
if not serve.is_dir():
    sys.exit(6)  # could not resolve host
url = value("--url")
found = [path for path in serve.iterdir() if path.name in url]
if not found:
    sys.exit(22)
data, output, status = found[0].read_bytes(), pathlib.Path(value("--output")), 200
header = value("--header") or ""
start = int(header.split("=")[1].rstrip("-")) if header.startswith("Range") else 0
if value("--continue-at") == "-" and output.exists():
    start = output.stat().st_size
if start:
    status = 206 if start < len(data) else 416
if value("--dump-header"):
    pathlib.Path(value("--dump-header")).write_text(f"HTTP/1.1 {{status}} x\\r\\n")
if status == 416:
    sys.exit(22)
limit = int(os.environ.get("STUB_LIMIT", len(data)))
with output.open("ab" if value("--continue-at") else "wb") as file:
    file.write(data[start : start + limit])
sys.exit(18 if start + limit < len(data) else 0)
"""


class Checkout:
    """A copy of the scripts with its own PATH."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.root, self.log, self.serve = folder / "copy", folder / "log", folder / "serve"
        (self.root / "prepare").mkdir(parents=True)
        for script in (*SCRIPTS, "prepare/common.sh"):
            shutil.copy(repository / script, self.root / script)
        stub = folder / "bin" / "curl"
        stub.parent.mkdir()
        text = STUB.format(python=sys.executable, serve=str(self.serve), log=str(self.log))
        stub.write_text(text)
        stub.chmod(0o755)
        self.path = f"{stub.parent}{os.pathsep}{os.environ['PATH']}"

    def run(self, script: str, *options: str, **environment: str) -> tuple[int, str]:
        """Exit status and everything it printed."""
        clean = {k: v for k, v in os.environ.items() if not k.endswith(("_USERNAME", "_PASSWORD"))}
        done = subprocess.run(
            ["bash", str(self.root / script), *options],
            cwd=self.root,
            env=clean | environment | {"PATH": self.path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout

    def calls(self) -> list[dict]:
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def offer(self, name: str, data: bytes) -> None:
        self.serve.mkdir(exist_ok=True)
        (self.serve / name).write_bytes(data)


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Checkout:
    return Checkout(repository, tmp_path)


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, f"content of {name} " * 50)
    return buffer.getvalue()


def tarred(kind: str, *names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{kind}") as archive:  # type: ignore[call-overload]
        for name in names:
            content = f"content of {name}".encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


SMPL = zipped(
    "SMPL_python_v.1.1.0/smpl/models/basicmodel_f_lbs_10_207_0_v1.1.0.pkl",
    "SMPL_python_v.1.1.0/smpl/models/basicmodel_m_lbs_10_207_0_v1.1.0.pkl",
    "SMPL_python_v.1.1.0/smpl/models/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
)
GENDERS = [f"{gender}/model.npz" for gender in ("female", "male", "neutral")]
VPOSER = zipped("V02_05/V02_05.yaml", "V02_05/snapshots/V02_05_epoch=13_val_loss=0.03.ckpt")


def offer_bodies(checkout: Checkout) -> None:
    checkout.offer("SMPL_python_v.1.1.0.zip", SMPL)
    checkout.offer("smplh.tar.xz", tarred("xz", "LICENSE.txt", *GENDERS))
    checkout.offer("dmpls.tar.xz", tarred("xz", *(f"dmpls/{name}" for name in GENDERS)))
    checkout.offer("V02_05.zip", VPOSER)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_parse_and_explain_themselves(checkout: Checkout, script: str) -> None:
    parsed = subprocess.run(["bash", "-n", str(checkout.root / script)], capture_output=True)
    assert parsed.returncode == 0 and not parsed.stderr
    code, output = checkout.run(script, "--help")
    assert code == 0 and "--check" in output and "usage: bash" in output
    assert checkout.run(script, "--nonsense")[0] == 2


@pytest.mark.parametrize("script", SCRIPTS)
def test_check_names_what_is_missing_and_fetches_nothing(checkout: Checkout, script: str) -> None:
    code, output = checkout.run(script, "--check", **ACCOUNT)
    assert code == 1 and "MISSING" in output and "present" not in output
    assert not checkout.calls()


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_a_network_the_way_by_hand(checkout: Checkout, script: str) -> None:
    code, output = checkout.run(script, **ACCOUNT)
    assert code == 1
    assert "by hand" in output and "https://" in output
    assert checkout.run(script, "--check")[0] == 1
    assert not list(checkout.root.rglob("*.part")), "nothing half-fetched is left"


def secret_in(text: str) -> bool:
    return "s3cret" in text


def test_bodies_arrive_where_the_readers_look(checkout: Checkout) -> None:
    offer_bodies(checkout)
    code, output = checkout.run("get_smpl_data.sh", **ACCOUNT)
    assert code == 0, output
    models = checkout.root / "body_models"
    female = (models / "smpl/SMPL_FEMALE.pkl").read_text()
    assert "basicmodel_f_" in female and female.startswith("content of SMPL_python")
    assert "basicmodel_m_" in (models / "smpl/SMPL_MALE.pkl").read_text()
    for kind, inside in (("smplh", ""), ("dmpls", "dmpls/")):
        for name in GENDERS:
            assert (models / kind / name).read_text() == f"content of {inside}{name}"
    assert (models / "vposer_v2_05/V02_05.yaml").is_file()
    assert not list(models.rglob(".unpack*"))

    code, output = checkout.run("get_smpl_data.sh", "--check")
    assert code == 0 and output.split("-- bash")[0].count("present") == 10
    before = len(checkout.calls())
    assert checkout.run("get_smpl_data.sh", **ACCOUNT)[0] == 0
    assert len(checkout.calls()) == before, "what is there is not fetched again"


@pytest.mark.parametrize("trace", [False, True])
def test_the_password_is_nowhere_but_in_the_request(checkout: Checkout, trace: bool) -> None:
    offer_bodies(checkout)
    extra = {"SHELLOPTS": "xtrace"} if trace else {}
    code, output = checkout.run("get_smpl_data.sh", **ACCOUNT, **extra)
    assert code == 0 and not secret_in(output)
    calls = checkout.calls()
    assert len(calls) == 4
    for call in calls:
        assert call["body"] == QUOTED
        assert not secret_in(json.dumps(call["arguments"]))
        assert not secret_in(json.dumps(call["environment"]))
        assert any(a.startswith("https://download.is.tue.mpg.de/") for a in call["arguments"])
    for path in checkout.root.rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes()


def test_another_account_for_another_site(checkout: Checkout) -> None:
    offer_bodies(checkout)
    other = {"MANO_USERNAME": "hands", "MANO_PASSWORD": "h"}
    assert checkout.run("get_smpl_data.sh", **ACCOUNT, **other)[0] == 0
    by_file = {call["arguments"][-1].split("sfile=")[1]: call["body"] for call in checkout.calls()}
    assert by_file["smplh.tar.xz"] == "username=hands&password=h"
    assert by_file["V02_05.zip"] == QUOTED


def test_no_account(checkout: Checkout) -> None:
    code, output = checkout.run("get_smpl_data.sh")
    assert code == 1 and "SMPL_USERNAME" in output and not checkout.calls()


def test_an_interrupted_download_goes_on(checkout: Checkout) -> None:
    offer_bodies(checkout)
    third = str(len(SMPL) // 3 + 1)
    for _ in range(2):
        assert checkout.run("get_smpl_data.sh", **ACCOUNT, STUB_LIMIT=third)[0] == 1
    part = checkout.root / "prepare/cache/SMPL_python_v.1.1.0.zip.part"
    assert part.read_bytes() == SMPL[: 2 * int(third)]
    assert checkout.run("get_smpl_data.sh", **ACCOUNT)[0] == 0
    ranges = [a for call in checkout.calls() for a in call["arguments"] if a.startswith("Range")]
    assert f"Range: bytes={third}-" in ranges and f"Range: bytes={2 * int(third)}-" in ranges


def test_stopped_between_the_last_byte_and_the_rename(checkout: Checkout) -> None:
    offer_bodies(checkout)
    cache = checkout.root / "prepare/cache"
    cache.mkdir()
    (cache / "V02_05.zip.part").write_bytes(VPOSER)
    assert checkout.run("get_smpl_data.sh", **ACCOUNT)[0] == 0


def test_a_login_page_is_no_archive(checkout: Checkout) -> None:
    offer_bodies(checkout)
    checkout.offer("V02_05.zip", b"<!DOCTYPE html><html>wrong password</html>")
    code, output = checkout.run("get_smpl_data.sh", **ACCOUNT)
    assert code == 1 and "V02_05.zip was not fetched" in output and "smpl-x.is.tue.mpg.de" in output
    assert not list(checkout.root.rglob("V02_05*"))
    assert (checkout.root / "body_models/smplh/male/model.npz").is_file(), "the others arrived"


def test_archives_that_the_user_has(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "glove.zip").write_bytes(
        zipped(*(f"glove/our_vab_{name}" for name in ("data.npy", "words.pkl", "idx.pkl")))
    )
    code, output = checkout.run("prepare/download_glove.sh", "--from", str(tmp_path / "glove.zip"))
    assert code == 0, output
    assert (checkout.root / "glove/our_vab_idx.pkl").is_file() and not checkout.calls()
    code, output = checkout.run("prepare/download_glove.sh", "--from", "absent.zip")
    assert code == 1 and "no such file" in output


def test_public_files_and_the_older_link(checkout: Checkout) -> None:
    names = [f"t2m/text_mot_match/{name}" for name in ("model/finest.tar", "opt.txt")]
    checkout.offer("1DSaKqWX2HlwBtVH5l7DdW96jeYUIXsOP", zipped("t2m/Comp_v6/opt.txt", *names))
    for name in ("t2m_mean.npy", "t2m_std.npy"):
        checkout.offer(name, b"\x93NUMPY")
    code, output = checkout.run("prepare/download_t2m_evaluators.sh")
    assert code == 0, output
    assert (checkout.root / "t2m/text_mot_match/model/finest.tar").is_file()
    assert (checkout.root / "dataset/t2m_std.npy").is_file()


def test_smpl_files_keep_what_is_there(checkout: Checkout) -> None:
    own = checkout.root / "body_models/smpl/SMPL_NEUTRAL.pkl"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    names = ("SMPL_NEUTRAL.pkl", "J_regressor_extra.npy", "kintree_table.pkl", "smplfaces.npy")
    checkout.offer("1INYlGA76ak_cKGzvpOV2Pe6RkYTlXTW2", zipped(*(f"smpl/{n}" for n in names)))
    assert checkout.run("prepare/download_smpl_files.sh")[0] == 0
    assert own.read_text() == "mine"


def test_cmu_archives_one_after_the_other(checkout: Checkout, tmp_path: Path) -> None:
    checkout.offer("cmu-mocap-index-text.txt", b"01_01 walk\n")
    for name, take in (("a", "a/01/01_01.bvh"), ("b", "02_01.bvh"), ("none", "readme.txt")):
        (tmp_path / f"{name}.zip").write_bytes(zipped(take))
    for name in ("a", "b"):
        code, output = checkout.run(
            "prepare/download_cmu.sh", "--from", str(tmp_path / f"{name}.zip")
        )
        assert code == 0, output
    takes = sorted(path.name for path in (checkout.root / "dataset/cmu_bvh").rglob("*.bvh"))
    assert takes == ["01_01.bvh", "02_01.bvh"]
    code, output = checkout.run("prepare/download_cmu.sh", "--from", str(tmp_path / "none.zip"))
    assert code == 1 and "no takes" in output


def test_cmu_takes_one_by_one(checkout: Checkout) -> None:
    checkout.offer(
        "cmu-mocap-index-text.txt", b"Subject #1\n01_01\twalk\n01_02  run\n 144_07 jump\n"
    )
    for take in ("01_01", "144_07"):
        checkout.offer(f"{take}.bvh", b"HIERARCHY" * 100)
    code, output = checkout.run("prepare/download_cmu.sh", STUB_LIMIT="500")
    assert code == 1 and "stopped at 01_01" in output and "goes on" in output
    code, output = checkout.run("prepare/download_cmu.sh")
    assert code == 0, output
    assert "1 takes of the index are not in the mirror: 01_02" in output
    takes = checkout.root / "dataset/cmu_bvh"
    for name in ("001/01_01.bvh", "144/144_07.bvh"):
        assert (takes / name).read_bytes() == b"HIERARCHY" * 100  # the first went on where it was
    urls = [call["arguments"][-1] for call in checkout.calls()]
    assert any(url.endswith("/data/144/144_07.bvh") for url in urls)
    before = len(urls)
    code, output = checkout.run("prepare/download_cmu.sh", CMU_SUBJECTS="144")
    assert code == 0 and len(checkout.calls()) == before, "nothing is fetched twice"
    assert checkout.run("prepare/download_cmu.sh", "--check")[0] == 0


def test_cmu_takes_of_some_subjects(checkout: Checkout) -> None:
    checkout.offer("cmu-mocap-index-text.txt", b"01_01 walk\n02_01 run\n02_02 hop\n")
    for take in ("01_01", "02_01", "02_02"):
        checkout.offer(f"{take}.bvh", b"HIERARCHY")
    assert checkout.run("prepare/download_cmu.sh", CMU_SUBJECTS="02 03")[0] == 0
    found = sorted(path.name for path in (checkout.root / "dataset/cmu_bvh").rglob("*.bvh"))
    assert found == ["02_01.bvh", "02_02.bvh"]


TEXTS = ("index.csv", "texts.zip", "train.txt", "val.txt", "test.txt")


def test_humanml3d_texts_at_one_commit(checkout: Checkout, tmp_path: Path) -> None:
    for name in TEXTS:
        checkout.offer(name, name.encode() * 100)
    script, folder = (
        "prepare/download_humanml3d_texts.sh",
        checkout.root / "dataset/HumanML3D_texts",
    )
    assert checkout.run(script, STUB_LIMIT="400")[0] == 1
    code, output = checkout.run(script)
    assert code == 0, output
    for name in TEXTS:  # the first went on where it was
        assert (folder / name).read_bytes() == name.encode() * 100
    urls = [call["arguments"][-1] for call in checkout.calls()]
    assert len({re.findall(r"/([0-9a-f]{40})/", url)[0] for url in urls}) == 1
    assert any(url.endswith("/HumanML3D/texts.zip") for url in urls)
    before = len(urls)
    assert checkout.run(script)[0] == 0 and len(checkout.calls()) == before
    shutil.rmtree(folder)
    inside = [f"HumanML3D-main/{'' if n[0] == 'i' else 'HumanML3D/'}{n}" for n in TEXTS]
    (tmp_path / "main.zip").write_bytes(zipped(*inside))
    assert checkout.run(script, "--from", str(tmp_path / "main.zip"))[0] == 0
    assert (folder / "train.txt").read_text().startswith(f"content of {inside[2]}")


def test_everything_that_a_check_names_says_what_it_is_for(checkout: Checkout) -> None:
    human = checkout.root / "dataset/HumanML3D/new_joint_vecs"
    human.mkdir(parents=True)
    for clip in ("000000", "M000000"):
        (human / f"{clip}.npy").touch()
    (checkout.root / "dataset/F_Subjects_1_90").mkdir()
    (checkout.root / "dataset/F_Subjects_1_90/F_v3d_Subject_1.mat").touch()
    code, output = checkout.run("get_smpl_data.sh", "--check")
    assert code == 1
    rows = [line for line in output.splitlines() if line[:7] in ("MISSING", "present")]
    assert len(rows) > 40
    for row in rows:
        assert len(re.split(r"\s{2,}| MISSING | present ", row[8:].strip())[-1].split()) >= 2, row
    assert re.search(r"present +dataset/HumanML3D/new_joint_vecs/\*\.npy +\(2\)", output)
    assert re.search(r"present +dataset/F_Subjects_1_90/\*\.mat +\(1\)", output)
    for name in ("sample_data", "finest.tar", "our_vab_data.npy", "iter_5000.p", "index.csv"):
        assert name in output


def test_amass_archives_under_old_and_new_names(checkout: Checkout) -> None:
    (checkout.root / "BMLrub.tar.bz2").write_bytes(tarred("bz2", "BMLrub/rub001/a_poses.npz"))
    (checkout.root / "MPI_mosh.tar.bz2").write_bytes(tarred("bz2", "MPI_mosh/1/b_poses.npz"))
    code, output = checkout.run("prepare/extract_humanml_3d.sh")
    assert code == 1 and "amass.is.tue.mpg.de" in output  # the other sets are still missing
    data = checkout.root / "amass_data"
    assert (data / "BioMotionLab_NTroje/rub001/a_poses.npz").is_file()
    assert (data / "MPI_mosh/1/b_poses.npz").is_file()
    assert not list(data.glob(".unpack*"))


def test_uhc_checkpoints(checkout: Checkout) -> None:
    ids = "1wdsS0wRji3vFY6xvORptVdFEJLyY_I1T 1CA3lKhIEOwzhX7IMdu_B_QnjrXfPXYnM"
    for number in (*ids.split(), "16FI_Ga2iE3zfP93_XgRSVVCTL6zkDEJ_"):
        checkout.offer(number, b"policy")
    assert checkout.run("prepare/download_uhc.sh")[0] == 0
    models = checkout.root / "UniversalHumanoidControl/results/motion_im"
    assert (models / "uhc_explicit/models/iter_5000.p").read_bytes() == b"policy"
