/** The choice of a language, and numbers in it. */

import { LANGUAGES, type Language } from './words.js'

/** The first of the tags that has words; else English. `zh-TW` has none: it is written in another script. */
export function languageOf(tags: readonly (string | null | undefined)[]): Language {
  for (const tag of tags) {
    const found = tag ? wordsFor(tag) : undefined
    if (found) return found
  }
  return 'en'
}

function wordsFor(tag: string): Language | undefined {
  try {
    const { language, script } = new Intl.Locale(tag).maximize()
    return LANGUAGES.find((known) => known === language || known === `${language}-${script}`)
  } catch {
    return undefined
  }
}

/** A time in words, such as `42 seconds` or `3 minutes`, rounded up. */
export function spelledTime(seconds: number, language: Language): string {
  const [value, unit] =
    seconds < 100 ? [seconds, 'second'] : seconds < 6000 ? [seconds / 60, 'minute'] : [seconds / 3600, 'hour']
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(Math.ceil(value))
}

/** A time as on a clock, such as `0:42` or `1:00:00`. */
export function clockTime(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const two = (value: number): string => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}
