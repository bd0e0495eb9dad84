/** Ed25519 for browsers whose WebCrypto has none. Scripts of the page can read such a key. */
import type { Bytes } from './bytes.js';
/** A new seed, which is the private key, and its public key. */
export declare function generate(): Promise<{
    seed: Bytes;
    publicKey: Uint8Array;
}>;
export declare function sign(seed: Uint8Array, message: Uint8Array): Promise<Uint8Array>;
