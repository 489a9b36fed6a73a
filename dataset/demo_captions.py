"""The 20 DeepMimic clips of the demo dataset and what we say about them.

Split rule: where two takes show the same action, the second one tests (walk, turning left, turning
right, dance), so that a test caption is always one the network was trained on, while its motion is
new. One turning take validates, because the mirrored left turns train the same action. Everything
else trains. Mirrored copies and all windows of a clip stay in its split. The robot dog of the same
folder (laikago) is no human and no clip of ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoClip:
    """One source clip.

    Attributes:
        name: our name, also of `clips/NAME.npy`.
        file: path below the wheel's `pybullet_data/data/motions/`.
        action: key of CAPTIONS.
        split: train, val or test.
        starts: windows start only within the first so many frames, where the cycle is longer than
            a window and a later one would miss the action.
    """

    name: str
    file: str
    action: str
    split: str = "train"
    starts: int | None = None


CLIPS: tuple[DemoClip, ...] = (
    DemoClip("walk", "humanoid3d_walk.txt", "walk"),
    DemoClip("run", "humanoid3d_run.txt", "run"),
    DemoClip("jump", "humanoid3d_jump.txt", "jump"),
    DemoClip("spin", "humanoid3d_spin.txt", "spin", starts=25),
    DemoClip("dance_a", "humanoid3d_dance_a.txt", "dance"),
    DemoClip("dance_b", "humanoid3d_dance_b.txt", "dance", "test"),
    DemoClip("kick", "humanoid3d_kick.txt", "kick"),
    DemoClip("punch", "humanoid3d_punch.txt", "punch"),
    DemoClip("spinkick", "humanoid3d_spinkick.txt", "spinkick"),
    DemoClip("crawl", "humanoid3d_crawl.txt", "crawl"),
    DemoClip("cartwheel", "humanoid3d_cartwheel.txt", "cartwheel"),
    DemoClip("roll", "humanoid3d_roll.txt", "roll"),
    DemoClip("backflip", "humanoid3d_backflip.txt", "backflip"),
    DemoClip("getup_facedown", "humanoid3d_getup_facedown.txt", "getup_facedown"),
    DemoClip("getup_faceup", "humanoid3d_getup_faceup.txt", "getup_faceup"),
    DemoClip("walk_forward", "walker/0walk_forward.txt", "walk", "test"),
    DemoClip("turn_left0", "walker/turn_left0.txt", "turn_left"),
    DemoClip("turn_left1", "walker/turn_left1.txt", "turn_left", "test"),
    DemoClip("turn_right0", "walker/turn_right0.txt", "turn_right", "val"),
    DemoClip("turn_right1", "walker/turn_right1.txt", "turn_right", "test"),
)

CAPTIONS: dict[str, tuple[str, ...]] = {
    "walk": (
        "a person walks forward",
        "someone is walking straight ahead at a steady pace",
        "a man walks forwards slowly",
        "the person takes several steps forward",
        "a figure walks in a straight line",
    ),
    "run": (
        "a person runs forward fast",
        "someone is running straight ahead",
        "a man runs in a straight line",
        "the person runs forward with long steps",
        "a figure is jogging forward quickly",
    ),
    "jump": (
        "a person jumps forward with both feet",
        "someone bends the knees and jumps forward",
        "a man does a jump to the front and lands on both feet",
        "the person is jumping forward again and again",
        "a figure squats down and then leaps forward",
    ),
    "spin": (
        "a person leaps to the left and spins in the air",
        "someone jumps to the left with a full turn of the body",
        "a man swings the legs up and spins while moving to the left",
        "the person performs a spinning leap to the left",
        "a figure whirls around with the body low and lands on the feet",
    ),
    "dance": (
        "a person dances with lively arms",
        "someone is dancing and swings both arms",
        "a man dances by stepping from side to side",
        "the person performs a dance with quick steps",
        "a figure dances on the spot and raises the arms",
    ),
    "kick": (
        "a person kicks high with the right leg",
        "someone turns and throws a kick with the right foot",
        "a man does a karate kick with his right leg",
        "the person performs a roundhouse kick with the right leg",
    ),
    "punch": (
        "a person punches with the right fist",
        "someone steps forward and throws a punch with the right hand",
        "a man strikes to the front with his right arm",
        "the person swings the right arm into a strong punch",
        "a figure punches forward with the right hand",
    ),
    "spinkick": (
        "a person spins around and kicks high with the right leg",
        "someone performs a jumping spin kick with the right leg",
        "a man jumps and turns while kicking with the right foot",
        "the person does a spinning kick in the air with the right leg",
        "a figure whirls around and throws a high kick with the right foot",
    ),
    "crawl": (
        "a person crawls forward on the ground",
        "someone is crawling on the stomach with the elbows",
        "a man crawls along the floor close to the ground",
        "the person moves forward on hands and knees, very low",
        "a figure crawls ahead under something low",
    ),
    "cartwheel": (
        "a person does a cartwheel to the left",
        "someone performs a cartwheel to the left side",
        "a man throws the legs over the head and lands on the left",
        "the person turns a cartwheel with both hands on the floor to the left",
        "a figure makes a cartwheel sideways to the left",
    ),
    "roll": (
        "a person rolls forward on the floor",
        "someone does a forward roll and stands up again",
        "a man performs a somersault on the ground",
        "the person squats down, rolls over and gets up",
        "a figure makes a forward roll",
    ),
    "backflip": (
        "a person does a backflip",
        "someone jumps up and flips backward in the air",
        "a man performs a backward somersault and lands on his feet",
        "the person bends the knees and makes a backflip",
        "a figure leaps backwards with a full flip",
    ),
    "getup_facedown": (
        "a person lies on the stomach and gets up",
        "someone pushes up from the floor and stands",
        "a man lying face down rises to his feet",
        "the person gets up from the ground with the hands on the floor",
        "a figure rises from the stomach and stands up",
    ),
    "getup_faceup": (
        "a person lies on the back and gets up",
        "someone lying on the back swings the legs and stands up",
        "a man lying face up rises to his feet",
        "the person rolls up from the back and stands",
        "a figure gets up from the ground after lying on the back",
    ),
    "turn_left": (
        "a person walks and turns left",
        "someone is walking in a curve to the left",
        "a man walks forward and turns to the left",
        "the person walks counterclockwise in a circle",
        "a figure veers to the left while walking",
    ),
    "turn_right": (
        "a person walks and turns right",
        "someone is walking in a curve to the right",
        "a man walks forward and turns to the right",
        "the person walks clockwise in a circle",
        "a figure veers to the right while walking",
    ),
}
"""Several phrasings an action, each true of every window; mirrored clips get them mirrored."""
