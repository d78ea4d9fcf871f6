// Drawing of radiograph, heatmap, boxes and magnifier on one canvas: what is drawn with one placement cannot come apart.

import { label } from "../format.js";

const LARGEST_LENS = 96;
const LENS_FACTOR = 2.5;

// Radiographs are brought through one canvas, which grows to the largest part that was ever shown.
const scratch = { canvas: new OffscreenCanvas(1, 1), context: null, image: null, words: null };

/**
 * Draws a scene at { scale, left, top }, in CSS pixels.
 * scene: { image: { width, height }, pyramid, table, heatmap, opacity, boxes, outlines, colours }; heatmap and outlines may be null, boxes empty.
 */
export function drawScene(context, scene, placement, density) {
  const { image, heatmap } = scene;
  const [left, top] = [placement.left * density, placement.top * density];
  const [width, height] = [image.width * placement.scale * density, image.height * placement.scale * density];
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  drawRadiograph(context, scene, { left, top, width, height });
  if (heatmap) {
    context.globalAlpha = scene.opacity;
    context.drawImage(heatmap, left, top, width, height);
  }
  context.restore();
  if (scene.outlines) drawOutlines(context, scene, placement, density);
  drawBoxes(context, scene, placement, density);
}

/** A round glass at (x, y) of the pane, in CSS pixels. */
export function drawLens(context, scene, placement, density, { x, y }) {
  const radius = Math.min(LARGEST_LENS * density, Math.min(context.canvas.width, context.canvas.height) / 4);
  const [centreX, centreY] = [x * density, y * density];
  context.save();
  context.beginPath();
  context.arc(centreX, centreY, radius, 0, 2 * Math.PI);
  context.clip();
  context.fillStyle = scene.colours.ground;
  context.fillRect(centreX - radius, centreY - radius, 2 * radius, 2 * radius);
  const enlarged = {
    scale: placement.scale * LENS_FACTOR,
    left: x - (x - placement.left) * LENS_FACTOR,
    top: y - (y - placement.top) * LENS_FACTOR,
  };
  drawScene(context, scene, enlarged, density);
  context.restore();
  context.lineWidth = 1.5 * density;
  context.strokeStyle = scene.colours.ink;
  context.beginPath();
  context.arc(centreX, centreY, radius, 0, 2 * Math.PI);
  context.stroke();
}

/** Only the part that is in view, from the level of the pyramid that fits the screen. */
function drawRadiograph(context, { pyramid, table }, { left, top, width, height }) {
  const { full } = pyramid;
  const level = pyramid.level(Math.max(width / full.width, height / full.height));
  const [stepX, stepY] = [(width / full.width) * level.factor, (height / full.height) * level.factor];
  const { canvas } = context;
  // One pixel more on each side, or the edges would be smoothed towards nothing.
  const firstX = Math.max(Math.floor(-left / stepX) - 1, 0);
  const firstY = Math.max(Math.floor(-top / stepY) - 1, 0);
  const columns = Math.min(Math.ceil((canvas.width - left) / stepX) + 1, level.width) - firstX;
  const rows = Math.min(Math.ceil((canvas.height - top) / stepY) + 1, level.height) - firstY;
  if (columns <= 0 || rows <= 0) return;
  growScratch(columns, rows);
  const stride = scratch.canvas.width;
  const { words } = scratch;
  const { values } = level;
  for (let row = 0; row < rows; row += 1) {
    let from = (firstY + row) * level.width + firstX;
    const end = row * stride + columns;
    for (let to = row * stride; to < end; to += 1, from += 1) words[to] = table[values[from]];
  }
  scratch.context.putImageData(scratch.image, 0, 0, 0, 0, columns, rows);
  context.drawImage(scratch.canvas, 0, 0, columns, rows, left + firstX * stepX, top + firstY * stepY, columns * stepX, rows * stepY);
}

function growScratch(columns, rows) {
  const { canvas } = scratch;
  if (scratch.image && canvas.width >= columns && canvas.height >= rows) return;
  canvas.width = Math.max(canvas.width, columns);
  canvas.height = Math.max(canvas.height, rows);
  scratch.context = canvas.getContext("2d", { alpha: false });
  scratch.image = new ImageData(canvas.width, canvas.height);
  scratch.words = new Uint32Array(scratch.image.data.buffer);
}

/** Lungs and heart as thin lines, the two widths of the cardiothoracic ratio as level lines with ends. */
function drawOutlines(context, { outlines, colours }, { scale, left, top }, density) {
  const at = ({ x, y }) => [(left + x * scale) * density, (top + y * scale) * density];
  const path = new Path2D();
  for (const organ of outlines.organs) {
    organ.forEach((point, index) => (index ? path.lineTo(...at(point)) : path.moveTo(...at(point))));
    path.closePath();
  }
  for (const [from, to] of outlines.widths) {
    const [[x0, y], [x1]] = [at(from), at(to)];
    path.moveTo(x0, y);
    path.lineTo(x1, y);
    for (const x of [x0, x1]) {
      path.moveTo(x, y - 6 * density);
      path.lineTo(x, y + 6 * density);
    }
  }
  context.lineJoin = "round";
  // A dark rim keeps the line visible on bone.
  for (const [colour, thickness] of [[colours.ground, 3], [colours.outline, 1.25]]) {
    context.strokeStyle = colour;
    context.lineWidth = thickness * density;
    context.stroke(path);
  }
  if (!outlines.widths.length) return;
  context.font = `${12 * density}px ${colours.font}`;
  context.textBaseline = "bottom";
  const [x, y] = at(outlines.widths[0][0]);
  context.lineWidth = 3 * density;
  context.strokeStyle = colours.ground;
  context.fillStyle = colours.outline;
  context.strokeText(outlines.words, x, y - 8 * density);
  context.fillText(outlines.words, x, y - 8 * density);
}

/** Solid where the shown finding was boxed, dashed for the others. */
function drawBoxes(context, { boxes, colours, finding }, { scale, left, top }, density) {
  context.font = `${12 * density}px ${colours.font}`;
  context.textBaseline = "bottom";
  context.lineJoin = "round";
  for (const box of boxes) {
    const [x, y] = [(left + box.x * scale) * density, (top + box.y * scale) * density];
    const [width, height] = [box.width * scale * density, box.height * scale * density];
    context.setLineDash(box.finding === finding ? [] : [6 * density, 4 * density]);
    // A dark rim keeps the line visible on bone.
    for (const [colour, thickness] of [[colours.ground, 3.5], [colours.box, 1.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = thickness * density;
      context.strokeRect(x, y, width, height);
    }
    context.setLineDash([]);
    context.lineWidth = 3 * density;
    context.strokeStyle = colours.ground;
    context.fillStyle = colours.box;
    const text = label(box.finding);
    const line = Math.max(y - 4 * density, 16 * density);
    context.strokeText(text, x, line);
    context.fillText(text, x, line);
  }
}
