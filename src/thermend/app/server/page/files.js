// What was dropped: files, and the files of folders, whatever their depth.

/** All files of a drop; of folders those that are `known`. */
export async function filesOf(transfer, known) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const found = [];
  for (const entry of entries) {
    try {
      if (entry.isFile) found.push(await fileOf(entry));
      else for (const file of await below(entry)) if (known(file)) found.push(file);
    } catch {
      found.push(new File([], entry.name)); // which cannot be read: the server says that it is empty
    }
  }
  return found;
}

function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

async function below(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most a hundred at a time
    if (!some.length) return found;
    for (const entry of some) {
      if (entry.name.startsWith(".")) continue;
      if (entry.isFile) found.push(await fileOf(entry));
      else found.push(...(await below(entry)));
    }
  }
}
