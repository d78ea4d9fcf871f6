// Pixels need not be square: a radiograph is shown in the proportions of the body, whatever its pixels are.

/**
 * An image measured in squares as long as the shorter side of its pixels.
 * Returns { width, height } in squares, how many of them a pixel is { across, down }, and a square's side in
 * millimetres or null. Without a stated spacing pixels are taken as square.
 */
export function inSquares({ width, height, pixel_spacing_mm: spacing }) {
  if (!spacing) return { width, height, across: 1, down: 1, millimetres: null };
  const millimetres = Math.min(...spacing);
  const [down, across] = spacing.map((side) => side / millimetres);
  return { width: width * across, height: height * down, across, down, millimetres };
}
