// Motions as the page carries them (see visualize/report/player.py).

const FOLLOW_FRAMES = 8; // to either side, over which the path of the camera is smoothed

/** Joints (frames x 66, metres) of an encoded motion, and a byte of cues for each frame. */
function decodeMotion(encoded) {
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const raw = new DataView(bytes(encoded.joints).buffer);
  const values = new Float32Array(raw.byteLength / 2);
  for (let i = 0; i < values.length; i++) values[i] = (raw.getInt16(2 * i, true) * encoded.unitMm) / 1000;
  const cues = bytes(encoded.cues);
  const size = values.length / cues.length;
  return { frames: cues.length, cues, pose: (frame) => values.subarray(frame * size, (frame + 1) * size) };
}

/** Greatest distance of any joint, in any frame, from where the camera looks. */
function reachOf(motions, path) {
  let squared = 0;
  for (const motion of motions) {
    for (let frame = 0; frame < motion.frames; frame++) {
      const pose = motion.pose(frame), [x, z] = path[frame];
      for (let i = 0; i < pose.length; i += 3) {
        squared = Math.max(squared, (pose[i] - x) ** 2 + (pose[i + 1] - LOOK_AT_M) ** 2 + (pose[i + 2] - z) ** 2);
      }
    }
  }
  return Math.sqrt(squared);
}

/** Where the camera looks in each frame, [x, z]: the smoothed middle of the pelvises. */
function followPath(motions, frames) {
  const mean = (points) =>
    [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  const middle = Array.from({ length: frames }, (_, frame) =>
    mean(motions.map((motion) => {
      const pose = motion.pose(Math.min(frame, motion.frames - 1));
      return [pose[0], pose[2]];
    })));
  return middle.map((_, frame) => {
    // As far to one side as to the other, or the camera would lag behind at the ends.
    const half = Math.min(FOLLOW_FRAMES, frame, frames - 1 - frame);
    return mean(middle.slice(frame - half, frame + half + 1));
  });
}
