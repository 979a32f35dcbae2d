// Checks in the browser that what a page shows is in the log that was signed. Nothing but WebCrypto:
// formats are those of RFC 6962 (tree), C2SP signed-note and tlog-checkpoint, RFC 2104 (HMAC).

const JAPANESE = document.documentElement.lang !== 'en';
const say = (ja, en) => (JAPANESE ? ja : en);
const KEY_KEPT_AS = 'meguri-audit-key';

// What each step establishes. The names are also the `data-step` of results.
const STEPS = {
  checkpoint: say('チェックポイントを読める', 'the checkpoint can be read'),
  key: say('チェックポイントはこの鍵の記録のもの', 'the checkpoint is of the log of this key'),
  signature: say('チェックポイントの署名', 'the signature of the checkpoint'),
  entry: say('ヘッダーとブラインドからエントリーを計算', 'the entry, made of header and blind'),
  root: say('証明をたどるとチェックポイントのルートに着く', 'the path leads to the root of the checkpoint'),
  gap: say('バージョンが欠けなく続く', 'versions follow each other without a gap'),
  shown: say('ページの表示はヘッダーのとおり', 'the page shows what the header says'),
};

// A step that was carried out and did not hold.
class Failed extends Error {
  constructor(step) { super(STEPS[step]); this.step = step; }
}
// Something could not be carried out: nothing is known then.
class CannotTell extends Error {}

const bytesOf = (text) => new TextEncoder().encode(text);
const fromBase64 = (text) => {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  if (btoa(String.fromCharCode(...bytes)) !== text) throw new Error('not canonical base64');
  return bytes;
};
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const joined = (...parts) => {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => { all.set(part, at); return at + part.length; }, 0);
  return all;
};
const equal = (a, b) => a.length === b.length && a.every((byte, index) => byte === b[index]);
const sha256 = async (...parts) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', joined(...parts)));

// `name+<hex key id>+<base64(0x01 ‖ public key)>`, and the id has to be that of name and key.
async function parseKey(text) {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text);
  const wrong = new CannotTell(say('検証鍵の形が正しくありません', 'this is not a verifier key'));
  if (!match) throw wrong;
  let key;
  try { key = fromBase64(match[3]); } catch { throw wrong; }
  if (key.length !== 33 || key[0] !== 1) throw wrong;
  const id = (await sha256(bytesOf(match[1]), Uint8Array.of(0x0a), key)).slice(0, 4);
  if (toHex(id) !== match[2]) throw wrong;
  return { name: match[1], id, publicKey: key.slice(1) };
}

// A signed note whose text is a checkpoint: origin, size, root, and whatever else was signed.
function parseCheckpoint(note) {
  try {
    const end = note.lastIndexOf('\n\n');
    const text = note.slice(0, end + 1);
    const [origin, size, root] = text.split('\n');
    if (end < 0 || !origin || !/^[1-9][0-9]*$/.test(size)) throw new Error('not a checkpoint');
    const signatures = note.slice(end + 2).split('\n').filter(Boolean).map((line) => {
      const [, name, signature] = /^— (\S+) (\S+)$/.exec(line);
      return { name, bytes: fromBase64(signature) };
    });
    const tree = { size: Number(size), root: fromBase64(root) };
    if (tree.root.length !== 32 || !Number.isSafeInteger(tree.size)) throw new Error('no tree');
    return { text, origin, signatures, ...tree };
  } catch {
    throw new Failed('checkpoint');
  }
}

// Whether this browser can check Ed25519 at all; it is younger than the rest of WebCrypto.
async function ed25519(publicKey) {
  try {
    return await crypto.subtle.importKey('raw', publicKey, { name: 'Ed25519' }, false, ['verify']);
  } catch (error) {
    if (error.name !== 'NotSupportedError') throw new Failed('signature');
    throw new CannotTell(say('このブラウザーでは署名を確認できません',
      'This browser cannot check the signature'));
  }
}

// A note may carry other signatures; the one of this key has to be there, and to hold.
async function verifySignature(checkpoint, key) {
  const mine = checkpoint.signatures.find((one) =>
    one.name === key.name && equal(one.bytes.slice(0, 4), key.id));
  if (checkpoint.origin !== key.name || !mine) throw new Failed('key');
  const imported = await ed25519(key.publicKey);
  const signature = mine.bytes.slice(4);
  const holds = await crypto.subtle.verify(
    { name: 'Ed25519' }, imported, signature, bytesOf(checkpoint.text));
  if (!holds) throw new Failed('signature');
}

// The root that a leaf and its path lead to (RFC 9162, section 2.1.3.2); null where there is none.
async function rootOf(leaf, index, size, path) {
  let [hash, node, last] = [leaf, index, size - 1];
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      hash = await sha256(Uint8Array.of(1), sibling, hash);
      while (node % 2 === 0 && node !== 0) { node /= 2; last = Math.floor(last / 2); }
    } else {
      hash = await sha256(Uint8Array.of(1), hash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : null;
}

async function read(path) {
  let answer;
  try { answer = await fetch(path, { headers: { accept: 'application/json' } }); } catch { answer = null; }
  if (!answer || !answer.ok) {
    const status = answer ? ` (${answer.status})` : '';
    throw new CannotTell(say('サーバーから読めません', 'the server does not answer') + ` ${path}${status}`);
  }
  return answer;
}

async function verifyEntry(header, blind, entry) {
  const key = await crypto.subtle.importKey(
    'raw', blind, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, bytesOf(header)));
  if (!equal(joined(Uint8Array.of(1), mac), entry)) throw new Failed('entry');
}

async function verifyInclusion(entry, position, checkpoint, proof) {
  const leaf = await sha256(Uint8Array.of(0), entry);
  const root = await rootOf(leaf, position - 1, checkpoint.size, proof);
  if (!root || !equal(root, checkpoint.root)) throw new Failed('root');
}

// What the page shows of an event is what its header says: the codes and the moment that people
// read, the header in full, and what places the event in the exchange.
function verifyShown(element, header) {
  const said = JSON.parse(header);
  const exchange = `exchange-${location.pathname.split('/').pop()}`;
  const visible = (selector) => element.querySelector(selector)?.textContent;
  const { id, version, causation } = element.dataset;
  const pairs = [
    [exchange, said.stream], [id, said.id], [version, String(said.version)],
    [causation, said.causation ?? ''], [visible('code.type'), said.type],
    [visible('code.actor'), said.actor], [element.querySelector('time')?.dateTime, said.at],
    [visible('.header'), header],
  ];
  if (pairs.some(([shown, recorded]) => shown !== recorded)) throw new Failed('shown');
}

async function checkEvent(element, checkpoint) {
  const position = Number(element.dataset.position);
  if (position > checkpoint.size) {
    throw new CannotTell(say('まだチェックポイントに入っていません', 'not in a checkpoint yet'));
  }
  const [event, proof] = await Promise.all([
    read(`/audit/events/${position}`).then((answer) => answer.json()),
    read(`/api/events/${position}/proof?size=${checkpoint.size}`).then((answer) => answer.json()),
  ]);
  const entry = fromBase64(proof.entry);
  if (event.header === null) {
    await verifyInclusion(entry, position, checkpoint, proof.proof.map(fromBase64));
    throw new CannotTell(say('内容は墨消しされています。エントリーが記録にあることだけを確かめました',
      'the content was redacted: only that its entry is in the log was checked'));
  }
  await verifyEntry(event.header, fromBase64(event.blind), entry);
  await verifyInclusion(entry, position, checkpoint, proof.proof.map(fromBase64));
  verifyShown(element, event.header);
}

// An error that nobody foresaw proves nothing either way.
const verdictOf = (error) => {
  if (error instanceof Failed) return { verdict: 'wrong', step: error.step, why: error.message };
  return { verdict: 'unknown', step: '', why: error.message };
};

function show(element, { verdict, step, why }) {
  const words = {
    right: say('正しい', 'sound'),
    wrong: say('正しくない', 'not sound'),
    unknown: say('判断できません', 'cannot tell'),
    running: say('確かめています…', 'checking…'),
  };
  element.dataset.verdict = verdict;
  element.dataset.step = step ?? '';
  element.textContent = why ? `${words[verdict]}: ${why}` : words[verdict];
}

async function openCheckpoint(given, served) {
  const text = given || served;
  if (!text) throw new CannotTell(say('検証鍵がありません', 'there is no verifier key'));
  const key = await parseKey(text);
  const checkpoint = parseCheckpoint(await (await read('/checkpoint')).text());
  let unsure = given ? null : say('鍵をこのサーバーの言うままに使いました。別の経路で受け取った鍵を入力してください',
    'the key is what this server says: enter the one that you got by another way');
  try {
    await verifySignature(checkpoint, key);
  } catch (error) {
    if (error instanceof Failed) throw error;
    unsure = error.message;
  }
  return { checkpoint, unsure };
}

function conclude(summary, results, { checkpoint, unsure }) {
  const wrong = results.filter((one) => one.verdict === 'wrong');
  const unknown = results.filter((one) => one.verdict === 'unknown');
  const size = say(`チェックポイント ${checkpoint.size}`, `checkpoint ${checkpoint.size}`);
  if (wrong.length > 0) {
    show(summary, { ...wrong[0], why: say(`${wrong.length} 件: `, `${wrong.length}: `) + wrong[0].why });
  } else if (unsure) {
    show(summary, { verdict: 'unknown', why: unsure });
  } else if (unknown.length > 0) {
    show(summary, { verdict: 'unknown', why: say(`${unknown.length} 件: `, `${unknown.length}: `) + unknown[0].why });
  } else {
    show(summary, { verdict: 'right', why: say(`${results.length} 件、${size}`, `${results.length} events, ${size}`) });
  }
}

// Checks these events against one checkpoint, and says of each what was found.
async function check(events, summary, key) {
  const given = key.value.trim();
  show(summary, { verdict: 'running' });
  try {
    if (!window.isSecureContext || !globalThis.crypto?.subtle) {
      throw new CannotTell(say('https か localhost で開いてください。ここでは計算できません',
        'open this page over https or on localhost: nothing can be computed here'));
    }
    const opened = await openCheckpoint(given, document.querySelector('#served-key')?.textContent);
    const results = [];
    for (const [index, element] of events.entries()) {
      const before = events[index - 1]?.dataset.version;
      const found = await checkEvent(element, opened.checkpoint).then(() => {
        const version = Number(element.dataset.version);
        if (before && version !== Number(before) + 1) throw new Failed('gap');
        return { verdict: opened.unsure ? 'unknown' : 'right', why: opened.unsure };
      }).catch(verdictOf);
      results.push(found);
      show(element.querySelector('.verdict'), found);
    }
    conclude(summary, results, opened);
  } catch (error) {
    for (const element of events) show(element.querySelector('.verdict'), verdictOf(error));
    show(summary, verdictOf(error));
  }
}

const summary = document.querySelector('#verdict');
const key = document.querySelector('#key');
const all = document.querySelector('#check-all');
if (summary && key && all) {
  key.value = localStorage.getItem(KEY_KEPT_AS) ?? '';
  key.addEventListener('change', () => localStorage.setItem(KEY_KEPT_AS, key.value.trim()));
  all.addEventListener('click', () => check([...document.querySelectorAll('.event')], summary, key));
  all.disabled = false;
}
