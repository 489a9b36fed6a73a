"""Writes CMU's skeleton and motions by hand: ASF/AMC, and as the MotionBuilder-friendly BVH."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# name: parent, direction, length (in file units of 1 / 0.45 inches), channels
BONES: dict[str, tuple[str, tuple[float, float, float], float, str]] = {
    "lhipjoint": ("root", (0.6, -0.6, 0.4), 2.4, ""),
    "lfemur": ("lhipjoint", (0.34, -0.94, 0.0), 7.2, "rx ry rz"),
    "ltibia": ("lfemur", (0.34, -0.94, 0.0), 7.4, "rx"),
    "lfoot": ("ltibia", (0.06, -0.15, 0.98), 2.3, "rx rz"),
    "ltoes": ("lfoot", (0.0, 0.0, 1.0), 1.2, "rx"),
    "rhipjoint": ("root", (-0.6, -0.6, 0.4), 2.4, ""),
    "rfemur": ("rhipjoint", (-0.34, -0.94, 0.0), 7.2, "rx ry rz"),
    "rtibia": ("rfemur", (-0.34, -0.94, 0.0), 7.4, "rx"),
    "rfoot": ("rtibia", (-0.06, -0.15, 0.98), 2.3, "rx rz"),
    "rtoes": ("rfoot", (0.0, 0.0, 1.0), 1.2, "rx"),
    "lowerback": ("root", (0.0, 0.99, -0.1), 2.05, "rx ry rz"),
    "upperback": ("lowerback", (0.0, 1.0, 0.0), 2.05, "rx ry rz"),
    "thorax": ("upperback", (0.0, 1.0, 0.0), 2.05, "rx ry rz"),
    "lowerneck": ("thorax", (0.0, 1.0, 0.1), 1.75, "rx ry rz"),
    "upperneck": ("lowerneck", (0.0, 1.0, -0.1), 1.76, "rx ry rz"),
    "head": ("upperneck", (0.0, 1.0, 0.0), 1.77, "rx ry rz"),
    "lclavicle": ("thorax", (0.93, 0.35, -0.1), 3.6, "ry rz"),
    "lhumerus": ("lclavicle", (1.0, 0.0, 0.0), 5.0, "rx ry rz"),
    "lradius": ("lhumerus", (1.0, 0.0, 0.0), 3.5, "rx"),
    "lwrist": ("lradius", (1.0, 0.0, 0.0), 1.715, "ry"),
    "rclavicle": ("thorax", (-0.93, 0.35, -0.1), 3.6, "ry rz"),
    "rhumerus": ("rclavicle", (-1.0, 0.0, 0.0), 5.0, "rx ry rz"),
    "rradius": ("rhumerus", (-1.0, 0.0, 0.0), 3.5, "rx"),
    "rwrist": ("rradius", (-1.0, 0.0, 0.0), 1.715, "ry"),
}


def asf(axes: Mapping[str, Sequence[float]] | None = None) -> str:
    """The skeleton; `axes` are angles in degrees of the local frames of some bones."""
    lines = [":version 1.10", ":name VICON", ":units", "  mass 1.0", "  length 0.45"]
    lines += ["  angle deg", ":documentation", "   made by hand", ":root"]
    lines += ["   order TX TY TZ RX RY RZ", "   axis XYZ", "   position 0 0 0"]
    lines += ["   orientation 0 0 0 ", ":bonedata"]
    for number, (name, (_, direction, length, dof)) in enumerate(BONES.items(), start=1):
        axis = " ".join(map(str, (axes or {}).get(name, (0, 0, 0))))
        lines += ["  begin", f"     id {number}", f"     name {name}"]
        lines += [f"     direction {' '.join(map(str, direction))}", f"     length {length}"]
        lines += [f"     axis {axis}  XYZ"]
        if dof:
            lines += [f"    dof {dof}", "    limits (-160.0 20.0)", "           (-70.0 70.0)"]
        lines.append("  end")
    lines += [":hierarchy", "  begin"]
    for parent in dict.fromkeys(bone[0] for bone in BONES.values()):
        children = [name for name, bone in BONES.items() if bone[0] == parent]
        lines.append(f"    {parent} {' '.join(children)}")
    return "\n".join([*lines, "  end"]) + "\n"


def amc(frames: Sequence[Mapping[str, Sequence[float]]]) -> str:
    """A motion; what a frame does not name is zero."""
    lines = ["#!OML:ASF F:\\VICON\\USERDATA\\07.ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, frame in enumerate(frames, start=1):
        lines.append(str(number))
        lines.append("root " + " ".join(map(str, frame.get("root", (0,) * 6))))
        for name, (_, _, _, dof) in BONES.items():
            if dof:
                values = frame.get(name, (0,) * len(dof.split()))
                lines.append(f"{name} " + " ".join(map(str, values)))
    return "\n".join(lines) + "\n"


_JOINTS = {
    "lhipjoint": "LHipJoint", "lfemur": "LeftUpLeg", "ltibia": "LeftLeg", "lfoot": "LeftFoot",
    "ltoes": "LeftToeBase", "rhipjoint": "RHipJoint", "rfemur": "RightUpLeg",
    "rtibia": "RightLeg", "rfoot": "RightFoot", "rtoes": "RightToeBase",
    "lowerback": "LowerBack", "upperback": "Spine", "thorax": "Spine1", "lowerneck": "Neck",
    "upperneck": "Neck1", "head": "Head", "lclavicle": "LeftShoulder", "lhumerus": "LeftArm",
    "lradius": "LeftForeArm", "lwrist": "LeftHand", "rclavicle": "RightShoulder",
    "rhumerus": "RightArm", "rradius": "RightForeArm", "rwrist": "RightHand",
}  # fmt: skip


def motionbuilder(frames: Sequence[Mapping[str, Sequence[float]]]) -> str:
    """The conversion: joints where bones start; those after a branching bone sit on its start."""
    columns: list[tuple[str, str]] = []

    def joint(name: str, label: str, offset: Sequence[float]) -> str:
        channels = "Zrotation Yrotation Xrotation"
        columns.extend((name, axis) for axis in "zyx")
        body = f"OFFSET {' '.join(map(str, offset))}\nCHANNELS 3 {channels}\n"
        children = [child for child, bone in BONES.items() if bone[0] == name]
        if name in BONES:
            _, direction, length, _ = BONES[name]
            end = np.array(direction) * length * (len(children) == 1 or not children)
            body += "".join(joint(child, _JOINTS[child], end) for child in children)
            if name in ("lwrist", "rwrist"):
                body += joint("", f"{'Left' if name[0] == 'l' else 'Right'}FingerBase", (0, 0, 0))
            elif not children:
                body += f"End Site\n{{\nOFFSET {' '.join(map(str, end))}\n}}\n"
        return f"JOINT {label}\n{{\n{body}}}\n"

    children = [child for child, bone in BONES.items() if bone[0] == "root"]
    inside = "".join(joint(child, _JOINTS[child], (0, 0, 0)) for child in children)
    head = "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition "
    head += f"Zrotation Yrotation Xrotation\n{inside}}}\n"
    rows = []
    for frame in frames:
        root = frame.get("root", (0,) * 6)
        row = [*root[:3], root[5], root[4], root[3]]
        for name, axis in columns:
            dof = BONES[name][3].split() if name else []
            values = dict(zip(dof, frame.get(name, (0,) * len(dof)), strict=True))
            row.append(values.get(f"r{axis}", 0))
        rows.append(" ".join(map(str, row)))
    return f"{head}MOTION\nFrames: {len(rows)}\nFrame Time: .0083333\n" + "\n".join(rows) + "\n"
