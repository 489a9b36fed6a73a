// A strip under the scrub bar: when each toe is planted or slides, and when the body is off the floor.

const TIMELINE = { left: 62, row: 13, gap: 5 };

/** Draw the strip of `motions` ([name, motion]); the present frame is a line. */
function drawTimeline(canvas, motions, frame, frames, body, theme) {
  const height = motions.length * (3 * TIMELINE.row + TIMELINE.gap) + TIMELINE.gap;
  canvas.style.height = `${height}px`;
  const [ctx, width] = sized(canvas);
  ctx.clearRect(0, 0, width, height);
  const step = (width - TIMELINE.left) / frames;
  motions.forEach(([name, motion], place) => {
    const top = TIMELINE.gap + place * (3 * TIMELINE.row + TIMELINE.gap);
    ctx.font = "11px system-ui, sans-serif";
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.fillStyle = theme.ink;
    ctx.fillText(name, 0, top + 1.5 * TIMELINE.row);
    ["L", "R", "↕"].forEach((text, row) => ctx.fillText(text, 46, top + (row + 0.5) * TIMELINE.row));
    ctx.fillStyle = theme.tile;
    ctx.fillRect(TIMELINE.left, top, step * motion.frames, 3 * TIMELINE.row - 1);
    for (let i = 0; i < motion.frames; i++) {
      cells(motion.cues[i], body).forEach((colour, row) => {
        if (!colour) return;
        ctx.fillStyle = colour;
        ctx.fillRect(TIMELINE.left + i * step, top + row * TIMELINE.row, step + 0.4, TIMELINE.row - 1);
      });
    }
  });
  ctx.textBaseline = "alphabetic";
  ctx.fillStyle = theme.ink;
  ctx.fillRect(TIMELINE.left + (frame + 0.5) * step - 1, 0, 2, height);
  canvas.setAttribute("aria-label", "Ground contacts over time: left toe, right toe, body off the floor");
}

/** Colours of a frame: left toe, right toe, whole body; null where there is nothing to say. */
function cells(cue, { colours }) {
  const toe = (side) => (cue & (1 << side) ? colours.planted : cue & (4 << side) ? colours.sliding : null);
  return [toe(0), toe(1), cue & 32 ? colours.below : cue & 16 ? colours.floating : null];
}
