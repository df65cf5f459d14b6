/** The few words of DER (X.690) that names and requests of certificates take. Pure. */

export function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const COMMON_NAME = Buffer.from([0x06, 0x03, 0x55, 0x04, 0x03]);
const SUBJECT_ALT_NAME = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x11]);
const EXTENSION_REQUEST = Buffer.from([0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e]);
const ECDSA_WITH_SHA256 = Buffer.from([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);

/** A Name (X.509) with a common name, cut to its 64 characters. */
export function nameOf(commonName: string): Buffer {
  return der(0x30, der(0x31, der(0x30, COMMON_NAME, der(0x0c, Buffer.from(commonName.slice(0, 64))))));
}

/** GeneralNames of DNS names. */
export function altNamesOf(names: readonly string[]): Buffer {
  return der(0x30, ...names.map((name) => der(0x82, Buffer.from(name))));
}

/** A request for a certificate (PKCS #10, RFC 2986) without a subject, as ACME wants it; `sign` gives an ECDSA signature over SHA-256 in DER. */
export function certificateRequest(names: readonly string[], publicKey: Buffer, sign: (bytes: Buffer) => Buffer): Buffer {
  const extensions = der(0x30, der(0x30, SUBJECT_ALT_NAME, der(0x04, altNamesOf(names))));
  const info = der(0x30, der(0x02, Buffer.from([0])), der(0x30), publicKey, der(0xa0, der(0x30, EXTENSION_REQUEST, der(0x31, extensions))));
  return der(0x30, info, der(0x30, ECDSA_WITH_SHA256), der(0x03, Buffer.from([0]), sign(info)));
}
