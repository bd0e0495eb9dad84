// Opens the deliveries of a vectors file with WebCrypto alone: X25519, HMAC-SHA256 (as HKDF), AES-256-GCM, Ed25519.
// It is written from RFC 9180 and SPEC 17.3. Prints one JSON list: for each exchange its values in base64, or null.
import { readFileSync } from "node:fs";

const { subtle } = globalThis.crypto;
const text = (value) => new TextEncoder().encode(value);
const hex = (value) => Uint8Array.from(Buffer.from(value, "hex"));
const raw = (value) => Uint8Array.from(Buffer.from(value, "base64"));
const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const KEM = join(text("KEM"), [0x00, 0x20]);
const SUITE = join(text("HPKE"), [0x00, 0x20, 0x00, 0x01, 0x00, 0x02]);
const MARKER = "authsession-secret-delivery-v1";

async function hmac(key, message) {
  const imported = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, message));
}

const extract = (salt, label, material, suite) =>
  hmac(salt.length ? salt : new Uint8Array(32), join(text("HPKE-v1"), suite, text(label), material));

const expand = async (key, label, info, length, suite) =>
  (await hmac(key, join([length >> 8, length & 255], text("HPKE-v1"), suite, text(label), info, [1]))).slice(0, length);

const privateKey = (seed) =>
  subtle.importKey("pkcs8", join(hex("302e020100300506032b656e04220420"), seed), { name: "X25519" }, true, ["deriveBits"]);

const publicOf = async (key) => raw(Buffer.from((await subtle.exportKey("jwk", key)).x, "base64url").toString("base64"));

async function unseal(sealed, key, info) {
  const encapsulated = sealed.slice(0, 32);
  const sender = await subtle.importKey("raw", encapsulated, { name: "X25519" }, true, []);
  const shared = new Uint8Array(await subtle.deriveBits({ name: "X25519", public: sender }, key, 256));
  const empty = new Uint8Array();
  const mixed = await extract(empty, "eae_prk", shared, KEM);
  const secret = await expand(mixed, "shared_secret", join(encapsulated, await publicOf(key)), 32, KEM);
  const hashes = [await extract(empty, "psk_id_hash", empty, SUITE), await extract(empty, "info_hash", info, SUITE)];
  const context = join([0], ...hashes);
  const schedule = await extract(secret, "secret", empty, SUITE);
  const aes = await subtle.importKey("raw", await expand(schedule, "key", context, 32, SUITE), "AES-GCM", false, ["decrypt"]);
  const iv = await expand(schedule, "base_nonce", context, 12, SUITE);
  return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, aes, sealed.slice(32)));
}

function uvarint(number) {
  const bytes = [];
  for (; number >= 128; number = Math.floor(number / 128)) bytes.push((number % 128) | 128);
  return [...bytes, number];
}

const framed = (...fields) => join(...fields.flatMap((field) => [uvarint(field.length), field]));

async function isSigned(info, sealed, keys) {
  const digest = new Uint8Array(await subtle.digest("SHA-256", raw(sealed.bytes)));
  const message = framed(text(MARKER), join(info, digest));
  for (const { key_id, signature } of sealed.signatures) {
    const known = keys.find((each) => each.key_id === key_id);
    if (!known) continue;
    const key = await subtle.importKey("raw", raw(known.public_key), { name: "Ed25519" }, false, ["verify"]);
    if (await subtle.verify({ name: "Ed25519" }, key, raw(signature), message)) return true;
  }
  return false;
}

async function valueOf(exchange, asked, answered) {
  const fields = [exchange.node_id, exchange.request_id, `${answered.sealed.key_generation}`, asked.secret_id, `${asked.version}`];
  const info = framed(text(MARKER), ...fields.map(text));
  if (!(await isSigned(info, answered.sealed, exchange.config_keys))) throw new Error("not signed");
  const value = await unseal(raw(answered.sealed.bytes), await privateKey(hex(exchange.encryption_key_hex)), info);
  return Buffer.from(value).toString("base64");
}

async function valuesOf(exchange) {
  const asked = exchange.request.secrets, answered = exchange.response.secrets;
  const isWhole = asked.length === answered.length
    && asked.every((each, at) => each.secret_id === answered[at].secret_id && each.version === answered[at].version);
  if (!isWhole) return null;
  try {
    return await Promise.all(asked.map((each, at) => valueOf(exchange, each, answered[at])));
  } catch {
    return null;
  }
}

const { exchanges } = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(await Promise.all(exchanges.map(valuesOf))));
