// An app that uses all of the package. A test compiles it as two kinds of projects do.
import {
  AuthError,
  createAuthClient,
  deviceLabel,
  indexedDbStorage,
  memoryStorage,
  type AuthClient,
  type AuthErrorCode,
  type Challenge,
  type ChangeReason,
  type Device,
  type DeviceStorage,
  type Session,
} from '@authsession/client'
import { AuthsessionLogin } from '@authsession/client/element'
import { sign } from '@authsession/client/noble'
import { createTestServer, type TestServer } from '@authsession/client/testing'
import { NotTrusted, verifyManifest, verifyRequest, verifyStatement } from '@authsession/client/verify'

const storage: DeviceStorage = typeof indexedDB === 'undefined' ? memoryStorage() : indexedDbStorage()
const server: TestServer = createTestServer()
const auth: AuthClient = createAuthClient({ baseUrl: server.baseUrl, fetch: server.fetch, storage })

export async function logIn(email: string): Promise<Session> {
  const challenge: Challenge = await auth.sendCode(email, { locale: 'de' })
  const label = deviceLabel()
  return auth.confirmCode(challenge, server.codeFor(email), label === undefined ? {} : { label })
}

export async function others(): Promise<Device[]> {
  return (await auth.devices.list()).filter((device) => !device.isCurrent)
}

export function advice(error: unknown): string {
  if (!(error instanceof AuthError)) throw error
  const code: AuthErrorCode = error.code
  switch (code) {
    case 'invalid_code':
      return 'type it again'
    case 'rate_limited':
      return `wait for ${error.retryAfter ?? 1} seconds`
    case 'network_error':
      return 'check the connection'
    // @ts-expect-error no server tells this code
    case 'no_such_code':
    default:
      return code
  }
}

export function loginElement(): AuthsessionLogin {
  const element = document.createElement('authsession-login')
  element.addEventListener('authsession-login', ({ detail }) => console.log(detail.session.deviceSessionId))
  element.addEventListener('authsession-error', ({ detail }) => console.warn(advice(detail.error)))
  return element
}

// @ts-expect-error an option that does not exist
createAuthClient({ baseUrl: '', pollingInterval: 1 })

export const off: () => void = auth.onChange((session: Session | null, reason: ChangeReason) => {
  if (session?.keyProtection === 'software') console.warn(reason)
})

export const used = [sign, NotTrusted, verifyManifest, verifyRequest, verifyStatement]
