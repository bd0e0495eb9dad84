/** `<authsession-login>`: the log-in as an element. */

import { createAuthClient, deviceLabel, type AuthClient, type AuthError, type Session } from '../index.js'
import { make, setText } from './dom.js'
import { Flow, type Draft, type LoginClient, type Problem, type Step } from './flow.js'
import { languageOf } from './language.js'
import { makePanel, problemText, type Panel } from './panels.js'
import { adoptStyles } from './styles.js'
import { WORDS, type Language } from './words.js'

/** Somebody logged in at this element. A session of an earlier visit or of another tab raises no event. */
export type AuthsessionLoginEvent = CustomEvent<{ readonly session: Session; readonly client: LoginClient }>

/** A call failed. The element has told the person already. */
export type AuthsessionErrorEvent = CustomEvent<{ readonly error: AuthError }>

// A server that renders the page has no elements. The import must work there too.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement)

/** Elements with the same server share one client. */
const clients = new Map<string, AuthClient>()

interface Shown {
  readonly step?: Step
  readonly problem?: Problem | undefined
  readonly isResent?: boolean
}

const NOTHING: Shown = { isResent: false }

export class AuthsessionLogin extends Base {
  static readonly observedAttributes = ['base-url', 'locale']

  readonly #root: ShadowRoot
  readonly #frame = make('div')
  readonly #calm = make('div', { class: 'hidden', role: 'status' })
  readonly #urgent = make('div', { class: 'hidden', role: 'alert' })
  #client: LoginClient | undefined
  #flow: Flow | undefined
  #panel: Panel | undefined
  #shown: Shown = NOTHING
  #savedDraft: string | undefined
  #ticking: ReturnType<typeof setInterval> | undefined
  /** The person did something, and its result may move the cursor. */
  #isDriven = false

  constructor() {
    super()
    this.#root = this.attachShadow({ mode: 'open' })
    adoptStyles(this.#root)
    this.#root.append(this.#frame, this.#calm, this.#urgent)
  }

  /** The client that logs in. Set one to share yours; else the element makes one for `base-url`. */
  get client(): LoginClient {
    return (this.#client ??= clientFor(this.getAttribute('base-url') ?? ''))
  }

  set client(client: LoginClient | undefined) {
    this.#client = client
    if (this.isConnected) this.#begin()
  }

  override focus(): void {
    this.#panel?.focus()
  }

  connectedCallback(): void {
    this.#adoptEarlyClient()
    if (this.#flow) this.#flow.start()
    else this.#begin()
    this.#show()
  }

  disconnectedCallback(): void {
    this.#flow?.stop()
    this.#tickOnlyIf(false)
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after || !this.isConnected) return
    if (name === 'base-url') this.client = undefined
    else this.#show()
  }

  /** A page may set the property before this class is defined. */
  #adoptEarlyClient(): void {
    if (!Object.hasOwn(this, 'client')) return
    const { client } = this
    delete (this as { client?: LoginClient }).client
    this.client = client
  }

  #begin(): void {
    this.#flow?.stop()
    this.#shown = NOTHING
    const { client } = this
    const flow: Flow = new Flow(client, {
      changed: () => flow === this.#flow && this.#show(),
      loggedIn: (session) => this.#tell('authsession-login', { session, client }),
      failed: (error) => this.#tell('authsession-error', { error }),
    })
    this.#flow = flow
    // A draft that is too old, or is none, is removed when the flow shows itself.
    const draft = (this.#savedDraft = readDraft(this.#draftName))
    flow.start()
    flow.restore(draftIn(draft))
    this.#show()
  }

  #tell(type: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail }))
  }

  get #language(): Language {
    const near = this.closest<HTMLElement>('[lang]')?.lang
    return languageOf([this.getAttribute('locale'), near, document.documentElement.lang, ...navigator.languages])
  }

  #show(): void {
    const flow = this.#flow
    if (!flow) return
    const language = this.#language
    const words = WORDS[language]
    const { step, problem, isResent, busy } = flow
    const before = this.#shown
    this.#shown = { step, problem, isResent }
    const hadCursor = this.#root.activeElement !== null
    if (step !== before.step) this.#open(step, flow)
    this.#frame.lang = language
    this.#panel?.show(language, words)
    if (problem !== before.problem) setText(this.#urgent, problemText(flow, language, words))
    setText(this.#calm, isResent ? words.resent : busy ? words.busy : '')
    const isCorrected = problem !== before.problem && (problem?.isInField || problem?.needsNewCode)
    const isNews = step !== before.step || isCorrected || (isResent && !before.isResent)
    if (isNews && before.step) this.#moveCursor(hadCursor)
    this.#keepDraft(flow.draft)
    this.#tickOnlyIf(this.isConnected && flow.wait('send') + flow.limit > 0)
  }

  #open(step: Step, flow: Flow): void {
    this.#panel = makePanel(step, flow, {
      send: (email) => this.#drive(() => flow.send(email, this.#language)),
      resend: () => this.#drive(() => flow.resend(this.#language)),
      confirm: (code) => this.#drive(() => flow.confirm(code, this.getAttribute('label') ?? deviceLabel())),
      back: () => this.#drive(() => flow.back()),
    })
    this.#frame.replaceChildren(this.#panel.root)
  }

  async #drive(deed: () => Promise<void> | void): Promise<void> {
    this.#isDriven = true
    await deed()
    this.#isDriven = false
  }

  /** Takes the cursor only from this element or from nowhere: some browsers give a clicked button none. */
  #moveCursor(hadCursor: boolean): void {
    const active = (this.getRootNode() as Document | ShadowRoot).activeElement
    const isNowhere = !active || active === document.body || active === this
    if (hadCursor || (this.#isDriven && isNowhere)) this.focus()
  }

  get #draftName(): string {
    return `authsession-login ${this.getAttribute('base-url') ?? ''}`
  }

  #keepDraft(draft: Draft | undefined): void {
    const saved = draft && JSON.stringify(draft)
    if (saved === this.#savedDraft) return
    this.#savedDraft = saved
    writeDraft(this.#draftName, saved)
  }

  #tickOnlyIf(isNeeded: boolean): void {
    if (isNeeded === (this.#ticking !== undefined)) return
    clearInterval(this.#ticking)
    this.#ticking = isNeeded ? setInterval(() => this.#flow?.tick(), 1000) : undefined
  }
}

function clientFor(base: string): AuthClient {
  const baseUrl = new URL(base, location.href).href
  const client = clients.get(baseUrl) ?? createAuthClient({ baseUrl })
  clients.set(baseUrl, client)
  return client
}

// A browser may forbid the storage. Then a reload begins anew.

function readDraft(name: string): string | undefined {
  try {
    return sessionStorage.getItem(name) ?? undefined
  } catch {
    return undefined
  }
}

function draftIn(text = '{}'): Partial<Draft> {
  try {
    return Object(JSON.parse(text)) as Partial<Draft>
  } catch {
    return {}
  }
}

function writeDraft(name: string, draft: string | undefined): void {
  try {
    if (draft === undefined) sessionStorage.removeItem(name)
    else sessionStorage.setItem(name, draft)
  } catch {
    // As above.
  }
}
