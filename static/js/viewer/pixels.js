// Grey values of a radiograph: all that the server has or, for studies of earlier versions, those of its picture.

import { fetchData } from "../api.js";

/**
 * Resolves to { width, height, bits, values }: one number a pixel, rows from the top, white is 2 ** bits - 1.
 * onProgress gets the share that has arrived, in [0, 1].
 */
export async function loadPixels(image, onProgress = () => {}) {
  if (!image.pixels) return loadPicture(image.url);
  const { url, width, height, bits } = image.pixels;
  const bytes = await fetchData(url, (width * height * bits) / 8, onProgress);
  return { width, height, bits, values: bits === 8 ? bytes : littleEndian(bytes) };
}

function littleEndian(bytes) {
  const values = new Uint16Array(bytes.buffer);
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return values;
  const view = new DataView(bytes.buffer);
  return values.map((_, index) => view.getUint16(2 * index, true));
}

async function loadPicture(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  const { naturalWidth: width, naturalHeight: height } = picture;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  return { width, height, bits: 8, values: Uint8Array.from({ length: width * height }, (_, index) => rgba[4 * index]) };
}
