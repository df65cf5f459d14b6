/** Links of a server that is reached below a path of the door: in Location headers, and in HTML (upstream: apimachinery util/proxy/transport.go). */
import { posix } from 'node:path';
import { Transform } from 'node:stream';

export interface Place {
  /** What stands before the server's own paths: `/api/v1/namespaces/a/pods/b/proxy`. */
  prefix: string;
  /** The names under which the server may speak of itself: its address, and what the client asked for. */
  hosts: { server: string; asked: string };
}

const URL_PARTS = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s;

/** A link to an absolute path of the same server goes through the door; all others stay as they are. */
export function rewriteLink(link: string, { prefix, hosts }: Place): string {
  const [, scheme, host, path = '', rest = ''] = URL_PARTS.exec(link) ?? [];
  if (!path.startsWith('/') || (scheme !== undefined && host === undefined)) return link;
  if (host !== undefined && host !== hosts.server && host !== hosts.asked) return link;
  const origin = host !== undefined && host === hosts.asked ? `${scheme === undefined ? '' : `${scheme}:`}//${host}` : '';
  const through = path === prefix || path.startsWith(`${prefix}/`) ? path : `${prefix}${posix.normalize(path)}`;
  return `${origin}${through}${rest}`;
}

/** The attributes that hold links, by element. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'], applet: ['codebase'], area: ['href'], audio: ['src'], base: ['href'], blockquote: ['cite'], body: ['background'], button: ['formaction'], command: ['icon'], del: ['cite'],
  embed: ['src'], form: ['action'], frame: ['longdesc', 'src'], head: ['profile'], html: ['manifest'], iframe: ['longdesc', 'src'], img: ['longdesc', 'src', 'usemap'], input: ['formaction', 'src', 'usemap'],
  ins: ['cite'], link: ['href'], object: ['classid', 'codebase', 'data', 'usemap'], q: ['cite'], script: ['src'], source: ['src'], video: ['poster', 'src'],
};
/** Elements whose content is text, whatever it looks like. */
const TEXT = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'noframes', 'iframe']);
/** Where its name ends is never in question, so that one that does not end is seen to in one pass. */
const TAG = /<([a-zA-Z][^\s/>]*)(?:[\s/](?:[^>"']|"[^"]*"|'[^']*')*)?>/y;
/** With names that have no value, so that each character is looked at once. */
const ATTRIBUTE = /([^\s"'<>/=]+)(?:(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+))?/g;
/** A tag that has not ended after so much is taken for text. */
const LONGEST_TAG = 16_384;

/** A stream of HTML whose links go through the door. Holds no more than a tag; bytes that are no ASCII pass as they are. */
export function htmlRewriter(place: Place): Transform {
  let held = '';
  /** What ends a comment or the text of a script. */
  let until: RegExp | undefined;
  const work = (all: boolean): string => {
    let out = '';
    let at = 0;
    while (at < held.length) {
      if (until !== undefined) {
        until.lastIndex = at;
        const found = until.exec(held);
        const end = found === null ? (all ? held.length : Math.max(at, held.length - 12)) : found.index;
        out += held.slice(at, end);
        at = end;
        if (found === null) break;
        until = undefined;
        out += held[at++] ?? '';
        continue;
      }
      const open = held.indexOf('<', at);
      out += held.slice(at, open < 0 ? held.length : open);
      at = open < 0 ? held.length : open;
      if (open < 0) break;
      if (!all && held.length - at < 4) break;
      if (held.startsWith('<!--', at)) until = /-->/g;
      TAG.lastIndex = at;
      const tag = until === undefined ? TAG.exec(held) : null;
      if (tag !== null) {
        const name = tag[1]!.toLowerCase();
        out += rewriteTag(tag[0], name, place);
        at += tag[0].length;
        if (TEXT.has(name)) until = new RegExp(`</${name}`, 'gi');
      } else if (until === undefined && /^<[a-zA-Z]/.test(held.slice(at, at + 2))) {
        if (!all && held.length - at < LONGEST_TAG) break;
        out += held.slice(at);
        at = held.length;
      } else out += held[at++];
    }
    held = held.slice(at);
    return out;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held += chunk.toString('latin1');
      done(null, Buffer.from(work(false), 'latin1'));
    },
    flush(done) {
      done(null, Buffer.from(work(true), 'latin1'));
    },
  });
}

function rewriteTag(tag: string, name: string, place: Place): string {
  const attributes = Object.hasOwn(LINKS, name) ? LINKS[name]! : [];
  if (attributes.length === 0) return tag;
  return tag.replace(ATTRIBUTE, (whole: string, key: string, equals?: string, value?: string) => {
    if (value === undefined || !attributes.includes(key.toLowerCase())) return whole;
    const quote = value.startsWith('"') || value.startsWith("'") ? value[0]! : '';
    const bare = quote === '' ? value : value.slice(1, -1);
    return `${key}${equals}${quote}${rewriteLink(bare, place)}${quote}`;
  });
}
