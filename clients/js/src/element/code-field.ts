/** The field for the code: one input, which lies over six boxes. Its text is spaced so that a digit stands in each. */

import { readCode } from '../code.js'
import { make } from './dom.js'

const DIGITS = 6

export interface CodeField {
  readonly root: HTMLElement
  readonly input: HTMLInputElement
  clear(): void
}

/** `completed` hears of six digits that were typed, pasted or filled in. */
export function makeCodeField(completed: () => void): CodeField {
  const input = make('input', {
    autocapitalize: 'off',
    autocomplete: 'one-time-code',
    autocorrect: 'off',
    dir: 'ltr',
    enterkeyhint: 'go',
    id: 'code',
    inputmode: 'numeric',
    name: 'code',
    part: 'code-input',
    spellcheck: 'false',
    type: 'text',
  })
  const boxes = Array.from({ length: DIGITS }, () => make('span', { part: 'digit' }))
  const root = make('div', { class: 'code', part: 'code' }, make('div', { class: 'boxes', 'aria-hidden': 'true' }, ...boxes), input)
  const markPlace = (): void => {
    const [from, to] = [input.selectionStart ?? 0, input.selectionEnd ?? 0]
    for (const [index, box] of boxes.entries()) {
      box.part.toggle('digit-current', from === to && index === Math.min(from, DIGITS - 1))
      box.part.toggle('digit-selected', from <= index && index < to)
    }
  }
  let before = ''
  const accept = (): void => {
    const isNew = tidy(input) && input.value !== before
    before = input.value
    // A seventh digit changes nothing, and the same wrong code would cost an attempt.
    if (isNew) completed()
    markPlace()
  }
  input.addEventListener('input', (event) => {
    // An input method shows digits before they are final.
    if (!(event as InputEvent).isComposing) accept()
  })
  input.addEventListener('compositionend', accept)
  input.addEventListener('paste', (event) => {
    const code = readCode(event.clipboardData?.getData('text') ?? '')
    if (code === undefined || input.readOnly) return
    event.preventDefault()
    input.value = code
    // As the browser does after a paste that it carries out.
    input.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertFromPaste' }))
  })
  for (const name of ['focus', 'keyup', 'click', 'select']) input.addEventListener(name, markPlace)
  const clear = (): void => {
    input.value = before = ''
  }
  return { root, input, clear }
}

/** Leaves only digits, with the cursor between the same ones. True if they are a whole code. */
function tidy(input: HTMLInputElement): boolean {
  const { value, selectionStart } = input
  const digits = readCode(value) ?? digitsOf(value).slice(0, DIGITS)
  if (value !== digits) {
    const place = digitsOf(value.slice(0, selectionStart ?? value.length)).length
    input.value = digits
    input.setSelectionRange(place, place)
  }
  return digits.length === DIGITS
}

function digitsOf(text: string): string {
  return text.replace(/[\uff10-\uff19]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0)).replace(/[^0-9]/g, '')
}
