// A pinhole camera that orbits a point above the floor. World: metres, y up, the body faces +z.

const FIELD_OF_VIEW = (30 * Math.PI) / 180; // over the shorter side: a long lens
const LOOK_AT_M = 0.85; // height of the point it turns around
const VIEWS = { front: [0, 8], oblique: [35, 14], side: [90, 8], back: [180, 8], top: [0, 88] };

class OrbitCamera {
  constructor() {
    this.reach = 1.2; // metres around the target that have to be in the picture
    this.zoomed = 1;
    this.view("oblique");
  }

  get distance() {
    return (this.zoomed * this.reach) / Math.sin(FIELD_OF_VIEW / 2);
  }

  /** Keep in the picture what lies within `reach` metres of the target; the zoom stays. */
  fit(reach) {
    this.reach = clamp(reach, 0.9, 4);
  }

  view(name) {
    [this.azimuth, this.elevation] = VIEWS[name];
  }

  turn(azimuth, elevation) {
    this.azimuth = (((this.azimuth + azimuth + 180) % 360) + 360) % 360 - 180;
    this.elevation = clamp(this.elevation + elevation, 2, 88);
  }

  zoom(factor) {
    this.zoomed = clamp(this.zoomed * factor, 0.25, 6);
  }

  /** A function from world points to {x, y, depth, scale}, in pixels of a picture. */
  lens(target, width, height) {
    const a = (this.azimuth * Math.PI) / 180, e = (this.elevation * Math.PI) / 180;
    const [sa, ca, se, ce] = [Math.sin(a), Math.cos(a), Math.sin(e), Math.cos(e)];
    const focal = Math.min(width, height) / 2 / Math.tan(FIELD_OF_VIEW / 2);
    const project = (px, py, pz) => {
      const dx = px - target[0], dy = py - LOOK_AT_M, dz = pz - target[1];
      const right = ca * dx - sa * dz;
      const up = -se * sa * dx + ce * dy - se * ca * dz;
      const depth = this.distance - (ce * sa * dx + se * dy + ce * ca * dz);
      const scale = focal / depth;
      return { x: width / 2 + scale * right, y: height / 2 - scale * up, depth, scale };
    };
    project.horizon = height / 2 - focal * Math.tan(e);
    project.light = [-ca * 0.35, -0.35]; // where a highlight lies on a limb, in radii
    return project;
  }
}
