/** Ed25519 for browsers whose WebCrypto has none. Scripts of the page can read such a key. */

import { getPublicKeyAsync, signAsync } from '@noble/ed25519'
import type { Bytes } from './bytes.js'

/** A new seed, which is the private key, and its public key. */
export async function generate(): Promise<{ seed: Bytes; publicKey: Uint8Array }> {
  const seed = crypto.getRandomValues(new Uint8Array(32))
  return { seed, publicKey: await getPublicKeyAsync(seed) }
}

export function sign(seed: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  return signAsync(message, seed)
}
