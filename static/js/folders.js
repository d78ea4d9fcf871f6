// Files out of folders, chosen or dropped, without those that are plainly no radiographs.

import { isRecord } from "./record_pairs.js";

const SYSTEM = /(^|\/)(\.|__MACOSX\/|thumbs\.db$|desktop\.ini$)/i;
const OTHER_KINDS = /\.(txt|csv|tsv|md|xml|json|ya?ml|html?|css|js|pdf|docx?|xlsx?|pptx?|rtf|log|ini|inf|db|sqlite3?|exe|dll|bat|sh|py|lnk|url|ico|mp[34]|avi|mov)$/i;

/** A path that no radiograph has; a DICOMDIR only lists the images beside it. */
const isPlainlyNoImage = (path) => SYSTEM.test(path) || OTHER_KINDS.test(path) || /(^|\/)DICOMDIR$/i.test(path);

/** What a folder picker gives: {files: [{file, name}], skipped: [path], beside: [{file, name}]}; JSON files, which may be health records, lie beside. */
export function filesOfPicker(list) {
  return divide([...list].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
}

/** The same for what was dropped: an array of File and FileSystemEntry. Files dropped by themselves are all taken. */
export async function filesOfDrop(dropped) {
  const alone = [];
  const inFolders = [];
  const unread = [];
  for (const item of dropped) {
    if (item instanceof File) alone.push({ file: item, name: item.name });
    else if (item.isDirectory) await walk(item, inFolders, unread);
    else await addFile(item, item.name, alone, unread);
  }
  const { files, skipped, beside } = divide(inFolders);
  return { files: [...alone, ...files], skipped: [...skipped, ...unread], beside };
}

function divide(found) {
  const files = found.filter(({ name }) => !isPlainlyNoImage(name));
  const others = found.filter(({ name }) => isPlainlyNoImage(name));
  const mayBeRecord = ({ name }) => isRecord({ name }) && !SYSTEM.test(name);
  const skipped = others.filter((one) => !mayBeRecord(one)).map(({ name }) => name);
  return { beside: others.filter(mayBeRecord), skipped, files: files.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true })) };
}

async function walk(folder, files, unread) {
  const reader = folder.createReader();
  for (;;) {
    let entries;
    try {
      // Gives at most a hundred at a time, and an empty array at the end.
      entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    } catch {
      unread.push(folder.fullPath.slice(1));
      return;
    }
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (entry.isDirectory) await walk(entry, files, unread);
      else await addFile(entry, entry.fullPath.slice(1), files, unread);
    }
  }
}

async function addFile(entry, name, files, unread) {
  try {
    files.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), name });
  } catch {
    unread.push(name);
  }
}
