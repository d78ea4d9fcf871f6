// Which health record came with which radiograph.

/** Whether a file may hold a health record. */
export const isRecord = ({ name }) => /\.json$/i.test(name);
const stem = (name) => name.replace(/\.[^./]*$/, "").toLowerCase();

/**
 * Divides what came by itself, and what lay in folders, into radiographs, each perhaps with the file of its record, and
 * records of no radiograph. One of each belong together; otherwise the name tells, as of chest.dcm and chest.json.
 */
export function withRecords(files, beside = []) {
  const records = [...files.filter(isRecord), ...beside];
  const images = files.filter((one) => !isRecord(one)).map((one) => ({ ...one }));
  const loose = new Set(records);
  for (const image of images) {
    const own = images.length === 1 && records.length === 1 ? records : records.filter((one) => stem(one.name) === stem(image.name));
    if (own.length !== 1) continue;
    image.record = own[0].file;
    loose.delete(own[0]);
  }
  return { images, loose: [...loose] };
}
