export { createAuthClient } from './client.js'
export type {
  AuthClient,
  AuthClientOptions,
  Challenge,
  ChangeListener,
  ChangeReason,
  Device,
  Devices,
  Session,
} from './client.js'
export type { ServerErrorCode } from './codes.js'
export { AuthError } from './errors.js'
export type { AuthErrorCode, ClientErrorCode } from './errors.js'
export type { DeviceKey, KeyProtection } from './keys.js'
export { deviceLabel } from './label.js'
export { indexedDbStorage, memoryStorage } from './storage.js'
export type { DeviceStorage, EndReason, Kept } from './storage.js'
