/** Keeps the key of a device. In browsers that is IndexedDB, which keeps a `CryptoKey` without its bytes. */
import type { DeviceKey } from './keys.js';
/** Why there is no session any more. */
export type EndReason = 'logged_out' | 'session_revoked' | 'session_unknown' | 'key_lost';
/** What is kept under a name: a session with its key, a key before its confirm, or how the last session ended. */
export type Kept = {
    kind: 'session';
    deviceSessionId: string;
    key: DeviceKey;
} | {
    kind: 'pending';
    challengeId: string;
    key: DeviceKey;
} | {
    kind: 'ended';
    deviceSessionId: string;
    reason: EndReason;
};
/** Where a client keeps its key. Values are structured-cloneable, and must not leave the device. */
export interface DeviceStorage {
    get(name: string): Promise<Kept | undefined>;
    /** Keeps `value`. With `instead`, only if `name` still holds the session of that id, in one step. */
    set(name: string, value: Kept, instead?: string): Promise<void>;
    delete(name: string): Promise<void>;
}
/** Keeps keys until the page or the process ends. */
export declare function memoryStorage(): DeviceStorage;
/** Keeps keys in IndexedDB, for all pages of this origin. */
export declare function indexedDbStorage(): DeviceStorage;
/** The given storage, else IndexedDB, else memory. Faults become `storage_unavailable`; `DataCloneError` passes. */
export declare function reliable(given: DeviceStorage | undefined): DeviceStorage;
