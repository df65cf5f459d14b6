import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCertificationRequest } from './pkcs10.ts';

/** Made by OpenSSL: O=team, CN=ada; SAN ada.example.com and 10.0.0.1; RSA 1024 with SHA-256. */
const REQUEST = `-----BEGIN CERTIFICATE REQUEST-----
MIIBjzCB+QIBADAdMQ0wCwYDVQQKDAR0ZWFtMQwwCgYDVQQDDANhZGEwgZ8wDQYJ
KoZIhvcNAQEBBQADgY0AMIGJAoGBAMESBeCWZI50ZOeBi+eJufcpi9zOfXiH17mz
XlPLAMeI4U+SF49gjCS5Ccjlug4RBUojSiBDF4JrfVHc8DfIWj9TbLOFb2+20HiH
Ht5cV759Qg+vBaPnw2J5W2QDdbWBw5wZwWwqb8XYE/e/S5N3m5OE84H41j4nhp4g
OKOffmWtAgMBAAGgMzAxBgkqhkiG9w0BCQ4xJDAiMCAGA1UdEQQZMBeCD2FkYS5l
eGFtcGxlLmNvbYcECgAAATANBgkqhkiG9w0BAQsFAAOBgQA5rbuGBplagDF5QKbe
uQl/3xbJGytNJh6xwihn0HzTzP+qA7vxRPyI84PFK85yJWYYrLeZsN4VSKL87Lw6
Crba18w2CEkJBUolJcPSJEPoaH8GREavVI7j8IJNbwq9eWgwHeZ2Smaov/CfdgB6
iaC3+l1YHCeuM6ImOHf4CsnAZQ==
-----END CERTIFICATE REQUEST-----`;

test('a request of another tool is read', () => {
  const { commonName, organizations, alternatives, publicKey } = readCertificationRequest(REQUEST);
  assert.deepEqual([commonName, organizations, alternatives], ['ada', ['team'], { dns: 1, addresses: 1, others: 0 }]);
  assert.equal(publicKey[0], 0x30);
});

/** The same way, RSA 1024 with SHA-1. */
const OLD_REQUEST = `-----BEGIN CERTIFICATE REQUEST-----
MIIBXDCBxgIBADAdMQ0wCwYDVQQKDAR0ZWFtMQwwCgYDVQQDDANvbGQwgZ8wDQYJ
KoZIhvcNAQEBBQADgY0AMIGJAoGBANZVjPeJr/VgOKNT6U19Bu0lfZBNNKlb/hTb
8J5HLDqbJpNz/AnEFAWOTgEfwC3mp2l00hx3GyKM7G/3k6fdlojLpebHfUXcv+ab
B/9Te5BAfCtmySseGERLzLHLB9U0AdZ2CJD3/2JjmgCTpr84rtOnWSAm/t9S8h5R
l+v9KeVDAgMBAAGgADANBgkqhkiG9w0BAQUFAAOBgQDFatWc9kTydYOkNIqwCirr
hFLrNm4e9YvdVGPQ0QzZbigYsjhMza+5i3wwrx7tj/5HNwTPkqi323kKoXQDYJqS
YMk6LsI1miEYHPcEUgu5r77knN9LIWMBwuRkqHak2rpue2TeSMA7ltfa0iQ9xbuI
3lHTXO6mrzvvvj7Je89xaQ==
-----END CERTIFICATE REQUEST-----`;

test('a request may be signed by SHA-1, as Go believes it of requests', () => {
  assert.equal(readCertificationRequest(OLD_REQUEST).commonName, 'old');
});

test('what is broken is refused, and never hangs', () => {
  const bytes = Buffer.from(REQUEST.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const pem = (der: Buffer): string => `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
  assert.throws(() => readCertificationRequest('nothing'), /PEM block type must be CERTIFICATE REQUEST/);
  for (let length = 0; length < bytes.length; length += 7) assert.throws(() => readCertificationRequest(pem(bytes.subarray(0, length))), RangeError);
  for (let at = 0; at < bytes.length; at += 3) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 0x41;
    assert.throws(() => readCertificationRequest(pem(changed)), RangeError, `byte ${at}`);
  }
});
