/** The device's key: of WebCrypto where it has Ed25519, else of the fallback. */
import { type Bytes } from './bytes.js';
/** A key as the storage keeps it. `publicKey` is the padded base64 of its 32 bytes. */
export type DeviceKey = {
    publicKey: string;
    privateKey: CryptoKey;
} | {
    publicKey: string;
    seed: Bytes;
};
/**
 * `non-extractable`: nothing can read the private key, not even this page.
 * `software`: the browser's WebCrypto has no Ed25519, so that scripts of this page can read the key.
 */
export type KeyProtection = 'non-extractable' | 'software';
/** A new key. Raises `insecure_context` for a page without WebCrypto: plain HTTP from another machine. */
export declare function generateKey(): Promise<DeviceKey>;
export declare function generateSoftwareKey(): Promise<DeviceKey>;
export declare function protectionOf(key: DeviceKey): KeyProtection;
export declare function signWith(key: DeviceKey, message: Bytes): Promise<Uint8Array>;
