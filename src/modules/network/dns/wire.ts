/** The few places of a DNS message (RFC 1035, section 4) that are read or written without decoding it. */

const HEADER_BYTES = 12;

/** Everything that a query asks, as a key: all but its id. */
export function question(query: Buffer): string {
  return query.toString('latin1', 2);
}

export function isQuery(message: Buffer): boolean {
  return message.length >= HEADER_BYTES && (message.readUInt8(2) & 0x80) === 0;
}

/** Where the records' times to live stand, OPT left out; undefined when the message is malformed. */
export function messageTtls(message: Buffer): number[] | undefined {
  const found: number[] = [];
  let at = HEADER_BYTES;
  try {
    for (let i = 0; i < message.readUInt16BE(4); i++) at = skipName(message, at) + 4;
    const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
    for (let i = 0; i < records; i++) {
      at = skipName(message, at);
      if (message.readUInt16BE(at) !== 41) found.push(at + 4);
      at += 10 + message.readUInt16BE(at + 8);
    }
  } catch {
    return undefined;
  }
  return at <= message.length ? found : undefined;
}

function skipName(message: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = message.readUInt8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
}

/** The query turned into an answer that says only `rcode`, with its question where it has a whole one. */
export function failure(query: Buffer, rcode: number): Buffer {
  const end = questionEnd(query);
  const answer = Buffer.alloc(end);
  query.copy(answer, 0, 0, end);
  answer.writeUInt8((query.readUInt8(2) & 0x79) | 0x80, 2);
  answer.writeUInt8(0x80 | rcode, 3);
  answer.writeUInt16BE(end > HEADER_BYTES ? 1 : 0, 4);
  answer.fill(0, 6, HEADER_BYTES);
  return answer;
}

/** The answer to an EDNS that is not known: BADVERS, with the version that is (RFC 6891, section 6.1.3). */
export function badVersion(query: Buffer, udpBytes: number): Buffer {
  const answer = failure(query, 0);
  answer.writeUInt16BE(1, 10);
  return Buffer.concat([answer, Buffer.from([0, 0, 41, udpBytes >> 8, udpBytes & 255, 1, 0, 0, 0, 0, 0])]);
}

/** The bytes of a query's question. */
export function questionOf(query: Buffer): Buffer {
  return query.subarray(HEADER_BYTES, questionEnd(query));
}

function questionEnd(query: Buffer): number {
  try {
    const end = skipName(query, HEADER_BYTES) + 4;
    return query.readUInt16BE(4) > 0 && end <= query.length ? end : HEADER_BYTES;
  } catch {
    return HEADER_BYTES;
  }
}
