/** The device's key: of WebCrypto where it has Ed25519, else of the fallback. */

import { base64, type Bytes } from './bytes.js'
import { AuthError } from './errors.js'

/** A key as the storage keeps it. `publicKey` is the padded base64 of its 32 bytes. */
export type DeviceKey = { publicKey: string; privateKey: CryptoKey } | { publicKey: string; seed: Bytes }

/**
 * `non-extractable`: nothing can read the private key, not even this page.
 * `software`: the browser's WebCrypto has no Ed25519, so that scripts of this page can read the key.
 */
export type KeyProtection = 'non-extractable' | 'software'

/** A new key. Raises `insecure_context` for a page without WebCrypto: plain HTTP from another machine. */
export async function generateKey(): Promise<DeviceKey> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new AuthError('insecure_context', 'keys need a page that came over HTTPS or from localhost')
  }
  try {
    const pair = (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair
    const publicKey = base64(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)))
    return { publicKey, privateKey: pair.privateKey }
  } catch {
    return generateSoftwareKey()
  }
}

export async function generateSoftwareKey(): Promise<DeviceKey> {
  const { seed, publicKey } = await (await import('./noble.js')).generate()
  return { publicKey: base64(publicKey), seed }
}

export function protectionOf(key: DeviceKey): KeyProtection {
  return 'seed' in key ? 'software' : 'non-extractable'
}

export async function signWith(key: DeviceKey, message: Bytes): Promise<Uint8Array> {
  if ('seed' in key) return (await import('./noble.js')).sign(key.seed, message)
  return new Uint8Array(await crypto.subtle.sign('Ed25519', key.privateKey, message))
}
