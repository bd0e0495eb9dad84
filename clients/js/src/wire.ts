/** Calls of the public API. Answers become values, refusals `AuthError`. */

import { AuthError, errorOf, retryAfterOf } from './errors.js'

const LONGEST_WAIT_MS = 3000

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>

export interface Call {
  url: string
  init: RequestInit
}

/** How often a call is sent at most, and how long an answer may take. */
export interface Patience {
  tries: number
  timeoutMs: number
  /** The browser goes on with the call when its page is closed. */
  outlivesPage?: boolean
}

export const PATIENT: Patience = { tries: 3, timeoutMs: 10_000 }

/**
 * Sends a call, and the same bytes again if no answer came or the server is busy. The contract makes such repeats safe.
 * Raises `network_error` after the last try.
 */
export async function sendAndRepeat(fetch: Fetch, call: Call, patience: Patience): Promise<Response> {
  const { tries } = patience
  for (let sent = 1; ; sent++) {
    try {
      const answer = await sendOnce(fetch, call, patience)
      const wait = answer.status >= 500 ? retryAfterOf(answer) : undefined
      if (sent === tries || wait === undefined || wait * 1000 > LONGEST_WAIT_MS) return answer
      await pause(wait * 1000)
    } catch (fault) {
      if (sent === tries) throw fault
      await pause(125 * 2 ** sent)
    }
  }
}

/** Sends a call, and returns its whole answer. No other server gets what it carries: redirects are not followed. */
export async function sendOnce(fetch: Fetch, { url, init }: Call, patience: Patience): Promise<Response> {
  try {
    const answer = await fetch(url, {
      cache: 'no-store',
      credentials: 'omit',
      keepalive: patience.outlivesPage ?? false,
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(patience.timeoutMs),
      ...init,
    })
    // An answer that breaks off in its body is lost like any other.
    await answer.clone().arrayBuffer()
    return answer
  } catch (fault) {
    throw new AuthError('network_error', 'no answer: the server is away, redirects, or its CORS origins miss this page', {
      cause: fault,
    })
  }
}

/** The JSON object of a 200. Raises the `AuthError` of any other answer. */
export async function objectOf(answer: Response): Promise<Record<string, unknown>> {
  if (answer.status !== 200) throw await errorOf(answer)
  const value: unknown = await answer.json().catch(() => undefined)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected()
  return value as Record<string, unknown>
}

/** The text of that name. Raises `unexpected_answer` if there is none. */
export function textOf(object: Record<string, unknown>, name: string): string {
  const value = object[name]
  if (typeof value !== 'string') throw unexpected()
  return value
}

function unexpected(): AuthError {
  return new AuthError('unexpected_answer', 'the answer is not of the contract: check `baseUrl`', { status: 200 })
}

export function postOf(url: string, body: object, headers: Record<string, string> = {}): Call {
  return {
    url,
    init: { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) },
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
