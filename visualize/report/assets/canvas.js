// Canvases at the resolution of the screen.

/** A canvas at the resolution of the screen: context in CSS pixels, width, height. */
function sized(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [ctx, width, height];
}

/** Draw on a layer of its own, so that overlapping limbs are as transparent as a single one. */
function ghost(ctx, canvas, draw) {
  const layer = document.createElement("canvas");
  [layer.width, layer.height] = [canvas.width, canvas.height];
  const inside = layer.getContext("2d");
  inside.setTransform(ctx.getTransform());
  draw(inside);
  ctx.save();
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.globalAlpha = 0.55;
  ctx.drawImage(layer, 0, 0);
  ctx.restore();
}
