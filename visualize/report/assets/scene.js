// Draws a floor and 22-joint bodies on a 2-D canvas: far things first, limbs as tapered capsules.

const TILE_M = 0.5, TILES = 13; // the checker floor reaches 6.5 m around the camera's target
const NEAR_M = 0.3;

/** Read the colours of the page's theme. */
function themeColours(element) {
  const style = getComputedStyle(element);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  return { sky: get("sky"), floor: get("floor"), tile: get("tile"), ink: get("ink"), outline: get("outline"), shadow: get("shadow") };
}

function drawFloor(ctx, lens, target, width, height, theme) {
  ctx.fillStyle = theme.sky;
  ctx.fillRect(0, 0, width, height);
  const top = clamp(lens.horizon, 0, height);
  const haze = ctx.createLinearGradient(0, top, 0, top + 0.35 * height);
  haze.addColorStop(0, theme.sky);
  haze.addColorStop(1, theme.floor);
  ctx.fillStyle = lens.horizon < -height ? theme.floor : haze;
  ctx.fillRect(0, top, width, height - top);
  const [cx, cz] = target.map((value) => Math.round(value / TILE_M));
  ctx.fillStyle = theme.tile;
  for (let i = cx - TILES; i < cx + TILES; i++) {
    for (let j = cz - TILES; j < cz + TILES; j++) {
      if ((i + j) & 1) continue;
      const away = Math.hypot((i + 0.5) * TILE_M - target[0], (j + 0.5) * TILE_M - target[1]);
      const alpha = 1 - away / (TILES * TILE_M);
      if (alpha <= 0.02) continue;
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(([a, b]) =>
        lens(a * TILE_M, 0, b * TILE_M));
      if (corners.some((corner) => corner.depth < NEAR_M)) continue;
      ctx.globalAlpha = alpha;
      ctx.beginPath();
      corners.forEach((corner) => ctx.lineTo(corner.x, corner.y));
      ctx.fill();
    }
  }
  ctx.globalAlpha = 1;
}

/** Capsules {a, b, ra, rb, part} of a pose: bones, hands, head and nose, in metres. */
function capsulesOf(pose, body) {
  const at = (joint) => [pose[3 * joint], pose[3 * joint + 1], pose[3 * joint + 2]];
  const ball = (centre, radius, part) => ({ a: centre, b: centre, ra: radius, rb: radius, part });
  const out = body.bones.map(([parent, joint, ra, rb, part]) => ({ a: at(parent), b: at(joint), ra, rb, part }));
  for (const [wrist, elbow, part] of [[20, 18, "left"], [21, 19, "right"]]) {
    out.push(ball(along(at(wrist), unit(minus(at(wrist), at(elbow))), 0.05), body.hand, part));
  }
  const up = unit(minus(at(15), at(12)));
  const head = along(at(15), up, 0.05);
  // The nose tells where the person looks.
  const ahead = unit(cross(minus(at(16), at(17)), up));
  out.push(ball(head, body.head, "trunk"), ball(along(head, ahead, body.head), body.nose, "nose"));
  return out;
}

/** The body pressed flat onto the floor, as under a light straight above. */
function drawShadow(ctx, lens, capsules, theme) {
  const path = new Path2D();
  for (const { a, b, ra, rb } of capsules) {
    const [start, end] = [lens(a[0], 0, a[2]), lens(b[0], 0, b[2])];
    if (start.depth < NEAR_M || end.depth < NEAR_M) continue;
    // A disc on the floor is lower than wide; a stroke cannot be, so it is thinned.
    path.addPath(stroke(start, end, 0.7 * ra * start.scale, 0.7 * rb * end.scale));
  }
  ctx.fillStyle = theme.shadow;
  ctx.fill(path);
}

/** A body; `tint` colours all of it, null shows left, right and trunk apart. */
function drawBody(ctx, lens, capsules, body, theme, tint) {
  const drawn = capsules.map((capsule) => ({
    ...capsule, start: lens(...capsule.a), end: lens(...capsule.b),
  })).filter(({ start, end }) => start.depth > NEAR_M && end.depth > NEAR_M);
  const groups = drawn.filter(({ part }) => part !== "trunk").map((capsule) => [capsule]);
  groups.push(drawn.filter(({ part }) => part === "trunk"));
  const depth = (group) => group.reduce((sum, { start, end }) => sum + start.depth + end.depth, 0) / group.length;
  groups.sort((first, second) => depth(second) - depth(first));
  for (const group of groups) {
    ctx.fillStyle = theme.outline;
    for (const { start, end, ra, rb } of group) ctx.fill(stroke(start, end, ra * start.scale + 1.3, rb * end.scale + 1.3));
    for (const { start, end, ra, rb, part } of group) {
      ctx.fillStyle = tint ?? body.colours[part];
      ctx.fill(stroke(start, end, ra * start.scale, rb * end.scale));
    }
    ctx.fillStyle = "rgba(255,255,255,0.36)";
    const ridge = new Path2D();
    for (const { start, end, ra, rb } of group) {
      const [r, s] = [ra * start.scale, rb * end.scale];
      ridge.addPath(stroke(shifted(start, -0.35 * r), shifted(end, -0.35 * s), 0.42 * r, 0.42 * s));
    }
    ctx.fill(ridge);
  }
}

/** Rings on the floor around toes in contact. Drawn before the body, which stands on them. */
function drawContacts(ctx, lens, pose, cue, body) {
  body.toes.forEach((toe, side) => {
    const planted = cue & (1 << side), sliding = cue & (4 << side);
    if (planted || sliding) ring(ctx, lens, pose, toe, body, planted ? body.colours.planted : body.colours.sliding);
  });
}

/** Dots on toes in contact and on joints below the floor; a line under somebody who floats. */
function drawCues(ctx, lens, pose, cue, body) {
  body.toes.forEach((toe, side) => {
    const planted = cue & (1 << side), sliding = cue & (4 << side);
    if (planted || sliding) dot(ctx, lens, pose, toe, planted ? body.colours.planted : body.colours.sliding);
  });
  let lowest = 0;
  for (let joint = 0; joint < pose.length / 3; joint++) {
    if (pose[3 * joint + 1] < pose[3 * lowest + 1]) lowest = joint;
    if (pose[3 * joint + 1] < -body.belowM) dot(ctx, lens, pose, joint, body.colours.below);
  }
  if (cue & 16) {
    const [from, to] = [lens(...pose.slice(3 * lowest, 3 * lowest + 3)), lens(pose[3 * lowest], 0, pose[3 * lowest + 2])];
    ctx.strokeStyle = body.colours.floating;
    ctx.lineWidth = 3;
    ctx.beginPath();
    ctx.moveTo(from.x, from.y);
    ctx.lineTo(to.x, to.y);
    ctx.stroke();
    ring(ctx, lens, pose, lowest, body, body.colours.floating);
  }
}

function ring(ctx, lens, pose, joint, body, colour) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = 3;
  ctx.beginPath();
  for (let i = 0; i < 24; i++) {
    const angle = (i * Math.PI) / 12;
    const point = lens(pose[3 * joint] + body.ringM * Math.cos(angle), 0, pose[3 * joint + 2] + body.ringM * Math.sin(angle));
    ctx.lineTo(point.x, point.y);
  }
  ctx.closePath();
  ctx.stroke();
}

function dot(ctx, lens, pose, joint, colour) {
  const { x, y } = lens(pose[3 * joint], pose[3 * joint + 1], pose[3 * joint + 2]);
  for (const [radius, fillStyle] of [[6.5, "#ffffff"], [4.8, colour]]) {
    ctx.fillStyle = fillStyle;
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fill();
  }
}

/** A stroke between two round ends; always wound the same way, so that strokes never cancel. */
function stroke(start, end, first, second) {
  const path = new Path2D();
  const dx = end.x - start.x, dy = end.y - start.y, length = Math.hypot(dx, dy);
  if (length > 1e-6) {
    const nx = -dy / length, ny = dx / length;
    path.moveTo(start.x + first * nx, start.y + first * ny);
    path.lineTo(start.x - first * nx, start.y - first * ny);
    path.lineTo(end.x - second * nx, end.y - second * ny);
    path.lineTo(end.x + second * nx, end.y + second * ny);
    path.closePath();
  }
  for (const [point, radius] of [[start, first], [end, second]]) {
    path.moveTo(point.x + radius, point.y);
    path.arc(point.x, point.y, radius, 0, 2 * Math.PI);
  }
  return path;
}

function shifted(point, by) {
  return { x: point.x + by, y: point.y + by };
}

function minus(a, b) {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function along(point, direction, length) {
  return point.map((value, i) => value + length * direction[i]);
}

function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function unit(vector) {
  const length = Math.hypot(...vector);
  return length > 1e-9 ? vector.map((value) => value / length) : [0, 0, 0];
}
