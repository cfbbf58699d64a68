/**
 * The protobuf wire format (its documentation, "Encoding"), for the fields that onnx-proto does not know.
 */

export interface Field {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** The length-delimited fields of a message. Throws when it is truncated. */
export function fieldsOf(message: Uint8Array): Field[] {
  const out: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError("a message is truncated");
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 5:
        at += 4;
        break;
      case 2: {
        const length = varint();
        if (at + length > message.length) throw new RangeError("a message is truncated");
        out.push({ number: tag >> 3, bytes: message.subarray(at, at + length) });
        at += length;
        break;
      }
      default:
        throw new RangeError(`wire type ${tag & 7} is not known`);
    }
  }
  return out;
}
