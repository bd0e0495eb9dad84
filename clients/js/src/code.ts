/** The login code as people type and paste it. */

const SEPARATORS = /[\s\p{Pd}\u2212\u30fc\uff70\u00ad\u200b-\u200d\u2060\ufeff\u0085\u001c-\u001f]/gu
const AUTOFILL_LINE = /^@[^\s@#]+ #([0-9]{6})$/

/**
 * The six digits that a person meant, or undefined. It accepts spaces and dashes anywhere, full-width digits, the same
 * code pasted twice, and the letter's line `@example.com #123456`.
 */
export function readCode(text: string): string | undefined {
  if (text.length > 128) return undefined
  const plain = text.replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0)).trim()
  const digits = AUTOFILL_LINE.exec(plain)?.[1] ?? plain.replace(SEPARATORS, '')
  return /^([0-9]{6})\1?$/.exec(digits)?.[1]
}
