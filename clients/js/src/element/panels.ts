/** What a person sees of each step. A panel is made once for its step, and then only its texts and flags change. */

import { makeCodeField } from './code-field.js'
import { make, setAria, setFlag, setText, setTextWithEmail } from './dom.js'
import type { Action, Flow, Step } from './flow.js'
import { clockTime, spelledTime } from './language.js'
import type { Language, Words } from './words.js'

export interface Panel {
  readonly root: HTMLElement
  /** Where the cursor goes when the panel opens, and after a refusal. */
  focus(): void
  show(language: Language, words: Words): void
}

/** What a person does in a panel. */
export interface Deeds {
  send(email: string): void
  resend(): void
  confirm(code: string): void
  back(): void
}

export function makePanel(step: Step, flow: Flow, deeds: Deeds): Panel {
  if (step === 'email') return emailPanel(flow, deeds)
  if (step === 'code') return codePanel(flow, deeds)
  return step === 'done' ? donePanel() : blockedPanel(flow, deeds)
}

/** The problem in words, or an empty text. */
export function problemText(flow: Flow, language: Language, words: Words): string {
  if (!flow.problem) return ''
  return words[flow.problem.text]
    .replace('{n}', String(flow.attemptsLeft))
    .replace('{time}', spelledTime(flow.limit, language))
}

function emailPanel(flow: Flow, deeds: Deeds): Panel {
  const title = make('h2', { part: 'title' }, make('slot', { name: 'title' }))
  const label = make('label', { for: 'email', part: 'label' })
  const input = make('input', {
    autocapitalize: 'off',
    autocomplete: 'email',
    autocorrect: 'off',
    enterkeyhint: 'send',
    id: 'email',
    inputmode: 'email',
    name: 'email',
    part: 'input',
    spellcheck: 'false',
    type: 'email',
  })
  input.value = flow.email
  const note = noteUnder(input, flow)
  const button = submitButton(flow)
  const root = form(flow, () => deeds.send(input.value), title, label, input, note.root, button.root)
  return {
    root,
    focus: () => focusAll(input),
    show: (language, words) => {
      setText(title.firstChild as Node, words.title)
      setText(label, words.email)
      note.show(problemText(flow, language, words), words.intro)
      button.show(words.send, 'send')
    },
  }
}

function codePanel(flow: Flow, deeds: Deeds): Panel {
  const title = make('h2', { part: 'title' })
  const text = make('p', { id: 'sent', part: 'text' })
  const label = make('label', { class: 'hidden', for: 'code', part: 'label' })
  const submit = (): void => (flow.problem?.needsNewCode ? deeds.resend() : deeds.confirm(field.input.value))
  const field = makeCodeField(submit)
  const note = noteUnder(field.input, flow, 'sent')
  const button = submitButton(flow)
  const resend = linkButton(deeds.resend)
  const other = linkButton(deeds.back)
  const links = make('div', { class: 'links', part: 'links' }, resend, other)
  let wasResent = flow.isResent
  const root = form(flow, submit, title, text, label, field.root, note.root, button.root, links)
  return {
    root,
    focus: () => (flow.problem?.needsNewCode ? button.root.focus() : focusAll(field.input)),
    show: (language, words) => {
      const isOver = Boolean(flow.problem?.needsNewCode)
      const wait = flow.wait('send')
      setText(title, words.codeTitle)
      setTextWithEmail(text, words.codeText, flow.email)
      setText(label, words.code)
      text.hidden = field.root.hidden = label.hidden = resend.hidden = isOver
      field.input.readOnly = flow.busy === 'confirm'
      if (flow.isResent && !wasResent) field.clear()
      wasResent = flow.isResent
      note.show(problemText(flow, language, words), flow.isResent ? words.resent : words.spam)
      button.show(isOver ? words.resend : words.submit, isOver ? 'send' : 'confirm')
      setText(resend, wait > 0 ? words.resendIn.replace('{time}', clockTime(wait)) : words.resend)
      setAria(resend, 'disabled', wait > 0 || flow.busy !== undefined)
      setText(other, words.other)
      setAria(other, 'disabled', flow.busy !== undefined)
    },
  }
}

function blockedPanel(flow: Flow, deeds: Deeds): Panel {
  const title = make('h2', { part: 'title', tabindex: '-1' })
  const text = make('p', { part: 'text' })
  const button = make('button', { part: 'button', type: 'button' })
  button.addEventListener('click', deeds.back)
  return {
    root: make('div', { class: 'panel', part: 'form' }, title, text, button),
    focus: () => title.focus(),
    show: (_language, words) => {
      setText(title, words.blockedTitle)
      setTextWithEmail(text, words.blocked, flow.email)
      setText(button, words.other)
    },
  }
}

function donePanel(): Panel {
  const title = make('h2', { part: 'title', tabindex: '-1' })
  const mark = make('span', { 'aria-hidden': 'true', class: 'mark', part: 'mark' })
  return {
    root: make('div', { class: 'panel done', part: 'form' }, mark, title, make('slot', { name: 'done' })),
    focus: () => title.focus(),
    show: (_language, words) => setText(title, words.doneTitle),
  }
}

function form(flow: Flow, submit: () => void, ...children: HTMLElement[]): HTMLFormElement {
  const root = make('form', { class: 'panel', novalidate: '', part: 'form' }, ...children)
  root.addEventListener('submit', (event) => {
    event.preventDefault()
    submit()
  })
  // Before the field hears of it: a correction may complete the code, and a new problem must stay.
  root.addEventListener('input', () => flow.edit(), true)
  return root
}

/** The line under a field: a hint, or the problem. It describes the field to a screen reader. */
function noteUnder(input: HTMLInputElement, flow: Flow, ...describedBy: string[]) {
  const root = make('p', { id: 'note', part: 'hint' })
  input.setAttribute('aria-describedby', [...describedBy, 'note'].join(' '))
  return {
    root,
    show: (problem: string, hint: string): void => {
      setText(root, problem || hint)
      root.part.value = problem ? 'error' : 'hint'
      setAria(input, 'invalid', Boolean(flow.problem?.isInField))
    },
  }
}

/** Stays focusable while it can do nothing, so that the cursor is not lost. */
function submitButton(flow: Flow) {
  const spinner = make('span', { 'aria-hidden': 'true', class: 'spinner', part: 'spinner' })
  const text = make('span')
  const root = make('button', { part: 'button', type: 'submit' }, spinner, text)
  return {
    root,
    show: (words: string, action: Action): void => {
      const wait = flow.wait(action)
      setText(text, wait > 0 ? `${words} · ${clockTime(wait)}` : words)
      setFlag(root, 'data-busy', flow.busy === action)
      setAria(root, 'disabled', wait > 0 || flow.busy !== undefined)
    },
  }
}

function linkButton(deed: () => void): HTMLButtonElement {
  const button = make('button', { part: 'link', type: 'button' })
  button.addEventListener('click', deed)
  return button
}

function focusAll(input: HTMLInputElement): void {
  input.focus()
  input.select()
}
