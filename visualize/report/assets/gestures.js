// Orbit with mouse or finger, zoom with two fingers or the wheel.

const TURN_DEGREES = 0.45; // a pixel

/** Let gestures on `canvas` move the camera of `player`. */
function orbitBy(canvas, player) {
  const fingers = new Map();
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const wide = fingers.size === 2 ? spread() : 0;
    fingers.set(event.pointerId, now);
    if (wide) player.camera.zoom(wide / Math.max(spread(), 1));
    else player.camera.turn(-TURN_DEGREES * (now.x - before.x), TURN_DEGREES * (now.y - before.y));
    player.draw();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  canvas.addEventListener("wheel", (event) => {
    // Scrolling past the player must not zoom it: first click into it.
    if (!player.root.contains(document.activeElement)) return;
    event.preventDefault();
    player.camera.zoom(Math.exp(0.001 * event.deltaY));
    player.draw();
  }, { passive: false });
}
