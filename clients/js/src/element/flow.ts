/** The steps of a log-in, without a page: from the address over the code to a session. */

import { readCode } from '../code.js'
import { AuthError, type AuthClient, type Challenge, type Session } from '../index.js'
import type { Words } from './words.js'

/** The part of a client that a log-in needs. */
export type LoginClient = Pick<AuthClient, 'confirmCode' | 'onChange' | 'ready' | 'sendCode' | 'session'>

export type Step = 'email' | 'code' | 'blocked' | 'done'

/** A call: for a first or further code, or for a session. */
export type Action = 'send' | 'confirm'

export interface Problem {
  readonly text: keyof Words
  /** The field is at fault, so that it has to be corrected. */
  readonly isInField?: boolean
  /** The code is over: only a new one helps. */
  readonly needsNewCode?: boolean
}

/** A log-in as it outlives a reload of the page. Phones often unload a page while its person reads the letter. */
export interface Draft {
  readonly email: string
  readonly challengeId: string
  readonly wrong: number
  readonly resendAt: number
  readonly sentAt: number
}

export interface Hearer {
  /** Something that is to be seen has changed. */
  changed(): void
  /** Here, by this flow. */
  loggedIn(session: Session): void
  failed(error: AuthError): void
}

export const MAX_ATTEMPTS = 5
const DRAFT_LIFE_MS = 10 * 60_000
const WITHOUT_RETRY_AFTER_SECONDS = 60

const PROBLEMS: Partial<Record<string, Problem>> = {
  challenge_expired: { text: 'expired', needsNewCode: true },
  challenge_not_found: { text: 'expired', needsNewCode: true },
  insecure_context: { text: 'insecure' },
  network_error: { text: 'offline' },
  rate_limited: { text: 'rate' },
  service_unavailable: { text: 'unavailable' },
  session_limit_exceeded: { text: 'devices' },
  storage_unavailable: { text: 'storage' },
}

export class Flow {
  step: Step = 'email'
  email = ''
  busy: Action | undefined
  problem: Problem | undefined
  /** A further code was sent, and the person was told. */
  isResent = false
  /** Wrong codes for the present challenge. */
  wrong = 0
  readonly #client: LoginClient
  readonly #hearer: Hearer
  readonly #limitedUntil: Record<Action, number> = { send: 0, confirm: 0 }
  #challenge: Challenge | undefined
  #sentAt = 0
  #resendAt = 0
  #stopListening: (() => void) | undefined

  constructor(client: LoginClient, hearer: Hearer) {
    this.#client = client
    this.#hearer = hearer
  }

  /** Follows the session: a log-in or log-out in another tab shows here. */
  start(): void {
    this.#stopListening ??= this.#client.onChange(() => this.#follow())
    this.#follow()
    // A storage that cannot be read is told when a log-in needs it.
    this.#client.ready().then(() => this.#stopListening && this.#follow(), () => undefined)
  }

  stop(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
  }

  get attemptsLeft(): number {
    return MAX_ATTEMPTS - this.wrong
  }

  /** Whole seconds until the action is allowed. */
  wait(action: Action): number {
    const resendAt = action === 'send' && this.step === 'code' ? this.#resendAt : 0
    return secondsTo(Math.max(this.#limitedUntil[action], resendAt))
  }

  /** Whole seconds until the last rate limit ends. */
  get limit(): number {
    return secondsTo(Math.max(this.#limitedUntil.send, this.#limitedUntil.confirm))
  }

  async send(typed: string, locale: string): Promise<void> {
    const email = plainEmail(typed)
    if (this.busy || this.wait('send') > 0) return
    if (!/^[^\s@]+@[^\s@]+$/.test(email)) return this.#refuse({ text: 'badEmail', isInField: true })
    this.email = email
    const challenge = await this.#run('send', () => this.#client.sendCode(email, { locale }))
    if (challenge) this.#await(challenge, this.step === 'code')
  }

  resend(locale: string): Promise<void> {
    return this.send(this.email, locale)
  }

  async confirm(typed: string, label: string | undefined): Promise<void> {
    const challenge = this.#challenge
    if (this.busy || this.wait('confirm') > 0 || this.problem?.needsNewCode || !challenge) return
    const code = readCode(typed)
    if (code === undefined) return this.#refuse({ text: 'badCode', isInField: true })
    const session = await this.#run('confirm', () => this.#client.confirmCode(challenge, code, label ? { label } : {}))
    if (!session) return
    this.#follow()
    this.#hearer.loggedIn(session)
  }

  /** Back to the address. */
  back(): void {
    if (this.busy) return
    this.#leaveChallenge('email')
  }

  /** The person corrects the field. */
  edit(): void {
    if (!this.problem?.isInField) return
    this.problem = undefined
    this.#hearer.changed()
  }

  /** Forgets a rate limit that is over. */
  tick(): void {
    if (this.problem?.text === 'rate' && this.limit === 0) this.problem = undefined
    this.#hearer.changed()
  }

  get draft(): Draft | undefined {
    if (this.step !== 'code' || !this.#challenge) return undefined
    const { challengeId } = this.#challenge
    return { email: this.email, challengeId, wrong: this.wrong, resendAt: this.#resendAt, sentAt: this.#sentAt }
  }

  /** Goes on where a reload interrupted. Ignores an old draft, and anything that is not one. */
  restore(draft: Partial<Draft>): void {
    const { email, challengeId, wrong, resendAt, sentAt } = draft
    const isWhole = typeof email === 'string' && typeof challengeId === 'string' && typeof sentAt === 'number'
    if (this.step !== 'email' || !isWhole || Date.now() - sentAt > DRAFT_LIFE_MS) return
    this.email = email
    this.#await({ challengeId, resendAfter: 0 }, false)
    this.#sentAt = sentAt
    this.#resendAt = Math.min(Number(resendAt) || 0, Date.now() + 60_000)
    this.wrong = Number(wrong) || 0
    if (this.wrong >= MAX_ATTEMPTS) this.problem = { text: 'spent', needsNewCode: true }
    this.#hearer.changed()
  }

  #await(challenge: Challenge, isResent: boolean): void {
    this.#challenge = challenge
    this.#sentAt = Date.now()
    this.#resendAt = this.#sentAt + challenge.resendAfter * 1000
    this.step = 'code'
    this.wrong = 0
    this.isResent = isResent
    this.#hearer.changed()
  }

  #follow(): void {
    const { session } = this.#client
    if (session && this.step !== 'done') {
      // The next person at this device does not see the address.
      this.email = ''
      this.#leaveChallenge('done')
    }
    if (!session && this.step === 'done') this.#leaveChallenge('email')
  }

  #leaveChallenge(step: Step): void {
    this.step = step
    this.#challenge = undefined
    this.problem = undefined
    this.isResent = false
    this.#hearer.changed()
  }

  /** The result of the call, or undefined after a failure, which is then told. */
  async #run<T>(action: Action, call: () => Promise<T>): Promise<T | undefined> {
    this.busy = action
    this.problem = undefined
    this.isResent = false
    this.#hearer.changed()
    try {
      return await call()
    } catch (fault) {
      this.#fail(action, fault)
      return undefined
    } finally {
      this.busy = undefined
      this.#hearer.changed()
    }
  }

  #fail(action: Action, fault: unknown): void {
    const error = fault instanceof AuthError ? fault : new AuthError('unexpected_answer', String(fault), { cause: fault })
    if (error.code === 'rate_limited') {
      this.#limitedUntil[action] = Date.now() + (error.retryAfter ?? WITHOUT_RETRY_AFTER_SECONDS) * 1000
    }
    if (error.code === 'blocked_by_policy') this.#leaveChallenge('blocked')
    else this.problem = this.#problemOf(action, error)
    this.#hearer.failed(error)
  }

  #problemOf(action: Action, { code }: AuthError): Problem {
    if (code === 'invalid_code') return this.#countWrong()
    if (code === 'invalid_request' && action === 'send') return { text: 'badEmail', isInField: true }
    return PROBLEMS[code] ?? { text: 'unexpected' }
  }

  #countWrong(): Problem {
    this.wrong += 1
    if (this.wrong >= MAX_ATTEMPTS) return { text: 'spent', needsNewCode: true }
    return { text: this.wrong === MAX_ATTEMPTS - 1 ? 'wrongLast' : 'wrong', isInField: true }
  }

  #refuse(problem: Problem): void {
    this.problem = problem
    this.#hearer.changed()
  }
}

function secondsTo(instant: number): number {
  return Math.max(0, Math.ceil((instant - Date.now()) / 1000))
}

/** The address as meant: no spaces around it, and no full-width characters of an input method. */
function plainEmail(typed: string): string {
  return typed.replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0)).trim()
}
