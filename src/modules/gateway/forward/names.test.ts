import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bears, type AlternativeName } from './names.ts';

const host = (value: string): AlternativeName => ({ type: 'Hostname', value });
const uri = (value: string): AlternativeName => ({ type: 'URI', value });

test('one name of several is enough; a wildcard of the certificate stands for one label', () => {
  const shown = 'DNS:abc.example.com, DNS:*.shop.example.com, URI:spiffe://example.com/web, IP Address:10.0.0.1, URI:"spiffe://example.com/a, DNS:evil.example.com"';
  const table: [AlternativeName[], boolean][] = [
    [[host('abc.example.com')], true], [[host('ABC.example.com')], true], [[host('other.example.com')], false], [[host('other.example.com'), uri('spiffe://example.com/web')], true],
    [[host('a.shop.example.com')], true], [[host('a.b.shop.example.com')], false], [[host('shop.example.com')], false], [[host('*.shop.example.com')], true], [[host('*.example.com')], false],
    [[uri('spiffe://example.com/WEB')], false], [[uri('abc.example.com')], false], [[host('spiffe://example.com/web')], false], [[host('evil.example.com')], false], [[host('10.0.0.1')], false], [[], false],
  ];
  for (const [names, expected] of table) assert.equal(bears(shown, names), expected, JSON.stringify(names));
  assert.equal(bears(undefined, [host('')]), false);
});
