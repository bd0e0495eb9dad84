/** The choice of a language, and numbers in it. */
import { type Language } from './words.js';
/** The first of the tags that has words; else English. `zh-TW` has none: it is written in another script. */
export declare function languageOf(tags: readonly (string | null | undefined)[]): Language;
/** A time in words, such as `42 seconds` or `3 minutes`, rounded up. */
export declare function spelledTime(seconds: number, language: Language): string;
/** A time as on a clock, such as `0:42` or `1:00:00`. */
export declare function clockTime(seconds: number): string;
