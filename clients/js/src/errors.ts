/** The one error class of this package. */

import type { ServerErrorCode } from './codes.js'

/** Faults that no server told. */
export type ClientErrorCode =
  /** No answer came: the network, CORS, or the server is down. */
  | 'network_error'
  /** An answer came that is not of the contract, such as a proxy's page. */
  | 'unexpected_answer'
  /** There is no session on this device. */
  | 'not_logged_in'
  /** `fetch` was called for an origin that is not among the client's `origins`. */
  | 'origin_not_allowed'
  /** The page came over plain HTTP from another machine, where browsers have no WebCrypto. */
  | 'insecure_context'
  /** The browser lets this page keep nothing. */
  | 'storage_unavailable'

export type AuthErrorCode = ServerErrorCode | ClientErrorCode

export class AuthError extends Error {
  override readonly name = 'AuthError'
  /** Stable; made for `switch`. The message is for developers, in English. */
  readonly code: AuthErrorCode
  /** The HTTP status, or 0 if no server refused. */
  readonly status: number
  /** The seconds to wait before a repeat, if the server said so. */
  readonly retryAfter: number | undefined
  /** The `X-Request-Id` of the answer, for the server's logs. */
  readonly requestId: string | undefined

  constructor(
    code: AuthErrorCode,
    message: string,
    more: { status?: number; retryAfter?: number | undefined; requestId?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.status = more.status ?? 0
    this.retryAfter = more.retryAfter
    this.requestId = more.requestId
  }
}

/** The error that an answer tells. */
export async function errorOf(answer: Response): Promise<AuthError> {
  const told = await refusalOf(answer)
  return new AuthError(told?.code ?? 'unexpected_answer', told?.message ?? `the server answered ${answer.status}`, {
    status: answer.status,
    retryAfter: retryAfterOf(answer),
    requestId: answer.headers.get('x-request-id') ?? undefined,
  })
}

/** The seconds of `Retry-After`. */
export function retryAfterOf(answer: Response): number | undefined {
  const seconds = Number.parseInt(answer.headers.get('retry-after') ?? '', 10)
  return Number.isNaN(seconds) ? undefined : seconds
}

/** `error` of `{"error":{"code","message"}}`, or undefined for another body. Reads a copy of the answer. */
export async function refusalOf(answer: Response): Promise<{ code: ServerErrorCode; message: string } | undefined> {
  if (!answer.headers.get('content-type')?.startsWith('application/json')) return undefined
  try {
    const { error } = (await answer.clone().json()) as { error?: { code?: unknown; message?: unknown } }
    if (typeof error?.code !== 'string') return undefined
    return { code: error.code as ServerErrorCode, message: String(error.message) }
  } catch {
    return undefined
  }
}
