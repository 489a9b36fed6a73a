"""The evidence of the motion loop: its plan, the table that grows, and what is read off it."""

from __future__ import annotations

import math
import re
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from domains.motion.experiments import BASELINE
from domains.motion.training_loss import Losses, write_losses
from loop.errors import CorruptFileError, MissingAssetError
from loop.sweep.plan import Job, Request
from results.motion.__main__ import main
from results.motion.figures import draw_response
from results.motion.plan import HEADLINE, LONG, EvidenceArm, plan
from results.motion.runs import (
    HORIZON,
    Curve,
    Table,
    curves,
    last_common,
    late_means,
    read_runs,
    read_table,
    write_table,
)
from results.motion.tables import (
    before_training,
    courses,
    differences,
    late,
    outcome,
    same_but,
    unchanged,
)
from tests.runs import finish_generation

RAW, CORRECTED = (EvidenceArm("cmu_0064", 0, kind) for kind in ("raw", "corrected"))
FID = {
    (RAW, 0): [2.0, 4.0, 8.0], (RAW, 1): [3.0, 5.0, 9.0],
    (CORRECTED, 0): [2.0, 2.0, 2.0], (CORRECTED, 1): [3.0, 4.0, 5.0],
}  # fmt: skip


def table_of(fid: dict[tuple[EvidenceArm, int], list[float]]) -> Table:
    return {
        (replace(arm, seed=seed), g): {"FID_test": value, "Recall_test": 1 / value}
        for (arm, seed), values in fid.items()
        for g, value in enumerate(values)
    }


def rows(text: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return {first: rest for first, *rest in cells}


def minus_raw(table: Table, arms: list[EvidenceArm]) -> str:
    return differences(table, arms, partial(same_but, kind="raw"), "raw")


def halved_interval(values: list[float]) -> float:
    count = len(values)
    return stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / math.sqrt(count)


def test_the_course_of_an_exponential_is_its_exponent() -> None:
    generations = np.arange(13)
    curve = Curve(generations, 1.5 * 10 ** (0.07 * generations))
    assert curve.slope_of_log() == pytest.approx(0.07)
    assert curve.doubling() == math.ceil(math.log10(2) / 0.07) == 5
    assert Curve(generations, np.full(13, 3.0)).doubling() == math.inf
    assert Curve(generations, 2.0 + generations).mean_height() == pytest.approx(8.0)
    assert curve.until(4).generations.tolist() == [0, 1, 2, 3, 4]


def test_neither_a_late_nor_an_early_seed_decides_where_arms_are_read() -> None:
    def ends(*lasts: int) -> dict[int, Curve]:
        return {s: Curve(np.arange(g + 1), np.ones(g + 1)) for s, g in enumerate(lasts)}

    assert last_common([ends(12, 12, 12, 2)]) == 12
    assert last_common([ends(LONG, 4, 4, 4, 4)]) == 4
    assert last_common([ends(LONG, 12)]) == HORIZON == 12
    assert last_common([ends(6, 3), ends(4)]) == 3
    assert last_common([{}]) == 0


def test_differences_are_of_pairs() -> None:
    table = table_of(FID)
    table[replace(RAW, seed=2), 0] = table[replace(RAW, seed=2), 1] = {"FID_test": 99.0}
    found = rows(minus_raw(table, [RAW, CORRECTED]))
    assert found["corrected latest 1"][:3] == [
        "2", "2", f"-5.00 ± {halved_interval([-6.0, -4.0]):.2f}"
    ]  # fmt: skip
    assert "raw latest 1" not in found
    shown = rows(outcome(table, [CORRECTED], ("FID_test",)))["corrected latest 1"]
    assert shown == ["2", "2", f"3.50 ± {halved_interval([2.0, 5.0]):.2f}"]


def test_differences_are_means_over_the_later_half_of_the_generations() -> None:
    table = table_of({(RAW, 0): [2, 9, 9, 8, 6], (CORRECTED, 0): [2, 1, 1, 4, 3]})
    assert rows(minus_raw(table, [CORRECTED]))["corrected latest 1"][:3] == [
        "1", "3 to 4", "-3.50"
    ]  # fmt: skip


def test_later_generations_are_averaged_within_a_seed_and_then_over_seeds() -> None:
    table = table_of({(RAW, 0): [2, 9, 9, 8, 6], (RAW, 1): [2, 9, 9, 5, 3], (RAW, 2): [2, 99]})
    found = rows(late(table, [RAW, CORRECTED]))
    assert found["raw latest 1"][:3] == ["2", "3 to 4", f"5.50 ± {halved_interval([7, 4]):.2f}"]
    assert "corrected latest 1" not in found


def test_a_change_is_compared_with_the_same_arm_without_it() -> None:
    changed = replace(CORRECTED, change="rate")
    table = table_of({**FID, (changed, 0): [2.0, 7.0, 9.0]})
    found = rows(differences(table, [CORRECTED, changed], unchanged, "unchanged"))
    assert found["corrected latest 1 rate"][:3] == ["1", "2", "7.00"]
    assert "corrected latest 1" not in found
    assert "corrected latest 1 rate" not in rows(minus_raw(table, [changed]))


def test_a_response_is_drawn_of_three_doses_or_more_that_one_seed_has(tmp_path: Path) -> None:
    table = table_of({(RAW, 0): [2, 9, 8], (RAW, 1): [2, 7, 6], (CORRECTED, 0): [2, 4, 3]})
    assert late_means(curves(table, RAW, "FID_test"), range(1, 3)) == {0: 8.5, 1: 6.5}
    assert late_means(curves(table, RAW, "FID_test"), range(2, 4)) == {}
    assert (
        draw_response(table_of({(RAW, 0): [2, 9], (CORRECTED, 1): [2, 9]}), "cmu_0064", tmp_path)
        == []
    )
    baseline = EvidenceArm("cmu_0064", 0, BASELINE)  # it is lambda = 0
    table |= table_of({(baseline, 0): [2, 2, 2]})
    assert draw_response(table, "cmu_0064", tmp_path) == []
    figures = [f"cmu_0064_response.{kind}" for kind in ("png", "pdf")]
    for third in (replace(CORRECTED, gamma=1.0), replace(CORRECTED, ratio=2.0)):
        drawn = draw_response(table | table_of({(third, 0): [2, 5, 5]}), "cmu_0064", tmp_path)
        assert [path.name for path in drawn] == figures


def test_arms_are_paired_with_those_of_their_own_mixing_and_lambda() -> None:
    strong = replace(CORRECTED, ratio=2.0, mixing="replace")
    table = table_of({**FID, (strong, 0): [2.0, 3.0, 4.0]})
    assert list(rows(minus_raw(table, [strong]))) == ["minus raw", "---"]
    table |= table_of({(replace(RAW, ratio=2.0, mixing="replace"), 0): [2.0, 6.0, 10.0]})
    assert rows(minus_raw(table, [strong]))["corrected replace 2"][2] == "-6.00"


def test_courses_stop_where_an_arm_and_its_pair_have_come() -> None:
    table = table_of({**FID, (CORRECTED, 0): [2.0, 2.0, 2.0, 50.0]})
    found = rows(courses(table, [RAW, CORRECTED], "FID_test"))
    slopes = [math.log10(2), math.log10(9 / 3) / 2]  # of three points: from the first to the last
    assert found["raw latest 1"][1] == "2" and found["raw latest 1"][3] == ""
    assert found["raw latest 1"][2].startswith(f"{np.mean(slopes):.3f} ± ")
    assert found["raw latest 1"][6] == "1, 2"
    seconds = [0.0, math.log10(5 / 3) / 2]
    assert found["corrected latest 1"][3].startswith(f"{np.mean(np.subtract(seconds, slopes)):.3f}")
    area = [(2.0 - 4.5), (4.0 - 5.5)]
    assert found["corrected latest 1"][5].startswith(f"{np.mean(area):.2f} ± ")
    assert found["corrected latest 1"][6] == "never, never"


def test_what_corrections_do_before_any_training() -> None:
    table = table_of(FID)
    for seed, (drawn, made) in enumerate([(4.0, 3.0), (6.0, 3.5)]):
        table[replace(RAW, seed=seed), 1] |= {"FID_sampled": drawn, "FID_corrected": drawn}
        table[replace(CORRECTED, seed=seed), 1] |= {"FID_sampled": drawn, "FID_corrected": made}
        table[replace(CORRECTED, seed=seed), 2] |= {"FID_sampled": 99.0, "FID_corrected": 99.0}
    found = rows(before_training(table, "cmu_0064"))
    assert list(found)[2:] == ["samples, as drawn", "corrected", "corrected - samples"]
    assert found["samples, as drawn"][1] == f"5.00 ± {halved_interval([4.0, 6.0]):.2f}"
    assert found["corrected"][1] == f"3.25 ± {halved_interval([3.0, 3.5]):.2f}"
    assert found["corrected - samples"][1] == f"-1.75 ± {halved_interval([-1.0, -2.5]):.2f}"


def _finish(root: Path, arm: EvidenceArm, fid: list[float]) -> None:
    for generation, value in enumerate(fid):
        metrics = {f"{name}_test": value for name in ("FID", "KID", "FID kinetic", "Recall")}
        metrics |= {"Precision_test": 0.5, "FID_test interval": [0.0, 9.0], "FID_sampled": value}
        finish_generation(arm.folder(root), generation, metrics)


def _record(root: Path, seed: int, losses: Losses) -> None:
    start = EvidenceArm("cmu_0064", seed, "generation_0")
    folder = start.folder(root) / "generation_0"
    folder.mkdir(parents=True, exist_ok=True)
    write_losses(losses, folder)


def test_the_table_grows_and_newer_rows_replace_older_ones(tmp_path: Path) -> None:
    out, root = tmp_path / "out", tmp_path / "runs"
    out.mkdir()
    gamma = replace(CORRECTED, gamma=0.3, change="rate")
    earlier = {(RAW, 0): {"FID_test": 7.0}, (gamma, 3): {"FID_test": 1.25, "KID_test": -0.5}}
    write_table(earlier, out / "arms.csv")
    assert read_table(out / "arms.csv") == earlier
    for kind in HEADLINE:
        _finish(root, EvidenceArm("cmu_0064", 0, kind), [2.0, 3.0])
    _finish(root, EvidenceArm("cmu_0064", 1, "raw"), [2.5, 4.0])
    _finish(root, EvidenceArm("cmu_0064", 0, "raw"), [2.0, *np.linspace(3, 9, HORIZON + 1)])
    main(root=root, out=out, seeds=(0, 1))
    assert not (out / "cmu_0064_response.png").exists()  # one lambda is no response
    assert not (out / "generation_0_loss.csv").exists()  # none was recorded
    for seed, losses in ((0, [(10, 0.5), (20, 0.25)]), (1, [(10, 0.75)])):
        _record(root, seed, losses)
    for ratio in (0.5, 2.0):
        _finish(root, EvidenceArm("cmu_0064", 0, "raw", ratio=ratio), [2.0] * (HORIZON + 1))
    main(root=root, out=out, seeds=(0, 1))
    table = read_table(out / "arms.csv")
    assert table[RAW, 0]["FID_test"] == 2.0  # not 7: the run that is here is newer
    assert table[gamma, 3] == earlier[gamma, 3]  # whose run is elsewhere
    assert not [name for name in table[RAW, 1] if "interval" in name]
    assert {arm.kind for arm, _ in table} == set(HEADLINE)
    assert curves(table, RAW, "FID_test")[1].values.tolist() == [2.5, 4.0]
    text = (out / "tables.md").read_text()
    assert "| raw latest 1 | 2 | 1 |" in text or "| raw latest 1 | 1 | 12 |" in text
    stems = {path.stem for path in out.glob("*.png")}
    assert stems == {
        *("cmu_0064_latest", "cmu_0064_latest_long", "cmu_0064_response", "generation_0_loss")
    }
    _record(root, 1, [(10, 0.875)])
    main(root=root, out=out, seeds=(1,))  # seed 0 stays, as in arms.csv
    assert (out / "generation_0_loss.csv").read_text().splitlines() == [
        *("dataset,seed,step,loss", "cmu_0064,0,10,0.5", "cmu_0064,0,20,0.25"),
        "cmu_0064,1,10,0.875",
    ]


def test_no_runs_and_no_table_are_named(tmp_path: Path) -> None:
    assert read_runs(tmp_path, [RAW]) == {}
    with pytest.raises(SystemExit):  # the error, as a command shows it
        main(root=tmp_path, out=tmp_path)
    with pytest.raises(MissingAssetError, match="no arm of the evidence has begun"):
        main.__wrapped__(root=tmp_path, out=tmp_path)
    (tmp_path / "arms.csv").write_text("dataset,seed\ncmu_0064,0\n")
    with pytest.raises(CorruptFileError, match="no table of arms"):
        read_table(tmp_path / "arms.csv")


@pytest.fixture(scope="module")
def jobs() -> dict[str, Job]:
    return {job.name: job for job in plan(Request("motion_evidence", (0, 1, 2, 3, 4))).jobs}


def test_the_headline_comes_first_seed_by_seed(jobs: dict[str, Job]) -> None:
    headline = ["generation_0", "raw_latest_1", "corrected_latest_1", "kinematic_latest_1"]
    expected = [f"cmu_0064_seed_{s}_{name}" for s in range(5) for name in (*headline, BASELINE)]
    assert list(jobs)[:25] == expected


def test_all_arms_of_a_seed_share_generation_0_and_its_seed(jobs: dict[str, Job]) -> None:
    for job in jobs.values():
        words = job.command
        seed = words[words.index("--seed") + 1]
        assert f"_seed_{seed}_" in job.name
        if job.kind != "generation_0":
            start = Path(words[words.index("--start_from") + 1])
            (before,) = job.after
            first = jobs[before] if jobs[before].kind == "generation_0" else None
            assert first is None or first.run == start.parent
    folders = [job.run for job in jobs.values() if not job.name.endswith("_long")]
    assert len(set(folders)) == len(folders)


def test_one_seed_of_the_headline_goes_on_and_keeps_what_that_takes(jobs: dict[str, Job]) -> None:
    long = [job for job in jobs.values() if job.last == LONG]
    assert [job.name for job in long] == list(jobs)[-4:]
    for job in long:
        (before,) = job.after
        assert jobs[before].run == job.run and jobs[before].last == HORIZON
        for words in (job.command, jobs[before].command):
            assert words[words.index("--keep") + 1] == f"every:{LONG}"


def test_the_script_explains_itself_and_a_tenth_is_a_tenth(jobs: dict[str, Job]) -> None:
    line = ["bash", "exp_scripts/motion_evidence.sh"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert said.startswith("Does physics") and said.rstrip().endswith("motion_evidence_tenth.")
    text = Path(line[1]).read_text()
    (names,) = re.findall(r"--only cmu_0064_seed_5_\{(.*?)\}", text)
    chosen = [jobs["cmu_0064_seed_0_" + name] for name in names.split(",")]
    headline = list(jobs.values())[:25]
    made, all_made = (sum(job.last for job in some) for some in (chosen, headline))
    assert made / all_made == pytest.approx(0.1)
