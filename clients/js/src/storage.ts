/** Keeps the key of a device. In browsers that is IndexedDB, which keeps a `CryptoKey` without its bytes. */

import { AuthError } from './errors.js'
import type { DeviceKey } from './keys.js'

/** Why there is no session any more. */
export type EndReason = 'logged_out' | 'session_revoked' | 'session_unknown' | 'key_lost'

/** What is kept under a name: a session with its key, a key before its confirm, or how the last session ended. */
export type Kept =
  | { kind: 'session'; deviceSessionId: string; key: DeviceKey }
  | { kind: 'pending'; challengeId: string; key: DeviceKey }
  | { kind: 'ended'; deviceSessionId: string; reason: EndReason }

/** Where a client keeps its key. Values are structured-cloneable, and must not leave the device. */
export interface DeviceStorage {
  get(name: string): Promise<Kept | undefined>
  /** Keeps `value`. With `instead`, only if `name` still holds the session of that id, in one step. */
  set(name: string, value: Kept, instead?: string): Promise<void>
  delete(name: string): Promise<void>
}

/** Keeps keys until the page or the process ends. */
export function memoryStorage(): DeviceStorage {
  const kept = new Map<string, Kept>()
  return {
    get: async (name) => kept.get(name),
    set: async (name, value, instead) => {
      if (mayReplace(kept.get(name), instead)) kept.set(name, value)
    },
    delete: async (name) => void kept.delete(name),
  }
}

const DATABASE = 'authsession'
const KEPT = 'devices'

/** Keeps keys in IndexedDB, for all pages of this origin. */
export function indexedDbStorage(): DeviceStorage {
  let opened: Promise<IDBDatabase> | undefined
  const forget = (): void => {
    opened = undefined
  }
  const open = (): Promise<IDBDatabase> => {
    opened ??= openDatabase(forget).catch((fault: unknown) => {
      forget()
      throw fault
    })
    return opened
  }
  const transact = async <T>(
    mode: IDBTransactionMode,
    run: (store: IDBObjectStore) => IDBRequest<T> | undefined,
  ): Promise<T | undefined> => {
    for (let attempt = 1; ; attempt++) {
      const database = await open()
      try {
        return await finished(database.transaction(KEPT, mode, { durability: 'strict' }), run)
      } catch (fault) {
        // The browser ends a connection when site data are cleared, and some do when the page was in the background.
        if (attempt > 1 || (fault instanceof DOMException && fault.name === 'DataCloneError')) throw fault
        database.close()
        forget()
      }
    }
  }
  return {
    get: (name) => transact('readonly', (store) => store.get(name) as IDBRequest<Kept | undefined>),
    set: async (name, value, instead) => {
      await transact('readwrite', (store) => {
        if (instead === undefined) return void store.put(value, name)
        const standing = store.get(name) as IDBRequest<Kept | undefined>
        standing.onsuccess = () => {
          if (mayReplace(standing.result, instead)) store.put(value, name)
        }
        return undefined
      })
    },
    delete: async (name) => void (await transact('readwrite', (store) => store.delete(name))),
  }
}

function mayReplace(standing: Kept | undefined, instead: string | undefined): boolean {
  return instead === undefined || (standing?.kind === 'session' && standing.deviceSessionId === instead)
}

function openDatabase(onClosed: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore(KEPT)
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const database = opening.result
      database.onclose = onClosed
      database.onversionchange = () => {
        database.close()
        onClosed()
      }
      resolve(database)
    }
  })
}

/** The result of the request, after its transaction is committed. */
function finished<T>(
  transaction: IDBTransaction,
  run: (store: IDBObjectStore) => IDBRequest<T> | undefined,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    transaction.onabort = () => reject(transaction.error)
    const request = run(transaction.objectStore(KEPT))
    transaction.oncomplete = () => resolve(request?.result)
  })
}

/** The given storage, else IndexedDB, else memory. Faults become `storage_unavailable`; `DataCloneError` passes. */
export function reliable(given: DeviceStorage | undefined): DeviceStorage {
  const storage = given ?? (globalThis.indexedDB === undefined ? memoryStorage() : indexedDbStorage())
  const told = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call
    } catch (fault) {
      if (fault instanceof DOMException && fault.name === 'DataCloneError') throw fault
      throw new AuthError('storage_unavailable', 'the key cannot be kept on this device', { cause: fault })
    }
  }
  return {
    get: (name) => told(storage.get(name)),
    set: (name, value, instead) => told(storage.set(name, value, instead)),
    delete: (name) => told(storage.delete(name)),
  }
}
