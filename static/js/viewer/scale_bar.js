// The bar that tells lengths, as long as a round number of millimetres.

const LENGTHS_MM = [1, 2, 5, 10, 20, 50, 100, 200];
const LONGEST_SHARE = 0.3;

/** square: side in mm of what is `scale` CSS pixels long, or null; space: width of the pane. */
export function showScale(bar, square, scale, space) {
  const line = bar.querySelector("[data-part=line]");
  const text = bar.querySelector("[data-part=text]");
  line.hidden = !square;
  if (!square) {
    text.textContent = "No scale";
    return;
  }
  const millimetre = scale / square;
  const length = LENGTHS_MM.findLast((candidate) => candidate * millimetre <= space * LONGEST_SHARE) ?? LENGTHS_MM[0];
  line.style.width = `${length * millimetre}px`;
  text.textContent = length < 10 ? `${length} mm` : `${length / 10} cm`;
}
