// NumPy's file format, as far as the server uses it: little-endian float32 of two dimensions.

/** @returns {{height: number, width: number, values: Float32Array}} */
export function parseNpy(buffer) {
  const bytes = new Uint8Array(buffer);
  if (String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") throw new Error("no NPY file");
  const view = new DataView(buffer);
  const start = bytes[6] === 1 ? 10 : 12;
  const size = bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + size));
  const shape = header.match(/'shape': \((\d+), (\d+)\)/);
  if (!shape || !header.includes("'<f4'") || header.includes("'fortran_order': True")) throw new Error("another kind of NPY file");
  return { height: Number(shape[1]), width: Number(shape[2]), values: new Float32Array(buffer, start + size) };
}
