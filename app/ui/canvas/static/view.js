// Zoom and pan: screen = image * scale + offset, in CSS pixels of the stage.

const LARGEST_SCALE = 64;
const MARGIN_PX = 14;

export class View {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.stage = { width: 0, height: 0 };
    this.image = { width: 1, height: 1 };
    this.isFitted = true;
  }

  setStage(width, height) {
    const before = { ...this.stage };
    this.stage = { width, height };
    if (this.isFitted || before.width === 0) this.fit();
    else {
      this.x += (width - before.width) / 2;
      this.y += (height - before.height) / 2;
    }
  }

  setImage(width, height) {
    this.image = { width, height };
    this.fit();
  }

  get fitScale() {
    const { width, height } = this.stage;
    const room = [Math.max(width - 2 * MARGIN_PX, 1), Math.max(height - 2 * MARGIN_PX, 1)];
    return Math.min(room[0] / this.image.width, room[1] / this.image.height, 8);
  }

  fit() {
    this.scale = this.fitScale;
    this.x = (this.stage.width - this.image.width * this.scale) / 2;
    this.y = (this.stage.height - this.image.height * this.scale) / 2;
    this.isFitted = true;
  }

  /** One image pixel on one CSS pixel, around the middle of the stage. */
  actualSize() {
    this.zoomAt(this.stage.width / 2, this.stage.height / 2, 1 / this.scale);
  }

  zoomAt(sx, sy, factor) {
    const smallest = Math.min(this.fitScale / 2, 1);
    const next = Math.min(Math.max(this.scale * factor, smallest), LARGEST_SCALE);
    const kept = next / this.scale;
    this.x = sx - (sx - this.x) * kept;
    this.y = sy - (sy - this.y) * kept;
    this.scale = next;
    this.isFitted = false;
    this.keepInSight();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.isFitted = false;
    this.keepInSight();
  }

  /** Move as little as needed so that a box can be seen whole, or its middle when it is larger. */
  reveal(box) {
    const [a, b] = [this.toScreen(box[0], box[1]), this.toScreen(box[2], box[3])];
    const shift = (low, high, room) => {
      if (high - low > room - 2 * MARGIN_PX) return low > room || high < 0 ? room / 2 - (low + high) / 2 : 0;
      return low < MARGIN_PX ? MARGIN_PX - low : high > room - MARGIN_PX ? room - MARGIN_PX - high : 0;
    };
    const dx = shift(a.x, b.x, this.stage.width);
    const dy = shift(a.y, b.y, this.stage.height);
    if ((dx || dy) && !this.isFitted) this.pan(dx, dy);
  }

  /** At least a corner of the image stays on the stage. */
  keepInSight() {
    const rest = 48;
    const w = this.image.width * this.scale;
    const h = this.image.height * this.scale;
    this.x = Math.min(Math.max(this.x, rest - w), this.stage.width - rest);
    this.y = Math.min(Math.max(this.y, rest - h), this.stage.height - rest);
  }

  toScreen(x, y) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }

  toImage(sx, sy) {
    return { x: (sx - this.x) / this.scale, y: (sy - this.y) / this.scale };
  }
}
